"""Small JSON endpoints and downloads: people for moderators, exports for the staff. Neighbour: `health`, for
operators."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from live.control import MediaRefused
from rooms.access import check_on_stage_role, check_page
from rooms.errors import Refused
from server import export
from server.services import Services
from server.trouble import connections, unrecorded
from server.turn import VALID_FOR, ice_servers

PEOPLE_PER_PAGE: Final = 50


async def people(request: Request) -> Response:
    """GET /api/people?session=ID&page=N: who is in a session, for moderators, a page at a time."""
    services: Services = request.state.services
    check_page(services.identity.actor(request), "desk")
    session_id = request.query_params.get("session", "")
    services.streams.context(session_id)
    present = services.presence.people(session_id)
    known = sorted(filter(None, map(services.people.get, present)), key=lambda person: person.name.casefold())
    page = _number(request.query_params.get("page", "0"))
    rows = [
        {
            "id": person.id,
            "name": person.name,
            "municipality": person.municipality,
            "title": person.title,
            "visible": present[person.id],
        }
        for person in known[page * PEOPLE_PER_PAGE : (page + 1) * PEOPLE_PER_PAGE]
    ]
    return JSONResponse({"total": len(known), "page": page, "per_page": PEOPLE_PER_PAGE, "people": rows})


async def trouble(request: Request) -> Response:
    """GET /api/trouble?session=ID: whose sound and picture are in trouble and why, for moderators, the worst first; and
    whose picture a recording that is being made leaves out; and on which of several nodes the session's media is."""
    services: Services = request.state.services
    check_page(services.identity.actor(request), "desk")
    session_id = request.query_params.get("session", "")
    services.streams.context(session_id)
    try:
        report = await services.media.room(session_id)
    except MediaRefused as refusal:
        raise Refused(refusal.code) from refusal
    rooms = report.parts
    found = [
        {"name": person.name, **structs.asdict(connection)}
        for connection in connections(peer for room in rooms for peer in room.peers.values())
        if (person := services.people.get(connection.person_id))
    ]
    troubled = sum(row["level"] != "good" for row in found)
    gaps = [
        {"name": person.name, "codec": codec, "recorded_in": recorded}
        for person_id, (codec, recorded) in unrecorded(rooms).items()
        if (person := services.people.get(person_id))
    ]
    answer = {"total": len(found), "troubled": troubled, "people": found[:PEOPLE_PER_PAGE], "unrecorded": gaps}
    return JSONResponse(answer | {"node": report.node})


async def whip_pass(request: Request) -> Response:
    """GET /api/whip?session=ID: the address and token with which one's own software can be the speaker."""
    services: Services = request.state.services
    actor = check_on_stage_role(check_page(services.identity.actor(request), "session"))
    plan = services.streams.context(request.query_params.get("session", "")).plan
    token = await services.identity.media_token(plan.room, actor.person_id, "whip")
    return JSONResponse({"url": f"{services.settings.url}/whip/{plan.room}", "token": token})


async def ice(request: Request) -> Response:
    """GET /api/ice: the TURN servers to go by, and for how many seconds the credentials are good."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "lobby")
    servers = ice_servers(services.settings, actor.person_id, services.now())
    body = {"servers": servers, "seconds": int(VALID_FOR.total_seconds())}
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def exported(request: Request) -> Response:
    """GET /export/{what}.{csv|json}: attendance, answers, questions or harvest, for the staff."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "board")
    form = request.path_params["form"]
    what = next((kind for kind in export.KINDS if kind == request.path_params["what"]), None)
    if what is None or form not in ("csv", "json"):
        raise Refused("not_found")
    async with services.readings.of(actor.person_id):
        table = await export.rows(services.database, what, services.now())
    if form == "csv":
        return csv_download(request, table, what)
    headers = {"Content-Disposition": f'attachment; filename="{what}.json"', "Cache-Control": "no-store"}
    return Response(export.to_json(table), headers=headers, media_type="application/json")


def csv_download(request: Request, table: export.Table, name: str) -> Response:
    """A table as the visitor's spreadsheet reads it. Excel in Nordic languages takes semicolons for columns, since the comma
    is its decimal sign."""
    services: Services = request.state.services
    delimiter = "," if services.translations.language(request) == "en" else ";"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(export.to_csv(table, delimiter), headers=headers, media_type="text/csv; charset=utf-8")


def _number(text_: str) -> int:
    return int(text_) if text_.isascii() and text_.isdigit() and len(text_) < 6 else 0


routes: Final = [
    Route("/api/people", people),
    Route("/api/trouble", trouble),
    Route("/api/whip", whip_pass),
    Route("/api/ice", ice),
    Route("/export/{what}.{form}", exported),
]

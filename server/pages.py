"""The pages: who may open them, and what they are given. Everything live reaches them over the WebSocket afterwards.

Neighbours: `board.py`, the board's page; `templates.py` renders, `forms.py` takes what is posted, `programme_view.py` and
`my_data.py` prepare, `files.py` serves what is not a page.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from rooms import messages as m
from rooms.access import Page, check_page
from rooms.errors import Refused
from server import contacts, files, forms, my_data, programme_view
from server.privacy import person_file
from server.templates import render, translator, zone_of


async def welcome(request: Request) -> Response:
    """GET /: straight to the lobby, or how to get in."""
    if request.state.services.identity.actor(request) is not None:
        return RedirectResponse("/lobby", 303)
    return render(request, "welcome.html")


async def lobby(request: Request) -> Response:
    """GET /lobby: the programme, and the way into the session that matters now."""
    _check(request, "lobby")
    services = request.state.services
    state, now = services.streams.conference, services.now()
    filmed = {film.plan.id for film in programme_view.films(state, _rooms(request))}
    return render(
        request,
        "lobby.html",
        days=programme_view.days(state, now),
        focus=programme_view.focus(state, now),
        filmed=filmed,
    )


async def check(request: Request) -> Response:
    """GET /check: camera, microphone, loudspeaker and network, before it matters."""
    _check(request, "lobby")
    return render(request, "check.html", has_relays=bool(request.state.services.settings.turn_servers))


async def session(request: Request) -> Response:
    """GET /session/{session_id}: the same page for the hall and for those on stage."""
    actor = _check(request, "session")
    return _session_page(request, "session.html", actor, request.path_params["session_id"])


async def desk(request: Request) -> Response:
    """GET /desk: the moderator's desk of the session that is current, else of the programme's first."""
    actor = _check(request, "desk")
    services = request.state.services
    state = services.streams.conference
    current = programme_view.focus(state, services.now()).plan
    plans = [plan for plan in (state.programme.sessions if state.programme else ()) if plan.kind != "break"]
    if current is None and not plans:
        raise Refused("not_found")
    return _session_page(request, "desk.html", actor, (current or plans[-1]).id)


async def desk_of(request: Request) -> Response:
    """GET /desk/{session_id}."""
    actor = _check(request, "desk")
    return _session_page(request, "desk.html", actor, request.path_params["session_id"])


async def library(request: Request) -> Response:
    """GET /library: what can be watched afterwards."""
    _check(request, "library")
    services = request.state.services
    state, now = services.streams.conference, services.now()
    films = programme_view.films(state, _rooms(request))
    return render(request, "library.html", films=films, days=programme_view.days(state, now))


async def me(request: Request) -> Response:
    """GET /me: everything that is kept about the visitor."""
    actor = _check(request, "me")
    services = request.state.services
    data = await my_data.everything(services, actor)
    return render(
        request,
        "me.html",
        data=data,
        titles=data.titles,
        known=person_file.known(data.person, translator(request)),
        attended=await my_data.attendance_of(services, actor.person_id),
        connections=services.hub.connections_of(actor.person_id),
        contacts=contacts.groups_of(services, actor.person_id),
    )


async def my_file(request: Request) -> Response:
    """GET /me/everything.zip and /me/everything.json: the same to take along."""
    data = await my_data.everything(request.state.services, _check(request, "me"))
    form = request.path_params["form"]
    if form not in ("zip", "json"):
        raise Refused("not_found")
    content = person_file.archive(data, translator(request)) if form == "zip" else person_file.to_json(data)
    headers = {"Content-Disposition": f'attachment; filename="everything.{form}"', "Cache-Control": "no-store"}
    return Response(content, media_type=f"application/{form}", headers=headers)


async def privacy(request: Request) -> Response:
    """GET /privacy: for everybody, signed in or not."""
    return render(request, "privacy.html", terms=request.state.services.settings)


def _check(request: Request, page: Page) -> m.Actor:
    return check_page(request.state.services.identity.actor(request), page)


def _session_page(request: Request, template: str, actor: m.Actor, session_id: str) -> Response:
    streams = request.state.services.streams
    context = streams.context(session_id)
    data = {
        "session_id": session_id,
        "title": context.plan.title,
        "kind": context.plan.kind,
        "roles": sorted(actor.roles),
    }
    zone = zone_of(streams.conference.programme)
    return render(request, template, plan=context.plan, run=context.run, session_zone=zone, page_data=data)


def _rooms(request: Request) -> dict[str, m.RoomState]:
    streams = request.state.services.streams
    programme = streams.conference.programme
    return {plan.id: streams.room(plan.id) for plan in (programme.sessions if programme else ())}


routes: Final[list[BaseRoute]] = [
    Route("/", welcome),
    Route("/lobby", lobby),
    Route("/check", check),
    Route("/session/{session_id}", session),
    Route("/desk", desk),
    Route("/desk/{session_id}", desk_of),
    Route("/library", library),
    Route("/me", me),
    Route("/me/everything.{form}", my_file),
    Route("/privacy", privacy),
    *forms.routes,
    *files.routes,
]

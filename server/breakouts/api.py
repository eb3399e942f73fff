"""How the moderator's page asks for groups, and everybody's for the reason of their own."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms import messages as m
from rooms.access import check_page
from rooms.errors import Refused
from server.api import csv_download
from server.breakouts.list_file import list_of, read_list
from server.i18n import Translator
from server.services import Services


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A plan, and the rounds' rooms as they are now. `at`: which round is to be composed, with those that follow from it.
    `after`: of the command `breakouts.plan`."""

    plan: m.BreakoutPlan
    rooms: m.DraftRooms = ()
    later: m.LaterRounds = ()
    at: Annotated[int, msgspec.Meta(ge=0, lt=m.MOST_ROUNDS)] = 0
    after: m.RoundNumber | None = None

    @property
    def draft(self) -> m.BreakoutsDraft:
        return m.BreakoutsDraft(self.plan, self.rooms, self.later)


_decoder: Final = msgspec.json.Decoder(Asked)


async def compose(request: Request) -> Response:
    """POST /api/breakouts/{session_id}/compose: groups by the plan's way; what is locked or fixed in the rooms stays."""
    services, _, session_id = _moderator(request)
    asked = _read(await request.body())
    return _json(await services.composer.compose(session_id, asked.draft, _words(request), asked.at))


async def judge(request: Request) -> Response:
    """POST /api/breakouts/{session_id}/judge: what is to be said of the rooms as they are."""
    services, _, session_id = _moderator(request)
    asked = _read(await request.body())
    return _json(await services.composer.judge(session_id, asked.draft, _words(request)))


async def plan(request: Request) -> Response:
    """POST /api/breakouts/{session_id}/plan: the command `breakouts.plan`, where it is longer than a WebSocket message."""
    services, actor, session_id = _moderator(request)
    asked = _read(await request.body())
    command = m.BreakoutsPlan(asked.plan, asked.rooms, asked.later, asked.after)
    await services.streams.handle(m.breakouts_stream(session_id), actor, command)
    return Response(status_code=204)


async def take_list(request: Request) -> Response:
    """POST /api/breakouts/{session_id}/list: rooms from a CSV file, in the body."""
    services, _, session_id = _moderator(request)
    words = _words(request)
    rooms, problems = read_list(await request.body(), services.people, words)
    return _json(await services.composer.judge(session_id, m.BreakoutsDraft(m.BreakoutPlan("list"), rooms), words, problems))


async def give_list(request: Request) -> Response:
    """GET /api/breakouts/{session_id}/list: the draft's rooms as CSV, or those of the last round; with `?in_touch`, of all
    rounds the groups that agreed to stay in touch, with those who did."""
    services, _, session_id = _moderator(request)
    state = services.streams.breakouts(session_id)
    if "in_touch" in request.query_params:
        staying = [replace(room, people=room.in_touch) for room in state.rooms.values() if len(room.in_touch) > 1]
        return csv_download(request, list_of(staying, services.people), "rooms")
    last = [room for room in state.rooms.values() if room.round == state.number]
    rooms = state.draft.rooms if state.draft is not None else last
    return csv_download(request, list_of(rooms, services.people), "rooms")


async def why(request: Request) -> Response:
    """GET /api/breakouts/{session_id}/why: the sentence about one's own group; empty where there is nothing to say."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    session_id = request.path_params["session_id"]
    services.streams.context(session_id)
    return _json({"words": services.composer.why(session_id, actor.person_id, _words(request))})


def _moderator(request: Request) -> tuple[Services, m.Actor, str]:
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "desk")
    session_id = request.path_params["session_id"]
    services.streams.context(session_id)
    return services, actor, session_id


def _words(request: Request) -> Translator:
    translations = request.state.services.translations
    words: Translator = translations.of(translations.language(request))
    return words


def _read(body: bytes) -> Asked:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused("bad_rooms") from error


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


routes: Final = [
    Route("/api/breakouts/{session_id}/compose", compose, methods=["POST"]),
    Route("/api/breakouts/{session_id}/judge", judge, methods=["POST"]),
    Route("/api/breakouts/{session_id}/plan", plan, methods=["POST"]),
    Route("/api/breakouts/{session_id}/list", take_list, methods=["POST"]),
    Route("/api/breakouts/{session_id}/list", give_list),
    Route("/api/breakouts/{session_id}/why", why),
]

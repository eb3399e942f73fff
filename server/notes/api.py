"""How pages write and read notes. Of others' they hear over the WebSocket (`telling`); what they lack they ask for here."""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rooms import messages as m
from rooms.access import check_breakout_reading, check_page
from rooms.errors import Refused
from server.notes.document import EMPTY, missing, vector_of
from server.notes.notebook import Answer, Place
from server.services import Services


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Base64 (RFC 4648). `update`: what the page has written, "" for nothing; `vector`: how much it has, "" for nothing."""

    update: str = ""
    vector: str = ""


_decoder: Final = msgspec.json.Decoder(Asked)


async def exchange(request: Request) -> Response:
    """POST /api/breakouts/{session_id}/notes/{room_id}: takes what the page has written and gives it what it lacks. For the
    room's people; moderators read."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    services.notes.paces.check(actor.person_id)
    place = Place(request.path_params["session_id"], request.path_params["room_id"])
    update, vector = _read(await request.body())  # first: who is sent out while it comes in reads no more
    context = services.streams.context(place.session_id)
    state = services.streams.breakouts(place.session_id)
    if update and context.run.phase == "live" and _was_moved(services, actor, state, place):
        answer = await services.notes.book.write(place, update, vector)
        if not _may_read(actor, state, place.room_id):
            answer = Answer(missing(EMPTY, EMPTY), vector_of(EMPTY))
    elif update:
        _check_writing(actor, check_breakout_reading(actor, state, place.room_id), context.run.phase)
        answer = await services.notes.book.write(place, update, vector)
    else:
        check_breakout_reading(actor, state, place.room_id)
        answer = await services.notes.book.read(place, vector)
    return Response(_encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


async def notes(request: Request) -> Response:
    """GET /api/breakouts/{session_id}/notes: all rooms' notes as they read, for moderators; for others those of their own
    rooms."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    services.notes.paces.check(actor.person_id)
    session_id = request.path_params["session_id"]
    services.streams.context(session_id)
    state = services.streams.breakouts(session_id)
    rooms = [room for room in state.rooms.values() if _may_read(actor, state, room.id)]
    texts = await services.notes.book.texts(session_id, {room.id for room in rooms})
    found = [
        {"room_id": room.id, "title": room.title, "topic": room.topic, "round": room.round, "text": text}
        for room in rooms
        if (text := texts.get(Place(session_id, room.id)))
    ]
    return JSONResponse({"notes": found}, headers={"Cache-Control": "no-store"})


def _check_writing(actor: m.Actor, room: m.BreakoutRoom, phase: m.Phase) -> None:
    """Raises unless `actor` may write: one of the room's people, until the session ends."""
    if actor.person_id not in room.people:
        raise Refused("not_in_room")
    if phase != "live":
        raise Refused("session_ended" if phase == "ended" else "not_live")


def _was_moved(services: Services, actor: m.Actor, state: m.BreakoutsState, place: Place) -> bool:
    """Out of the room a moment ago: their last words are taken."""
    room = state.rooms.get(place.room_id)
    is_gone = room is not None and actor.person_id not in room.people
    return is_gone and services.notes.leaving.may_write(place, actor.person_id)


def _may_read(actor: m.Actor, state: m.BreakoutsState, room_id: str) -> bool:
    try:
        check_breakout_reading(actor, state, room_id)
    except Refused:
        return False
    return True


def _read(body: bytes) -> tuple[bytes, bytes]:
    try:
        asked = _decoder.decode(body)
        return b64decode(asked.update, validate=True), b64decode(asked.vector, validate=True)
    except (msgspec.DecodeError, ValueError):  # not JSON, not ours, not Base64
        raise Refused("bad_text") from None


def _encode(answer: Answer) -> bytes:
    return msgspec.json.encode(answer._asdict())  # bytes become Base64


routes: Final = [
    Route("/api/breakouts/{session_id}/notes/{room_id}", exchange, methods=["POST"]),
    Route("/api/breakouts/{session_id}/notes", notes),
]

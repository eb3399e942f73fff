"""What happens in a room: calls for help, visits, its facilitator, what it takes home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.access import check_breakout_reading, check_leading, is_moderator
from rooms.breakouts.seats import check_running, open_rooms, running_room, seat_of
from rooms.breakouts.sketch import Sketch
from rooms.errors import Refused
from rooms.text import check_text

POINT_LENGTH: Final = 200


def ask_help(sketch: Sketch, person_id: str) -> None:
    room = _own(sketch, person_id)
    if room.help_since is None:
        sketch.do(m.BreakoutHelpAsked(replace(room, help_since=sketch.now), person_id))


def withdraw_help(sketch: Sketch, person_id: str) -> None:
    _end_help(sketch, _own(sketch, person_id), person_id)


def answer_help(sketch: Sketch, person_id: str, room_id: str) -> None:
    _end_help(sketch, running_room(sketch.state, room_id), person_id)


def appoint(sketch: Sketch, room_id: str, person_id: str) -> None:
    room = running_room(sketch.state, room_id)
    if person_id and person_id not in room.people:
        raise Refused("not_in_room")
    if person_id != room.facilitator:
        sketch.do(m.BreakoutAppointed(replace(room, facilitator=person_id)))


def visit(sketch: Sketch, person_id: str, room_id: str) -> None:
    """One room at a time; where one sits one needs no visit."""
    if room_id:
        check_running(sketch.state)
        room = running_room(sketch.state, room_id)
        if person_id in room.people or person_id in room.visitors:
            return
    for other in open_rooms(sketch.state):
        if person_id in other.visitors:
            visitors = tuple(visitor for visitor in other.visitors if visitor != person_id)
            sketch.do(m.BreakoutVisited(replace(other, visitors=visitors), person_id))
    if room_id:
        room = sketch.state.rooms[room_id]
        sketch.do(m.BreakoutVisited(replace(room, visitors=(*room.visitors, person_id)), person_id))


def mute(sketch: Sketch, actor: m.Actor, person_id: str) -> None:
    room = seat_of(sketch.state, person_id)
    if room is None or not (is_moderator(actor) or actor.person_id in room.people):
        raise Refused("not_in_room")
    check_leading(actor, room)
    sketch.do(m.BreakoutMuted(room, person_id, actor.person_id))


def set_points(sketch: Sketch, actor: m.Actor, points: Sequence[str], room_id: str) -> None:
    """Also after the room was closed."""
    room = _named(sketch, actor, room_id)
    check_leading(actor, room)
    told = tuple(check_text(point, most=POINT_LENGTH) for point in points if point.strip())
    if told != room.points:
        sketch.do(m.BreakoutPointsSet(replace(room, points=told)))


def show_notes(sketch: Sketch, actor: m.Actor, room_id: str, *, on: bool) -> None:
    room = _named(sketch, actor, room_id)
    check_leading(actor, room)
    showing = m.BreakoutShowing(room.id, room.title or room.topic, room.number) if on else None
    is_shown = sketch.state.showing is not None and sketch.state.showing.room_id == room.id
    if on != is_shown:
        sketch.do(m.BreakoutsNotesShown(showing))


def touch(sketch: Sketch, actor: m.Actor, room_id: str, *, agrees: bool) -> None:
    """Also after the room was closed, by its people alone."""
    room = _named(sketch, actor, room_id)
    if actor.person_id not in room.people:
        raise Refused("not_in_room")
    if agrees != (actor.person_id in room.in_touch):
        others = tuple(person for person in room.in_touch if person != actor.person_id)
        in_touch = (*others, actor.person_id) if agrees else others
        sketch.do(m.BreakoutTouched(replace(room, in_touch=in_touch), actor.person_id))


def _end_help(sketch: Sketch, room: m.BreakoutRoom, person_id: str) -> None:
    if room.help_since is not None:
        sketch.do(m.BreakoutHelpAnswered(replace(room, help_since=None), person_id))


def _own(sketch: Sketch, person_id: str) -> m.BreakoutRoom:
    """The room somebody sits in. Raises `Refused`."""
    room = seat_of(sketch.state, person_id)
    if room is None:
        raise Refused("not_in_room")
    return room


def _named(sketch: Sketch, actor: m.Actor, room_id: str) -> m.BreakoutRoom:
    """The room that is named, or one's own."""
    return check_breakout_reading(actor, sketch.state, room_id) if room_id else _own(sketch, actor.person_id)

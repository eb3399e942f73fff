"""Who goes where while a round runs: moved by moderators, by themselves, or by the server, so that nobody is alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from rooms import messages as m
from rooms.breakouts.planning import MOST_ROOMS
from rooms.breakouts.running import COUNTDOWN
from rooms.breakouts.seats import (
    check_running,
    end_of,
    ended_pairs,
    is_full,
    is_kept_apart,
    is_running,
    lasting_rooms,
    next_number,
    not_to_be_placed,
    open_rooms,
    room_with_seat,
    seat_of,
)
from rooms.breakouts.sketch import Sketch
from rooms.errors import Refused

PAIR_TIME: Final = timedelta(minutes=5)
MOST_ENDED_PAIRS: Final = 1000  # that are kept, with what they left behind; besides them those that ended a moment ago
LINGERING: Final = timedelta(minutes=5)  # two who have parted may still write, and agree to stay in touch


def move(sketch: Sketch, person_id: str, room_id: str) -> None:
    """By a moderator."""
    check_running(sketch.state)
    seat = seat_of(sketch.state, person_id)
    if seat is not None and seat.id == room_id:
        return
    if not room_id:
        sketch.go_out(person_id, is_moved=False)
        return
    room_with_seat(sketch.state, person_id, room_id)
    sketch.move(person_id, room_id)


def exchange(sketch: Sketch, one: str, other: str) -> None:
    check_running(sketch.state)
    rooms = seat_of(sketch.state, one), seat_of(sketch.state, other)
    if rooms[0] is None or rooms[1] is None or rooms[0].is_pair or rooms[1].is_pair:
        raise Refused("illegal_step")
    if rooms[0].id == rooms[1].id:
        return
    for person_id in (one, other):
        sketch.go_out(person_id, is_moved=True)
    sketch.enter(one, rooms[1].id)
    sketch.enter(other, rooms[0].id)


def choose(sketch: Sketch, person_id: str, room_id: str) -> None:
    """By oneself: rooms that are open to anybody, and the one that one left by oneself."""
    state = sketch.state
    check_running(state)
    room = state.rooms.get(room_id)
    if room is None or (room.is_pair and person_id not in room.people):
        raise Refused("not_found")
    if is_running(state, room) and person_id in room.people:
        return
    if not room.is_open and state.outside.get(person_id) != room_id:
        raise Refused("room_not_open")
    room_with_seat(state, person_id, room_id)
    seat = seat_of(state, person_id)
    if seat is not None and not seat.is_open:
        raise Refused("in_a_room")
    sketch.move(person_id, room_id)


def leave(sketch: Sketch, person_id: str) -> None:
    """By oneself; one may come back as long as there is a seat."""
    sketch.go_out(person_id, is_moved=False, way_back=True)


def seat(sketch: Sketch, person_id: str, room_id: str) -> None:
    """A late arrival. Whatever came between is no error."""
    state = sketch.state
    room = state.rooms.get(room_id)
    if room is None or not is_running(state, room) or is_full(room) or person_id in not_to_be_placed(state):
        return
    sketch.enter(person_id, room_id)


def gather(sketch: Sketch, present: Collection[str]) -> None:
    """Whoever is alone in a room, of those who are here, goes where others are, if a room has a seat, and nobody from whom
    they are kept apart. Rooms to which people come and go as they like are left alone, and so is the last minute."""
    for room in _to_gather(sketch):
        here = [person for person in sketch.state.rooms[room.id].people if person in present]
        if len(here) != 1:
            continue
        others = [
            (sum(person in present for person in other.people), len(other.people), other.number, other.id)
            for other in _to_gather(sketch)
            if other.id != room.id
            and not is_full(other)
            and any(person in present for person in other.people)
            and not is_kept_apart(sketch.state, here[0], other.people)
        ]
        if others:
            sketch.move(here[0], min(others)[-1])


def pair(sketch: Sketch, person_id: str, *, on: bool) -> None:
    """Waits for somebody to talk to, or no longer does."""
    state = sketch.state
    if on:
        check_running(state)
        if not state.pairs:
            raise Refused("room_not_open")
        if person_id in state.barred:
            raise Refused("barred")
        seat = seat_of(state, person_id)
        if seat is not None and not seat.is_open:
            raise Refused("in_a_room")
    if on != (person_id in state.waiting):
        sketch.do(m.BreakoutsWaiting(person_id, on))


def match(sketch: Sketch, pairs: Sequence[tuple[str, str]]) -> None:
    """Brings them together who still wait for it."""
    for people in pairs:
        state = sketch.state
        waits = len(set(people)) == 2 and state.pairs and set(people) <= set(state.waiting)
        if state.phase != "running" or not waits or len(lasting_rooms(state)) >= MOST_ROOMS:
            continue
        for person_id in people:
            sketch.go_out(person_id, is_moved=True)
        number = next_number(sketch.state)
        end = sketch.now + PAIR_TIME
        if state.ends_at is not None:
            end = min(end, state.ends_at)
        room = m.BreakoutRoom(
            f"b{number}", number, "", capacity=2, is_pair=True, round=state.number, people=people, ends_at=end
        )
        sketch.do(m.BreakoutPaired(room))
    _forget_pairs(sketch)


def _forget_pairs(sketch: Sketch) -> None:
    """One to one goes on all day: of the pairs that have ended some are kept, of the others who met whom. Never forgotten
    are the newest room, by whose number the next gets its own, and the one whose notes are on the stage."""
    state = sketch.state
    ended = ended_pairs(state)
    kept = {f"b{next_number(state) - 1}", state.showing.room_id if state.showing is not None else ""}
    for room in ended[: max(0, len(ended) - MOST_ENDED_PAIRS)]:
        has_lingered = room.closed_at is not None and sketch.now - room.closed_at >= LINGERING
        if has_lingered and room.id not in kept:
            sketch.do(m.BreakoutForgotten(room))


def _to_gather(sketch: Sketch) -> list[m.BreakoutRoom]:
    """Rooms that people were put into, and that last a while yet."""
    state = sketch.state
    return [
        room
        for room in open_rooms(state)
        if not room.is_open and not room.is_pair and ((end := end_of(state, room)) is None or end > sketch.now + COUNTDOWN)
    ]

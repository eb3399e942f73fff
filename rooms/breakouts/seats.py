"""Questions to a state of breakout rooms: who sits where, and until when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from rooms import messages as m
from rooms.errors import Refused


def is_running(state: m.BreakoutsState, room: m.BreakoutRoom) -> bool:
    """True if people sit in a room now."""
    return state.phase == "running" and room.closed_at is None


def open_rooms(state: m.BreakoutsState) -> list[m.BreakoutRoom]:
    """The rooms that run, in the order in which they were opened."""
    return [room for room in state.rooms.values() if is_running(state, room)]


def seat_of(state: m.BreakoutsState, person_id: str) -> m.BreakoutRoom | None:
    """The room that somebody sits in; None: they are in the plenary."""
    return next((room for room in open_rooms(state) if person_id in room.people), None)


def end_of(state: m.BreakoutsState, room: m.BreakoutRoom) -> datetime | None:
    """When a room ends; None: when it is closed by hand."""
    return room.ends_at or state.ends_at


def is_full(room: m.BreakoutRoom) -> bool:
    return len(room.people) >= room.capacity


def is_kept_apart(state: m.BreakoutsState, person_id: str, others: Collection[str]) -> bool:
    """True if the moderators keep somebody apart from one of `others`, in the round that runs."""
    apart = (people for people in (state.plan.apart if state.plan is not None else ()) if person_id in people)
    return any(other in people for people in apart for other in others if other != person_id)


def not_to_be_placed(state: m.BreakoutsState) -> set[str]:
    """Whoever is no late arrival: they sit in a room of this round, or did, or went out of one, are barred or left out."""
    sat = {person for room in state.rooms.values() if room.round == state.number for person in room.people}
    left_out = state.plan.left_out if state.plan is not None else ()
    return sat | state.outside.keys() | {*state.barred, *left_out}


def running_room(state: m.BreakoutsState, room_id: str) -> m.BreakoutRoom:
    """Returns a room that runs. Raises `Refused`."""
    room = state.rooms.get(room_id)
    if room is None:
        raise Refused("not_found")
    if not is_running(state, room):
        raise Refused("room_closed")
    return room


def room_with_seat(state: m.BreakoutsState, person_id: str, room_id: str) -> m.BreakoutRoom:
    """Returns a room that runs and has a seat for somebody. Raises `Refused`."""
    room = running_room(state, room_id)
    if person_id in state.barred:
        raise Refused("barred")
    if is_full(room) or room.is_pair:
        raise Refused("room_full")
    return room


def check_running(state: m.BreakoutsState) -> None:
    """Raises `Refused` unless a round is under way."""
    if state.phase != "running":
        raise Refused("rooms_not_running")


def lasting_rooms(state: m.BreakoutsState) -> list[m.BreakoutRoom]:
    """All but pairs that have ended, which may be forgotten."""
    return [room for room in state.rooms.values() if not _has_parted(room)]


def ended_pairs(state: m.BreakoutsState) -> list[m.BreakoutRoom]:
    """Those first that may be forgotten first: the oldest, and before all others those that left nothing behind."""
    pairs = [room for room in state.rooms.values() if _has_parted(room)]
    return sorted(pairs, key=lambda room: (bool(room.points or room.in_touch), int(room.id[1:])))


def _has_parted(room: m.BreakoutRoom) -> bool:
    return room.is_pair and room.closed_at is not None


def next_number(state: m.BreakoutsState) -> int:
    """That of the next room's id: one more than the highest there was."""
    return max((int(room_id[1:]) for room_id in state.rooms), default=0) + 1

"""Events of one command, each decided on what those before it have made of the state."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from rooms import messages as m
from rooms.breakouts.seats import seat_of
from rooms.breakouts.view import apply


class Sketch:
    """`do` events; `state` is what they have made of it."""

    def __init__(self, state: m.BreakoutsState, now: datetime) -> None:
        self.state = state
        self.now = now
        self.events: list[m.BreakoutsEvent] = []

    def do(self, event: m.BreakoutsEvent) -> None:
        self.events.append(event)
        self.state = apply(self.state, event)

    def enter(self, person_id: str, room_id: str) -> None:
        """Somebody who sits nowhere goes into a room."""
        room = self.state.rooms[room_id]
        visitors = tuple(person for person in room.visitors if person != person_id)
        self.do(m.BreakoutEntered(replace(room, people=(*room.people, person_id), visitors=visitors), person_id))

    def go_out(self, person_id: str, *, is_moved: bool, way_back: bool = False) -> None:
        """Somebody goes out of the room they sit in, if they do. A pair's room ends with that, for both."""
        room = seat_of(self.state, person_id)
        if room is None:
            return
        if room.is_pair:
            self.do(m.BreakoutEnded(replace(room, closed_at=self.now, help_since=None)))
            return
        after = replace(
            room,
            people=tuple(person for person in room.people if person != person_id),
            in_touch=tuple(person for person in room.in_touch if person != person_id),
            facilitator="" if room.facilitator == person_id else room.facilitator,
        )
        if not after.people:
            after = replace(after, help_since=None)
        self.do(m.BreakoutLeft(after, person_id, is_moved, room.id if way_back else ""))

    def move(self, person_id: str, room_id: str) -> None:
        """Somebody goes into a room, wherever they are."""
        self.go_out(person_id, is_moved=True)
        self.enter(person_id, room_id)

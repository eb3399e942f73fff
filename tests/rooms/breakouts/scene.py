"""A state of breakout rooms under commands, for tests of single rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rooms import breakouts
from rooms import messages as m
from tests.rooms import day


class Rooms:
    """`do` commands; by the moderator, if nobody else is named."""

    def __init__(self) -> None:
        self.state = m.BreakoutsState()
        self.now = day.NOON

    def do(
        self, command: m.BreakoutsCommand, who: str = "mona", phase: m.Phase = "live", kind: m.Kind = "plenary"
    ) -> list[str]:
        """The kinds of events that come of it. Raises `Refused`."""
        roles: frozenset[m.Role] = frozenset({"moderator" if who == "mona" else "attendee"})
        actor = m.SYSTEM if who == "system" else m.Actor(who, who.title(), roles)
        events = breakouts.decide(self.state, day.context(phase, kind), actor, command, self.now)
        for event in events:
            self.state = breakouts.apply(self.state, event)
        return [str(event.__struct_config__.tag) for event in events]

    def open(self, *rooms: Sequence[str], **plan: Any) -> Rooms:
        drafts = tuple(m.DraftRoom(people=tuple(people)) for people in rooms)
        self.do(m.BreakoutsPlan(m.BreakoutPlan(**{"way": "drawn", "minutes": 10, **plan}), drafts))
        self.do(m.BreakoutsOpen())
        return self

    @property
    def phase(self) -> str:
        return self.state.phase

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def seat(self, person_id: str) -> str:
        room = breakouts.seat_of(self.state, person_id)
        return room.id if room is not None else ""

    def end(self, room_id: str) -> datetime | None:
        return breakouts.end_of(self.state, self.state.rooms[room_id])

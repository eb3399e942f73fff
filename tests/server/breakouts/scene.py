"""A server with a live session, a clock that moves when it is told to, and enough people for three rooms."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import breakouts
from rooms import messages as m
from server.tables import people
from tests.fakes import FakeClock
from tests.server.running import Client, Running, running, until

S1: Final = "session/s1"
B1: Final = "breakouts/s1"
GUESTS: Final = tuple(f"g{number}" for number in range(1, 9))


class Scene:
    def __init__(self, run: Running, clock: FakeClock) -> None:
        self.run = run
        self.clock = clock
        self.streams = run.services.streams

    @property
    def state(self) -> m.BreakoutsState:
        return self.streams.breakouts("s1")

    async def come(self, *names: str) -> list[Client]:
        """Tabs of theirs, present in the session and hearing of its rooms."""
        clients = [await self.run.client(name, (S1, B1)) for name in names]
        await until(lambda: set(names) <= self.run.services.presence.people("s1").keys())
        return clients

    async def do(self, command: m.BreakoutsCommand, who: str = "mona") -> None:
        person = self.run.services.people.get(who)
        assert person is not None
        await self.streams.handle(B1, self.run.services.people.actor(person), command)

    async def plan(self, *rooms: Sequence[str], **plan: Any) -> None:
        drafts = tuple(m.DraftRoom(f"Rum {at}", people=tuple(people)) for at, people in enumerate(rooms, 1))
        await self.do(m.BreakoutsPlan(m.BreakoutPlan(**{"way": "drawn", "minutes": 10, "per_room": 3, **plan}), drafts))

    async def open(self, *rooms: Sequence[str], **plan: Any) -> None:
        """As planned, whoever is here."""
        await self.plan(*rooms, **plan)
        await self.do(m.BreakoutsOpen())

    async def until_later(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition while the clock goes on, a second at each look."""

        def holds() -> bool:
            self.clock.advance(1)
            return condition()

        await until(holds)

    def seat(self, person_id: str) -> str:
        room = breakouts.seat_of(self.state, person_id)
        return room.id if room is not None else ""

    def seats(self) -> list[set[str]]:
        return [set(room.people) for room in breakouts.open_rooms(self.state)]


@contextlib.asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    clock = FakeClock()
    async with running(directory, now=clock) as run:
        await add_guests(run)
        if run.services.streams.context("s1").run.phase == "planned":
            await run.go_live("s1")
        yield Scene(run, clock)


async def add_guests(run: Running) -> None:
    rows = [
        {"id": key, "name": f"Gäst {key}", "email": f"{key}@example.org", "roles": "attendee", "municipality": "Knivsta"}
        for key in GUESTS
        if run.services.people.get(key) is None
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(people), rows)

    if rows:
        await run.services.database.write(work)
        await run.services.people.load()

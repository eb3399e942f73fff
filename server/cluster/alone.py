"""Whether this node alone cannot reach Redis. A node that hears nothing from there cannot tell that from Redis being away
for all, but the database can: as long as some node reaches Redis, the eldest of those who do leaves a stamp there. Whoever
has had no Redis for a while and sees stamps being left knows that the others go on without it: it gives its rooms up, and
sends its people to them. Without new stamps Redis is away for all, or nobody else is there, and everything stays as it is.

No two machines' clocks are compared: only that a stamp is another than before says something, not what it says.
Neighbours: `node` (who is well), `cluster` (what follows).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms.errors import Refused
from server.cluster.node import LIFE_SECONDS, Nodes
from server.database import Database
from server.database.dialect import upsert
from server.tables import chores

REACHED: Final = "redis"  # the stamp, among the chores
STAMP_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 1.0

AWAY_SECONDS: Final = 10.0  # without Redis: what passes sooner is none of our business
SETTLED_SECONDS: Final = LIFE_SECONDS  # by then all have noticed that Redis is away; stamps left until then say nothing
CHANGES: Final = 3  # of the stamp: one may have been under way, and after an outage for all some come back a moment sooner
FRESH_SECONDS: Final = 10.0  # until a stamp counts for nothing: the eldest may die, and is missed after `LIFE_SECONDS`
ASLEEP_SECONDS: Final = 6.0  # whoever has not looked for so long begins anew: what it saw may be over

_log = structlog.get_logger("nodes")


class Judge:
    """What may be concluded. Pure: `now` is the caller's clock, monotonic seconds."""

    def __init__(self) -> None:
        self._looked_at = -math.inf
        self._unwell_since: float | None = None
        self._stamp: float | None = None
        self._changes = 0
        self._changed_at = -math.inf

    def look(self, now: float, stamp: float | None, *, is_well: bool) -> bool:
        """Whether this node alone is without Redis. `stamp`: as it is in the database; None: there is none, or it cannot be
        read, or need not be."""
        if is_well or self._unwell_since is None or now - self._looked_at > ASLEEP_SECONDS:
            self._unwell_since, self._stamp, self._changes = (None if is_well else now), None, 0
        self._looked_at = now
        if self._unwell_since is None:
            return False
        if stamp is not None and now - self._unwell_since >= SETTLED_SECONDS:
            self._compare(now, stamp)
        if now - self._changed_at > FRESH_SECONDS:
            self._changes = 0
        return self._changes >= CHANGES and now - self._unwell_since >= AWAY_SECONDS

    def _compare(self, now: float, stamp: float) -> None:
        if self._stamp is not None and stamp != self._stamp:
            self._changes += 1
            self._changed_at = now
        self._stamp = stamp


class Alone:
    """`connect` before `run` and `follow`. `withdraw()`: what is to be done when it begins to be so."""

    def __init__(self, nodes: Nodes, clock: Callable[[], float] = time.monotonic) -> None:
        self.withdraw: Callable[[], Awaitable[None]] = _nothing
        self._nodes, self._clock = nodes, clock
        self._judge = Judge()
        self._is_so = False
        self._begins = asyncio.Event()
        self._stamped_at = -math.inf
        self._database: Database | None = None
        self._now: Callable[[], datetime] | None = None

    def connect(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    @property
    def is_so(self) -> bool:
        return self._is_so and not self._nodes.is_well

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def follow(self) -> None:
        """Withdraws, while `run` goes on looking. Until cancelled."""
        while True:
            await self._begins.wait()
            self._begins.clear()
            await self.withdraw()

    async def look(self) -> None:
        is_well = self._nodes.is_well
        was_so, stamp = self._is_so, None if is_well else await self._read()
        self._is_so = self._judge.look(self._clock(), stamp, is_well=is_well)
        if self._is_so and not was_so:
            _log.warning("this node alone cannot reach Redis; its people and rooms go to the others")
            self._begins.set()
        elif was_so and not self._is_so:
            _log.info("no longer the only node that cannot reach Redis")
        if is_well and self._nodes.is_eldest and self._clock() - self._stamped_at >= STAMP_SECONDS:
            await self._leave_stamp()

    async def _leave_stamp(self) -> None:
        assert self._database is not None and self._now is not None, "connect() first"
        self._stamped_at = self._clock()
        statement, row = upsert(self._database.dialect, chores, "name"), {"name": REACHED, "at": self._now().timestamp()}

        async def work(connection: AsyncConnection) -> None:
            if self._nodes.is_well:  # the database may have kept us waiting
                await connection.execute(statement, row)

        await self._database.write(work)

    async def _read(self) -> float | None:
        assert self._database is not None, "connect() first"

        async def work(connection: AsyncConnection) -> float | None:
            return (await connection.execute(select(chores.c.at).where(chores.c.name == REACHED))).scalar_one_or_none()

        try:
            return await self._database.read(work)
        except Refused:  # the database is away, too, and says so itself
            return None


async def _nothing() -> None:
    pass

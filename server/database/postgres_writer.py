"""Group commit in PostgreSQL, whatever becomes of the connection.

Each writer has a row in `commits`, and every transaction of its sets that row's number. If the connection breaks while
COMMIT is under way, nobody knows what came of it until the row has been written on another connection, which waits for the
old transaction's end: it was committed if the number is there, and else it is done again. Nobody is told anything before.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rooms.errors import Refused
from server.database.dialect import upsert
from server.database.outage import BUSY, PATIENCE, PAUSE, is_collision, is_outage, sqlstate
from server.database.writer import Saved, Waiting, Writer
from server.tables import commits

COLLISIONS: Final = 5  # of one batch, before everybody in it is on their own
FORGOTTEN: Final = 7 * 86_400.0  # seconds; the row of a writer that has not written for so long belongs to nobody

FULL: Final = frozenset({"53100"})  # disk_full

_log = structlog.get_logger("database")
_mark: Final = upsert("postgresql", commits, "writer")
# Waits for the transaction that was lost, even if it was the first to write the row. And since this one is committed too,
# all that came before it is as safe: on a synchronous standby as well, where there is one.
_look_up: Final = upsert("postgresql", commits, "writer", update=("at",), returning=commits.c.number)


@dataclass
class Attempt:
    """One transaction, as far as it got."""

    results: list[object] = field(default_factory=list)
    is_in_doubt: bool = False  # COMMIT may have reached the server


async def forget_the_dead(connection: AsyncConnection) -> None:
    """Removes the rows of writers that were killed long ago."""
    await connection.execute(delete(commits).where(commits.c.at < time.time() - FORGOTTEN))


class PostgresWriter(Writer):
    """One of a few. Connects when there is something to write. See `Writer`."""

    def __init__(self, engine: AsyncEngine, queue: asyncio.Queue[Waiting], saved: Saved) -> None:
        super().__init__(queue, saved)
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._id = secrets.token_hex(8)
        self._number = 0

    async def close(self) -> None:
        """Leaves nothing behind, if the database is there to be told."""
        if self._number:
            with contextlib.suppress(Exception):
                connection = await self._connected()
                async with connection.begin():
                    await connection.execute(delete(commits).where(commits.c.writer == self._id))
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.close()

    async def commit(self, batch: list[Waiting]) -> None:
        """One transaction for all. Again if others were in its way or the database went away, each alone if a write fails.
        Whoever has waited for `PATIENCE` is refused."""
        collisions = 0
        while batch:
            attempt = Attempt()
            try:
                await self._transact(batch, attempt)
            except Exception as error:
                if is_outage(error) or (attempt.is_in_doubt and sqlstate(error) is None):  # or the driver lost its thread
                    self._saved(False)
                    await self._drop()
                    if not attempt.is_in_doubt or not await self._was_committed():
                        batch = await self._wait(batch, error)
                        continue
                else:
                    await self._roll_back()
                    collisions += is_collision(error)
                    if is_collision(error) and collisions < COLLISIONS:
                        continue
                    await self._one_by_one(batch, error)
                    return
            self._settle(batch, attempt.results)
            return

    async def _transact(self, batch: list[Waiting], attempt: Attempt) -> None:
        connection = await self._connected()
        transaction = await connection.begin()
        attempt.results = [await item.work(connection) for item in batch]
        self._number += 1
        await connection.execute(_mark, {"writer": self._id, "number": self._number, "at": time.time()})
        attempt.is_in_doubt = True
        await transaction.commit()

    async def _one_by_one(self, batch: list[Waiting], error: Exception) -> None:
        """A bad write disturbs nobody else's."""
        if len(batch) > 1:
            for item in batch:
                await self.commit([item])
            return
        refusal = _refusal(error)
        if refusal is not error:
            self._saved(False)
        batch[0].settle(error=refusal)

    async def _was_committed(self) -> bool:
        """What came of the last transaction. Asks until the database answers: until then nothing may be said."""
        _log.warning("connection lost during a commit, looking it up", writer=self._id, number=self._number)
        while True:
            try:
                connection = await self._connected()
                async with connection.begin():
                    row = {"writer": self._id, "number": 0, "at": time.time()}
                    number: int = (await connection.execute(_look_up, row)).scalar_one()
            except Exception:  # whatever it is, the question remains
                await self._drop()
                await asyncio.sleep(PAUSE)
            else:
                return number == self._number

    async def _wait(self, batch: list[Waiting], error: Exception) -> list[Waiting]:
        """Refuses those who have waited too long; returns the others, a little later."""
        now = asyncio.get_running_loop().time()
        rest = [item for item in batch if now - item.at < PATIENCE]
        if len(rest) < len(batch):
            _log.error("cannot write", reason=sqlstate(error) or type(error).__name__, refused=len(batch) - len(rest))
            for item in batch:
                if now - item.at >= PATIENCE:
                    item.settle(error=Refused("try_again"))
        if rest:
            await asyncio.sleep(PAUSE)
        return rest

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._engine.connect()
        return self._connection

    async def _roll_back(self) -> None:
        try:
            assert self._connection is not None
            await self._connection.rollback()
        except Exception:
            await self._drop()

    async def _drop(self) -> None:
        """Lets go of a connection that is of no use."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.invalidate()
            with contextlib.suppress(Exception):
                await connection.close()


def _refusal(error: Exception) -> Exception:
    """A full disk and a lock that is not given are no bugs: they are told to the user as such. Everything else stays what it
    is."""
    state = sqlstate(error)
    if state in FULL or state in BUSY:
        _log.error("cannot write", reason=state)
        return Refused("read_only" if state in FULL else "try_again")
    return error

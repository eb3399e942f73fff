"""The database: many writes in a commit, many readers. SQLite in a file, or PostgreSQL by `PLENUM_DATABASE_URL`.

A write is durable when `write` returns. Writes that wait while a commit is under way share the next one: with a disk
that needs 5 ms to flush, a thousand answers a second cost two hundred flushes, not a thousand.
Neighbours: `sqlite` and `postgres` (the back ends), `writer` (group commit), `schema` (versions), `dialect` (what the two
spell differently).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Table

from rooms.errors import Refused
from server.database.dialect import Dialect
from server.database.failure import DatabaseFailure
from server.database.writer import Backend, Waiting, Work

if TYPE_CHECKING:
    from server.database.schema import Standing

__all__ = ["Database", "DatabaseFailure", "Work", "opened"]

T = TypeVar("T")

WAITING_WRITES: Final = 20_000  # past this, writers are refused with `try_again`: memory stays bounded
CLOSING_SECONDS: Final = 5.0  # for writes that wait; past it, whoever still waits is cancelled and knows of nothing


class Database:
    """`await open()`, then `read` and `write`, then `await close()`. `place`: the path of an SQLite file, or the address of
    a PostgreSQL database."""

    def __init__(self, place: Path | str) -> None:
        self._backend = _backend(place)
        self.saves = True  # whether what was to be saved last could be; false: the disk is full, or fails, or is away
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(WAITING_WRITES)
        self._writers: tuple[asyncio.Task[None], ...] = ()

    @property
    def dialect(self) -> Dialect:
        return self._backend.dialect

    async def look(self) -> Standing:
        """Where it stands, without `open`: nothing is changed, made or brought up to date. Raises what `open` does."""
        return await self._backend.look()

    async def open(self) -> None:
        """Creates what is missing, brings what is older up to date, and asserts that commits reach the disk. Raises
        `DatabaseFailure`, or the driver's error."""
        writers = await self._backend.open(self._queue, self._note)
        self._writers = tuple(
            asyncio.create_task(writer.run(), name=f"database writer {n}") for n, writer in enumerate(writers)
        )

    async def close(self) -> None:
        """Finishes the writes that wait, then closes."""
        if self._writers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._queue.join()
        for task in self._writers:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._writers = ()
        await self._backend.close()

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on a connection of its own; it sees everything committed before, and nothing that is committed
        meanwhile. Raises `Refused("try_again")` while the database is away; then `work` may have run more than once."""
        return await self._backend.read(work)

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in the next commit and returns its result once that is on the disk. It may run more than once, and
        only the last run counts. In SQLite writes happen in the order of their calls; in PostgreSQL only those do of which
        one waits for the other. Raises `Refused("try_again")` if too many wait or the database is away,
        `Refused("read_only")` if the disk takes no more."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(work, loop.create_future(), loop.time())
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise Refused("try_again") from None
        result: T = await waiting.future
        return result

    async def checkpoint(self, *tables: Table) -> bool:
        """Makes sure that what was deleted from `tables` is gone from the database's files too, as far as it is in our
        hands. False if others kept it busy all the time: then it happens at some later moment."""
        return await self._backend.checkpoint(tables)

    async def purge(self, *tables: Table) -> bool:
        """The same after rows were changed or deleted all over `tables`: their files are written anew. Everybody waits
        meanwhile, which takes about a second for 50 MB."""
        return await self._backend.purge(tables)

    def _note(self, saved: bool) -> None:
        self.saves = saved


@asynccontextmanager
async def opened(place: Path | str) -> AsyncIterator[Database]:
    """For as long as it is needed. Raises what `open` does."""
    database = Database(place)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


def _backend(place: Path | str) -> Backend:
    """Each is imported where it is used: their drivers take longer than most commands."""
    if isinstance(place, Path):
        from server.database.sqlite import Sqlite

        return Sqlite(place)
    from server.database.postgres import Postgres

    return Postgres(place)

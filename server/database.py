"""The database: one writer with group commit, many readers. SQLite in WAL mode with `synchronous=FULL`.

A write is durable when `write` returns. Writes that wait while a commit is under way share the next one: with a disk
that needs 5 ms to flush, a thousand answers a second cost two hundred flushes, not a thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rooms.errors import Refused
from server.tables import metadata

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

WAITING_WRITES: Final = 20_000  # past this, writers are refused with `try_again`: memory stays bounded
WRITES_PER_COMMIT: Final = 512
CHECKPOINT_TRIES: Final = 5  # each waits for readers as long as `busy_timeout` says
CHECKPOINT_PAUSE: Final = 0.2  # seconds between them

_log = structlog.get_logger("database")


class Database:
    """`await open()`, then `read` and `write`, then `await close()`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.saves = True  # whether what was to be saved last could be; false: the disk is full, or fails
        self._engine: AsyncEngine | None = None
        self._queue: asyncio.Queue[tuple[Work[Any], asyncio.Future[Any]]] = asyncio.Queue(WAITING_WRITES)
        self._writing: AsyncConnection | None = None  # kept: taking one from the pool costs as much as a small commit
        self._writer: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Creates the file and its tables where they are missing, and asserts that commits reach the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Errors are logged, and the values in a statement are names, answers and comments: none of them in a message.
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{self._path}", hide_parameters=True)
        event.listen(self._engine.sync_engine, "connect", _on_connect)
        event.listen(self._engine.sync_engine, "begin", _on_begin)
        async with self._engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with self._engine.connect() as connection:
            synchronous = (await connection.execute(text("PRAGMA synchronous"))).scalar_one()
            journal = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        if (synchronous, journal) != (2, "wal"):
            raise RuntimeError(f"SQLite runs with synchronous={synchronous}, journal_mode={journal}, not FULL and wal")
        self._writing = await self._engine.execution_options(is_write=True).connect()
        self._writer = asyncio.create_task(self._write_forever(), name="database writer")

    async def close(self) -> None:
        """Finishes the writes that wait, then closes."""
        if self._writer is not None:
            await self._queue.join()
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        if self._writing is not None:
            await self._writing.close()
        if self._engine is not None:
            await self._engine.dispose()

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on a connection of its own; it sees everything committed before."""
        assert self._engine is not None, "open() first"
        async with self._engine.connect() as connection:
            return await work(connection)

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in the next commit and returns its result once that is on the disk. Writes happen in the order of
        their calls. Raises `Refused("try_again")` if too many wait, `Refused("read_only")` if the disk takes no more."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((work, future))
        except asyncio.QueueFull:
            raise Refused("try_again") from None
        return await future

    async def checkpoint(self) -> bool:
        """Moves the write-ahead log into the database and empties it, so that deleted secrets are gone from both. False if
        readers, of this process or another, kept it busy all the time: then SQLite does it at some later commit."""
        for _ in range(CHECKPOINT_TRIES):
            if await self._is_checkpointed():
                return True
            await asyncio.sleep(CHECKPOINT_PAUSE)
        _log.error("write-ahead log not emptied, what was deleted is still in it", tries=CHECKPOINT_TRIES)
        return False

    async def _is_checkpointed(self) -> bool:
        assert self._engine is not None, "open() first"
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            cursor = await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
            busy, _, _ = await cursor.fetchone()  # a blocked checkpoint is no error, only a row that says so
            await cursor.close()
        return bool(busy == 0)

    async def _write_forever(self) -> None:
        assert self._engine is not None
        while True:
            batch = [await self._queue.get()]
            while len(batch) < WRITES_PER_COMMIT and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._commit(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _commit(self, batch: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        """One transaction for all; if that fails, one for each, so that a bad write disturbs nobody else's. If it cannot
        even begin, no write is to blame, and each would wait for the lock again: all are refused at once."""
        assert self._writing is not None
        has_begun = False
        try:
            async with self._writing.begin():
                has_begun = True
                results = [await work(self._writing) for work, _ in batch]
        except Exception as error:
            if has_begun and len(batch) > 1:
                for item in batch:
                    await self._commit([item])
                return
            refusal = _refusal(error)
            self.saves = self.saves and refusal is error  # else the write itself was wrong
            for _, future in batch:
                _settle(future, error=refusal)
            return
        self.saves = True
        for (_, future), result in zip(batch, results, strict=True):
            _settle(future, result)


def _settle(future: asyncio.Future[Any], result: object = None, *, error: Exception | None = None) -> None:
    if future.done():  # the caller gave up waiting
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _refusal(error: Exception) -> Exception:
    """A full or failing disk is no bug: it is told to the user as such. Everything else stays what it is."""
    reason = error.orig if isinstance(error, DBAPIError) else error  # what `_on_begin` raises is the driver's own
    if isinstance(reason, sqlite3.Error) and any(w in str(reason) for w in ("full", "readonly", "disk I/O", "locked")):
        _log.error("cannot write", reason=str(reason))
        return Refused("read_only")
    return error


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, see _on_begin
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Any) -> None:
    # A writer takes the lock at once: one that reads first could find that another process (`plenum people import`) has
    # written in between, which SQLite refuses without waiting.
    is_write = connection.get_execution_options().get("is_write", False)
    statement = "BEGIN IMMEDIATE" if is_write else "BEGIN"
    # Past the cursor that SQLAlchemy would open and close, each in a round trip to the driver's thread.
    connection.connection.dbapi_connection.run_async(lambda driver: driver.execute(statement))

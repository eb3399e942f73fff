"""SQLite in WAL mode with `synchronous=FULL`: one writer, in a file that needs no other service."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import URL, Table, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from rooms.errors import Refused
from server.database import schema
from server.database.dialect import Dialect
from server.database.failure import DatabaseFailure
from server.database.schema import Standing
from server.database.writer import Saved, Waiting, Work, Writer

T = TypeVar("T")

CHECKPOINT_TRIES: Final = 5  # each waits for readers as long as `busy_timeout` says
CHECKPOINT_PAUSE: Final = 0.2  # seconds between them

_log = structlog.get_logger("database")


class Sqlite:
    """See `Backend`."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: AsyncEngine | None = None
        self._writing: AsyncConnection | None = None  # kept: taking one from the pool costs as much as a small commit

    async def look(self) -> Standing:
        async with create_async_engine(_to_look_at(self._path), poolclass=NullPool).connect() as connection:
            found = await connection.run_sync(schema.standing)
        if not os.access(self._path, os.W_OK):
            raise DatabaseFailure(f"{self._path}: this user may not write to it")
        return found

    async def open(self, queue: asyncio.Queue[Waiting], saved: Saved) -> Sequence[Writer]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Errors are logged, and the values in a statement are names, answers and comments: none of them in a message.
        url = URL.create("sqlite+aiosqlite", database=str(self._path))  # a path may have ? and % in it
        self._engine = create_async_engine(url, hide_parameters=True)
        event.listen(self._engine.sync_engine, "connect", _on_connect)
        event.listen(self._engine.sync_engine, "begin", _on_begin)
        await schema.bring_up_to_date(self._engine)
        async with self._engine.connect() as connection:
            synchronous = (await connection.execute(text("PRAGMA synchronous"))).scalar_one()
            journal = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        if (synchronous, journal) != (2, "wal"):
            raise DatabaseFailure(f"SQLite runs with synchronous={synchronous}, journal_mode={journal}, not FULL and wal")
        self._writing = await self._engine.execution_options(is_write=True).connect()
        return [SqliteWriter(self._writing, queue, saved)]

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing.close()
        if self._engine is not None:
            await self._engine.dispose()

    async def read(self, work: Work[T]) -> T:
        assert self._engine is not None, "open() first"
        async with self._engine.connect() as connection:
            return await work(connection)

    async def checkpoint(self, tables: Sequence[Table]) -> bool:
        """Moves the write-ahead log into the database and empties it, so that deleted secrets are gone from both
        (`secure_delete` overwrites them). False if readers, of this process or another, kept it busy all the time: then
        SQLite does it at some later commit."""
        return await self._try(self._is_checkpointed)

    async def purge(self, tables: Sequence[Table]) -> bool:
        """Writes the whole database anew: `secure_delete` does not reach what was moved to another page before it was
        deleted there."""
        return await self._try(self._is_rewritten)

    async def _try(self, attempt: Callable[[], Awaitable[bool]]) -> bool:
        for _ in range(CHECKPOINT_TRIES):
            if await attempt():
                return True
            await asyncio.sleep(CHECKPOINT_PAUSE)
        _log.error("what was deleted is still in the database's files: they were busy, or the disk is full")
        return False

    async def _is_rewritten(self) -> bool:
        assert self._engine is not None, "open() first"
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            try:
                await raw.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
            except sqlite3.OperationalError as error:  # somebody writes, or there is no room for a second copy
                _log.warning("database not rewritten", reason=str(error))
                return False
        return await self._is_checkpointed()

    async def _is_checkpointed(self) -> bool:
        assert self._engine is not None, "open() first"
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            cursor = await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
            busy, _, _ = await cursor.fetchone()  # a blocked checkpoint is no error, only a row that says so
            await cursor.close()
        return bool(busy == 0)


class SqliteWriter(Writer):
    """The only one."""

    def __init__(self, connection: AsyncConnection, queue: asyncio.Queue[Waiting], saved: Saved) -> None:
        super().__init__(queue, saved)
        self._connection = connection

    async def commit(self, batch: list[Waiting]) -> None:
        """One transaction for all; if that fails, one for each, so that a bad write disturbs nobody else's. If it cannot
        even begin, no write is to blame, and each would wait for the lock again: all are refused at once."""
        has_begun = False
        try:
            async with self._connection.begin():
                has_begun = True
                results = [await item.work(self._connection) for item in batch]
        except Exception as error:
            if has_begun and len(batch) > 1:
                for item in batch:
                    await self.commit([item])
                return
            refusal = _refusal(error)
            if refusal is not error:  # else the write itself was wrong
                self._saved(False)
            for item in batch:
                item.settle(error=refusal)
            return
        self._settle(batch, results)


def _refusal(error: Exception) -> Exception:
    """A full or failing disk is no bug: it is told to the user as such. Everything else stays what it is."""
    reason = error.orig if isinstance(error, DBAPIError) else error  # what `_on_begin` raises is the driver's own
    if isinstance(reason, sqlite3.Error) and any(w in str(reason) for w in ("full", "readonly", "disk I/O", "locked")):
        _log.error("cannot write", reason=str(reason))
        return Refused("read_only")
    return error


def _to_look_at(path: Path) -> URL:
    """Without a log beside it nobody has it open, and "immutable" keeps SQLite from putting one there."""
    has_log = path.with_name(f"{path.name}-wal").exists()
    query = {"uri": "true", "mode": "ro"} | ({} if has_log else {"immutable": "1"})
    return URL.create("sqlite+aiosqlite", database=path.absolute().as_uri(), query=query)


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

"""Rows that arrive in a flood, written in groups: whoever comes while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from rooms.errors import Refused
from server.database import Database

RowT = TypeVar("RowT", bound=dict[str, object])

WAITING_ROWS: Final = 50_000  # past this, rows are refused with `try_again`


# Asked in the rows' own transaction: which of them, by their index, must not be written, and the code of their refusal. Rows
# come with their notes.
Check = Callable[[AsyncConnection, Sequence[tuple[RowT, Any]]], Awaitable[Mapping[int, str]]]


class Batch(Generic[RowT]):
    """One statement, executed for many rows at once, in the order of the calls to `put`. Those that `late` finds are not
    written, and refused; likewise those of whose notes `is_stale` says that they have waited too long."""

    def __init__(
        self,
        database: Database,
        statement: Executable,
        late: Check[RowT] | None = None,
        is_stale: Callable[[Any], bool] | None = None,
    ) -> None:
        self._database = database
        self._statement = statement
        self._late = late
        self._is_stale = is_stale
        self._waiting: list[tuple[RowT, Any]] = []
        # resolves when the rows that wait now are durable, with those that came too late
        self._next: asyncio.Future[Mapping[int, str]] | None = None
        self._flusher: asyncio.Task[None] | None = None

    async def put(self, row: RowT, note: Any = None) -> None:
        """Returns when the row is durable. Raises `Refused` if it cannot be saved."""
        index = len(self._waiting)
        if index >= WAITING_ROWS:
            raise Refused("try_again")
        self._waiting.append((row, note))
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        if (code := (await asyncio.shield(self._next)).get(index)) is not None:
            raise Refused(code)

    async def drain(self) -> None:
        """Waits until every row put so far is written, or refused."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                rows, done = self._waiting, self._next
                self._waiting, self._next = [], None
                assert done is not None
                await self._write(rows, done)
        finally:
            self._flusher = None

    async def _write(self, rows: list[tuple[RowT, Any]], done: asyncio.Future[Mapping[int, str]]) -> None:
        async def work(connection: AsyncConnection) -> Mapping[int, str]:
            late = dict(await self._late(connection, rows)) if self._late is not None else {}
            in_time = {index: each for index, each in enumerate(rows) if index not in late}
            while stale := self._stale(in_time) or await self._execute(connection, in_time):
                late |= dict.fromkeys(stale, "try_again")
                in_time = {index: each for index, each in in_time.items() if index not in late}
            return late

        try:
            late = await self._database.write(work)
        except Exception as error:  # told to everyone who waits for these rows
            done.set_exception(error)
            done.exception()  # those who wait re-raise it; with nobody left waiting it is no news
        else:
            done.set_result(late)

    async def _execute(self, connection: AsyncConnection, rows: Mapping[int, tuple[RowT, Any]]) -> list[int]:
        """Writes them all, or none of them and returns which have become stale meanwhile: the statement may have waited, for
        a lock or the network. Once it is through, whoever writes the same rows waits for us."""
        if not rows:
            return []
        savepoint = await connection.begin_nested() if self._is_stale is not None else None
        await connection.execute(self._statement, [row for row, _ in rows.values()])
        stale = self._stale(rows)
        if savepoint is not None:
            await (savepoint.rollback() if stale else savepoint.commit())
        return stale

    def _stale(self, rows: Mapping[int, tuple[RowT, Any]]) -> list[int]:
        if self._is_stale is None:
            return []
        return [index for index, (_, note) in rows.items() if self._is_stale(note)]

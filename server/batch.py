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
        self._is_stale = is_stale or (lambda note: False)
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
            late |= {index: "try_again" for index, (_, note) in enumerate(rows) if self._is_stale(note)}
            in_time = [each for index, each in enumerate(rows) if index not in late]
            if in_time:
                await connection.execute(self._statement, [row for row, _ in in_time])
            # The statement may have waited, for a lock or the network. From here on who writes the same rows waits for us.
            if any(self._is_stale(note) for _, note in in_time):
                raise Refused("try_again")
            return late

        try:
            late = await self._database.write(work)
        except Exception as error:  # told to everyone who waits for these rows
            done.set_exception(error)
            done.exception()  # those who wait re-raise it; with nobody left waiting it is no news
        else:
            done.set_result(late)

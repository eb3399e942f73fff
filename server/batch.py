"""Rows that arrive in a flood, written in groups: whoever comes while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio
from typing import Final, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from rooms.errors import Refused
from server.database import Database

RowT = TypeVar("RowT", bound=dict[str, object])

WAITING_ROWS: Final = 50_000  # past this, rows are refused with `try_again`


class Batch(Generic[RowT]):
    """One statement, executed for many rows at once, in the order of the calls to `put`."""

    def __init__(self, database: Database, statement: Executable) -> None:
        self._database = database
        self._statement = statement
        self._waiting: list[RowT] = []
        self._next: asyncio.Future[None] | None = None  # resolves when the rows that wait now are durable
        self._flusher: asyncio.Task[None] | None = None

    async def put(self, row: RowT) -> None:
        """Returns when the row is durable. Raises `Refused` if it cannot be saved."""
        if len(self._waiting) >= WAITING_ROWS:
            raise Refused("try_again")
        self._waiting.append(row)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await asyncio.shield(self._next)

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

    async def _write(self, rows: list[RowT], done: asyncio.Future[None]) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._statement, rows)

        try:
            await self._database.write(work)
        except Exception as error:  # told to everyone who waits for these rows
            done.set_exception(error)
            done.exception()  # those who wait re-raise it; with nobody left waiting it is no news
        else:
            done.set_result(None)

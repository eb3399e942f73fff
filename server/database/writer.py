"""Group commit: what waits while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from server.database.dialect import Dialect

if TYPE_CHECKING:
    from server.database.schema import Standing

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

WRITES_PER_COMMIT: Final = 512


class Waiting(NamedTuple):
    """A write that waits, since `at` (the loop's clock)."""

    work: Work[Any]
    future: asyncio.Future[Any]
    at: float

    def settle(self, result: object = None, *, error: Exception | None = None) -> None:
        if self.future.done():  # the caller gave up waiting
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


Saved = Callable[[bool], None]  # told whether what was to be saved could be


class Writer:
    """Takes what waits, again and again; a back end says how to `commit` it."""

    def __init__(self, queue: asyncio.Queue[Waiting], saved: Saved) -> None:
        self._queue = queue
        self._saved = saved

    async def run(self) -> None:
        """Until it is cancelled; whoever waits then is cancelled too."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < WRITES_PER_COMMIT and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self.commit(batch)
            finally:
                for item in batch:
                    item.future.cancel()  # harmless once it is settled
                    self._queue.task_done()

    async def commit(self, batch: list[Waiting]) -> None:
        """One transaction for all; settles everybody's future. A write that fails disturbs nobody else's."""
        raise NotImplementedError

    def _settle(self, batch: Sequence[Waiting], results: Sequence[object]) -> None:
        self._saved(True)
        for item, result in zip(batch, results, strict=True):
            item.settle(result)


class Backend(Protocol):
    """Where the data is. See `Database` for what each method promises."""

    dialect: Dialect

    async def look(self) -> Standing: ...

    async def open(self, queue: asyncio.Queue[Waiting], saved: Saved) -> Sequence[Writer]: ...

    async def close(self) -> None: ...

    async def read(self, work: Work[T]) -> T: ...

    async def checkpoint(self, tables: Sequence[Table]) -> bool: ...

    async def purge(self, tables: Sequence[Table]) -> bool: ...

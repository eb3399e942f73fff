"""Work in lanes: one thing after the other within a lane, the lanes side by side, so that what is slow in one place (a
recorder that finishes its file) keeps nobody waiting elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

JobT = TypeVar("JobT")


class Lanes(Generic[JobT]):
    """`put` a job into a lane; `work` does it. At most `most` jobs wait in all: `put` returns False for one more."""

    def __init__(self, work: Callable[[str, JobT], Awaitable[None]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: dict[str, deque[JobT]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._count = 0

    def put(self, lane: str, job: JobT) -> bool:
        if self._count >= self._most:
            return False
        self._count += 1
        self._waiting.setdefault(lane, deque()).append(job)
        if lane not in self._workers:
            self._workers[lane] = asyncio.create_task(self._run(lane), name=f"lane {lane}")
        return True

    async def join(self) -> None:
        """Waits until nothing is left to do, what comes meanwhile included."""
        while self._workers:
            await asyncio.wait(list(self._workers.values()))

    async def stop(self) -> None:
        """Breaks off what is being done and forgets the rest."""
        self._waiting.clear()
        for worker in list(self._workers.values()):
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _run(self, lane: str) -> None:
        try:
            while jobs := self._waiting.get(lane):
                self._count -= 1
                await self._work(lane, jobs.popleft())
        finally:
            self._waiting.pop(lane, None)
            del self._workers[lane]


def name_of(work: Callable[..., object]) -> str:
    """For the log: what it does, without its arguments, which may be the whole server, or say who somebody is."""
    function = getattr(work, "func", work)  # of a `partial`
    return getattr(function, "__qualname__", type(function).__name__)

"""Questions that come at the same time, asked together: after a restart everybody wants to know the same kind of thing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

AT_ONCE: Final = 5000  # keys in one reading


class Together(Generic[KeyT, ValueT]):
    """`read` answers for many keys at once, those that there are. Whoever asks while a reading is under way shares the
    next one. Bounded by those who ask: each waits for the answer."""

    def __init__(self, read: Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ValueT]]]) -> None:
        self._read = read
        self._waiting: deque[tuple[list[KeyT], asyncio.Future[dict[KeyT, ValueT]]]] = deque()
        self._reader: asyncio.Task[None] | None = None

    async def ask(self, keys: Iterable[KeyT]) -> dict[KeyT, ValueT]:
        """Raises what `read` raises."""
        wanted = list(keys)
        if not wanted:
            return {}
        future: asyncio.Future[dict[KeyT, ValueT]] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._run(), name="reading together")
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer()
        finally:
            self._reader = None

    async def _answer(self) -> None:
        """Those who have waited longest. Some may have given up waiting."""
        turn = [self._waiting.popleft()]
        size = len(turn[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= AT_ONCE:
            turn.append(self._waiting.popleft())
            size += len(turn[-1][0])
        keys = list(dict.fromkeys(key for wanted, _ in turn for key in wanted))
        try:
            found = await self._read(keys)
        except Exception as error:
            for _, future in turn:
                if not future.done():
                    future.set_exception(error)
        else:
            for wanted, future in turn:
                if not future.done():
                    future.set_result({key: found[key] for key in wanted if key in found})

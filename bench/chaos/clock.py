"""The time of a schedule, which stands still while there is no node: starting takes one second on one machine and ten on
another, and on both as much shall happen between two faults."""

from __future__ import annotations

import asyncio


class Clock:
    """Seconds since it was made, less those in which it was stopped."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._stopped_at: float | None = None
        self._goes = asyncio.Event()
        self._goes.set()

    @property
    def now(self) -> float:
        return (self._loop.time() if self._stopped_at is None else self._stopped_at) - self._began

    async def until(self, moment: float) -> None:
        """Returns at `moment`, or at once if that is past."""
        while (left := moment - self.now) > 0:
            await asyncio.sleep(left)  # or longer, if it was stopped meanwhile
            await self._goes.wait()

    def stop(self) -> None:
        if self._stopped_at is None:
            self._stopped_at = self._loop.time()
            self._goes.clear()

    def go(self) -> None:
        if self._stopped_at is not None:
            self._began += self._loop.time() - self._stopped_at
            self._stopped_at = None
            self._goes.set()

"""A node that was frozen (SIGSTOP, a suspended virtual machine), or so busy that it read nothing for as long, finds commands
in its sockets whose senders have gone to another node, sent them there again, and more after them. It must not carry them
out: an old answer would take the place of a newer one. So whoever has sent one is sent away, unheard, and repeats what was
not answered. Those who have asked for nothing stay: sending a whole hall away would make a busy node busier.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

import structlog

TICK_SECONDS: Final = 0.5
ASLEEP_SECONDS: Final = 2.0  # a page that has reason to doubt goes elsewhere after as much (`web/static/protocol.js`)
# For so long after it whatever is read may have waited: what was in the sockets is read at once, and where that takes longer
# it is another sleep.
DOUBT_SECONDS: Final = ASLEEP_SECONDS

_log = structlog.get_logger("nodes")


class Fence:
    """`run` as long as the node lives; `doubts` before anything is done that somebody has asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._awake_at: float | None = None
        self._woke_at = -math.inf
        self._sleeps = 0

    def doubts(self, began: float) -> bool:
        """Whether what has just been read from a connection may be older than what its sender has done elsewhere since.
        `began`: when it was accepted, by `clock`; on those that came after a sleep nothing has waited."""
        now = self._look()
        return began < self._woke_at and now < self._woke_at + DOUBT_SECONDS

    def sleeps(self) -> int:
        """How often it did not run until now: what was begun at another number may have been done elsewhere since."""
        self._look()
        return self._sleeps

    async def run(self) -> None:
        self._awake_at = self.clock()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._awake_at = self._look()

    def _look(self) -> float:
        """The time; notes if this node was not running until now."""
        now = self.clock()
        if self._awake_at is not None and now - self._awake_at > ASLEEP_SECONDS:
            _log.warning("was not running; what was asked meanwhile is not heard", seconds=round(now - self._awake_at, 1))
            self._awake_at = self._woke_at = now
            self._sleeps += 1
        return now

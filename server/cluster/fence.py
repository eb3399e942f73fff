"""A node that was frozen (SIGSTOP, a suspended virtual machine) and goes on finds commands in its sockets whose senders have
long gone to another node, sent them there again, and more after them. It must not carry them out: an old answer would take
the place of a newer one. So it sends everybody away, unheard; whoever is still there comes back and repeats what was not
answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

TICK_SECONDS: Final = 0.5
ASLEEP_SECONDS: Final = 2.0  # a page that has reason to doubt goes elsewhere after as much (`web/static/protocol.js`)

_log = structlog.get_logger("nodes")


class Fence:
    """`run` as long as the node lives; `send_away` is called when it finds that it did not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._awake_at: float | None = None
        self.send_away: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Before anything is done that somebody has asked for."""
        now = self._clock()
        if self._awake_at is not None and now - self._awake_at > ASLEEP_SECONDS:
            _log.warning("was not running; everybody is sent away", seconds=round(now - self._awake_at, 1))
            self._awake_at = None
            self.send_away()

    async def run(self) -> None:
        while True:
            self.check()
            self._awake_at = self._clock()
            await asyncio.sleep(TICK_SECONDS)

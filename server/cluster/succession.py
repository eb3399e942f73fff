"""What a node that died has left undone, one of the others does: the one with the lowest id of those who live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from server.cluster.node import Nodes
from server.cluster.shared import Shared

LOOK_SECONDS: Final = 1.0


class Succession:
    """`catch_up` repeats what may have been cut off; it is harmless where nothing was."""

    def __init__(self, nodes: Nodes, shared: Shared) -> None:
        self._nodes = nodes
        self._shared = shared
        self._is_starting = True  # the last of them may have died long ago
        self._is_wanted = False
        self.catch_up: Callable[[], None] = lambda: None
        nodes.on_death.append(self._want)

    def _want(self, node: str) -> None:
        """Decided now: the dead one may be there again in a moment, and know nothing of it."""
        self._is_wanted |= self._nodes.is_eldest

    async def run(self) -> None:
        """Until cancelled. Nothing is done on a guess: first everybody must be known who lives, and what they do."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._shared.is_complete:
                continue
            if self._is_wanted or (self._is_starting and self._nodes.is_eldest):
                self.catch_up()
            self._is_wanted = self._is_starting = False

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
        self._is_wanted = True  # at the start: the last of them may have died long ago
        self.catch_up: Callable[[], None] = lambda: None
        nodes.on_death.append(self._want)

    def _want(self, node: str) -> None:
        self._is_wanted = True

    async def run(self) -> None:
        """Until cancelled. Nothing is done on a guess: first everybody must be known who lives, and what they do."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._is_wanted and self._shared.is_complete:
                self._is_wanted = False
                if self._nodes.is_eldest:
                    self.catch_up()

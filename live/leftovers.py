"""What peers leave when they have gone. A peer is some hundred objects that know one another, so only the collector finds
them; left to itself it comes when hundreds have gone, and each holds up to a hundred kilobytes. Neighbour: `forwarder`.
"""

from __future__ import annotations

import gc
from typing import Final

ENOUGH: Final = 20  # peers that have gone, and are worth a collection
PAUSE: Final = 10.0  # seconds between two: each looks at all that is alive, while packets wait


def freeze() -> None:
    """What is there when a worker begins, modules above all, is never looked at again."""
    gc.collect()
    gc.freeze()


class Leftovers:
    """Of one worker. At most `PAUSE` seconds' worth of peers, or a few, wait to be freed."""

    def __init__(self) -> None:
        self._waiting = 0
        self._collected_at = float("-inf")

    def add(self) -> None:
        """A peer has gone."""
        self._waiting += 1

    def look(self, now: float) -> None:
        """Frees what waits, if it is time."""
        if self._waiting >= ENOUGH and now - self._collected_at >= PAUSE:
            self._waiting, self._collected_at = 0, now
            gc.collect()

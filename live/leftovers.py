"""What peers leave when they have gone. A peer is some hundred objects that know one another, so only the collector finds
them; left to itself it comes when hundreds have come or gone, and looks at all that is alive: 80 ms with 500 peers, while
packets wait. So it comes when it is worth that. Neighbour: `forwarder`.
"""

from __future__ import annotations

import gc
from typing import Final

ENOUGH: Final = 20  # peers that have gone, and are worth a collection,
SHARE: Final = 10  # or one for so many living ones, if that is more: each of them takes its time
PAUSE: Final = 10.0  # seconds between two
LONGEST: Final = 600.0  # and never more: not all that knows itself is a peer's
NEVER: Final = 1 << 30  # collections of what is younger, before the oldest are looked at by themselves


def freeze() -> None:
    """What is there when a worker begins, modules above all, is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], NEVER)


class Leftovers:
    """Of one worker. At most `PAUSE` seconds' worth of peers, or a few, wait to be freed."""

    def __init__(self, now: float) -> None:
        self._waiting = 0
        self._collected_at = now - PAUSE

    def add(self) -> None:
        """A peer has gone."""
        self._waiting += 1

    def look(self, living: int, now: float) -> None:
        """Frees what waits, if it is time. `living`: peers that are there."""
        since, is_worth_it = now - self._collected_at, self._waiting >= max(ENOUGH, living // SHARE)
        if (is_worth_it and since >= PAUSE) or since >= LONGEST:
            self._waiting, self._collected_at = 0, now
            gc.collect()

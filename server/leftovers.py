"""What connections leave behind: objects that know one another, so only the collector finds them, and `serve.calm_collector`
has made it rare. Neighbour: `hub`, which counts who has gone; `live/leftovers.py` does the same in a media worker.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

from server.hub import Hub

LOOK_SECONDS: Final = 10.0
ENOUGH: Final = 50  # connections that have gone, and are worth a collection
SHARE: Final = 4  # or this part of those that are there: each collection looks at all of them, and everybody waits


class Leftovers:
    """Of connections: never more than a quarter of those that are there, or `ENOUGH`, and what comes in ten seconds."""

    def __init__(self) -> None:
        self._freed = 0

    def is_time(self, departed: int, present: int) -> bool:
        """`departed`: how many connections have gone since the start. If it is time, it counts as done."""
        if departed - self._freed < max(ENOUGH, present // SHARE):
            return False
        self._freed = departed
        return True


async def free_leftovers(hub: Hub) -> None:
    """Goes on for ever."""
    leftovers = Leftovers()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if leftovers.is_time(hub.departed, hub.count):
            gc.collect()

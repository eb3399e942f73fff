"""Who was moved to another room a moment ago: what they wrote just before is on its way, and still taken."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from rooms import messages as m
from server.journal import Entry
from server.notes.notebook import Place
from server.stream import session_of

GRACE_SECONDS: Final = 5.0
MOST: Final = 5000  # the oldest is forgotten


class Leaving:
    """`heed` the bus. Nobody who was sent out, or went, may write any more: their page brings what waits before it goes."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._moved_at: dict[tuple[Place, str], float] = {}

    def heed(self, entry: Entry) -> None:
        match entry.event:
            case m.BreakoutLeft(room, person_id, True):
                key = Place(session_of(entry.stream), room.id), person_id
                self._moved_at.pop(key, None)
                self._moved_at[key] = self._clock()
                if len(self._moved_at) > MOST:
                    del self._moved_at[next(iter(self._moved_at))]
            case m.BreakoutBarred(person_id):
                for key in [key for key in self._moved_at if key[1] == person_id]:
                    del self._moved_at[key]

    def may_write(self, place: Place, person_id: str) -> bool:
        moved_at = self._moved_at.get((place, person_id))
        return moved_at is not None and self._clock() - moved_at <= GRACE_SECONDS

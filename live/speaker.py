"""Who is speaking: the active speaker with hysteresis, and the loudest few. Pure; levels are 127 + dBov (RFC 6464)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

SPEECH: Final = 72.0  # −55 dBov; room noise lies below
MARGIN: Final = 6.0  # dB: a challenger must be that much louder than whoever holds the floor
TAKE_AFTER: Final = 0.6  # seconds the challenger must lead: a cough is no speech
SILENCE_AFTER: Final = 2.0  # seconds of quiet until nobody is the active speaker

K = TypeVar("K", bound=Hashable)


class ActiveSpeaker(Generic[K]):
    """`current` is the active speaker, None in silence; `last` stays after it, so that the picture does."""

    def __init__(self) -> None:
        self.current: K | None = None
        self.last: K | None = None
        self._challenger: K | None = None
        self._leads_since = 0.0
        self._heard_at = float("-inf")

    def update(self, levels: dict[K, float], now: float) -> K | None:
        """Takes everybody's level and returns the active speaker."""
        loudest = max(levels, key=lambda key: levels[key], default=None)
        if self.current is not None and levels.get(self.current, 0.0) >= SPEECH:
            self._heard_at = now
        if loudest is None or levels[loudest] < SPEECH:
            loudest = None
        if loudest is None or loudest == self.current:
            self._challenger = None
        elif self._may_take(loudest, levels):
            if self._challenger != loudest:
                self._challenger, self._leads_since = loudest, now
            if self.current is None or self.current not in levels or now - self._leads_since >= TAKE_AFTER:
                self.current = self.last = loudest
                self._challenger, self._heard_at = None, now
        else:
            self._challenger = None
        if self.current is not None and now - self._heard_at > SILENCE_AFTER:
            self.current = None
        return self.current

    def _may_take(self, challenger: K, levels: dict[K, float]) -> bool:
        held = levels.get(self.current, 0.0) if self.current is not None else 0.0
        return held < SPEECH or levels[challenger] >= held + MARGIN


def loudest(levels: dict[K, float], holding: set[K], count: int) -> set[K]:
    """The `count` loudest; those who hold a place now keep it against challengers less than `MARGIN` louder."""
    ranked = sorted(levels, key=lambda key: levels[key] + (MARGIN if key in holding else 0.0), reverse=True)
    return set(ranked[:count])

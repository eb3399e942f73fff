"""What a viewer's losses say: the loss-based half of congestion control (draft-ietf-rmcat-gcc-02, 6), with one difference:
what is lost whatever the rate (a bad radio link) is not taken for a full one. Pure. Neighbour: `bandwidth`.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

MEMORY: Final = 2.0  # seconds that losses weigh
ENOUGH: Final = 20.0  # packets before a fraction says anything
REPRESENTATIVE: Final = 80.0  # packets before it says what is lost anyway
HOLD: Final = 0.02  # of all packets, above what is lost anyway: no growth
CUT: Final = 0.05  # above it: less
MOST_INHERENT: Final = 0.1  # more than this is never "lost anyway"
BASELINE: Final = 10.0  # seconds: the least fraction of the last ten to twenty is what is lost anyway


class Losses:
    """`fraction` (of one) of what was sent lately is lost."""

    __slots__ = ("_at", "_came", "_cut_at", "_least", "_least_before", "_least_since", "_lost", "fraction")

    def __init__(self) -> None:
        self.fraction = 0.0
        self._came = self._lost = 0.0
        self._at = self._cut_at = float("-inf")
        self._least = self._least_before = MOST_INHERENT
        self._least_since = float("-inf")

    def told(self, came: int, lost: int, now: float) -> None:
        """Of `came` + `lost` packets; `lost` is negative where earlier losses turned out to be late."""
        keep = max(0.0, 1 - (now - self._at) / MEMORY)
        self._came = self._came * keep + came
        self._lost = max(0.0, self._lost * keep + lost)
        self._at = now
        total = self._came + self._lost
        if total < ENOUGH:
            return
        self.fraction = self._lost / total
        if total < REPRESENTATIVE:
            return
        if now - self._least_since > BASELINE:
            self._least_before, self._least, self._least_since = self._least, self.fraction, now
        self._least = min(self._least, self.fraction)

    def _excess(self, deviations: float) -> float:
        """What is lost more than is lost anyway and more than chance would have it."""
        total = max(self._came + self._lost, 1.0)
        chance = sqrt(self.fraction * (1 - self.fraction) / total)
        return self.fraction - min(self._least, self._least_before, MOST_INHERENT) - deviations * chance

    @property
    def forbids_growth(self) -> bool:
        return self._excess(2) > HOLD

    def cut(self, now: float, rtt: float) -> float:
        """Returns what to multiply the rate with now: 1.0 mostly, and less once a round trip while too much is lost."""
        if self.fraction <= CUT or now - self._cut_at < rtt + 0.3 or self._excess(3) <= CUT:
            return 1.0
        self._cut_at = now
        return 1 - self.fraction / 2

    def forget(self) -> None:
        """After an outage: what was lost in it says nothing about the rate."""
        self._came = self._lost = self.fraction = 0.0

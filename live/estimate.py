"""What every estimate of a viewer's path has in common, and the one for viewers without transport-wide feedback. Pure.
Neighbours: `bandwidth` has the other one, `steering` uses them.

Times are monotonic seconds, sizes octets, rates bit/s.
"""

from __future__ import annotations

from array import array
from typing import Final, Protocol

from live.loss import Losses
from live.transport_cc import TransportFeedback

FLOOR, CEILING, START = 50_000, 8_000_000, 300_000
GROWTH: Final = 0.08  # a second, while the capacity is unknown or far
TROUBLED_LOSS: Final = 0.02  # a share: from here on a viewer's own estimate (REMB) is believed,
TROUBLED_WAIT: Final = 0.05  # seconds: or if the round trip is so much above twice the shortest


class Estimate(Protocol):
    """What `peer` needs of an estimator, whichever feedback the viewer gives."""

    wanted: float

    @property
    def rtt(self) -> float: ...
    @property
    def estimate(self) -> int:
        """bit/s that may be sent, sound included."""

    def sent(self, sequence: int, size: int, now: float) -> None: ...
    def acknowledge(self, feedback: TransportFeedback, now: float) -> None: ...
    def loss(self, fraction: float, now: float) -> None: ...
    def remb(self, bitrate: int, now: float) -> None: ...
    def round_trip(self, seconds: float) -> None: ...
    def probe(self, now: float) -> int: ...


class NumberedEstimate(Estimate, Protocol):
    """Of transport-wide feedback: `bandwidth.Estimator`, or the compiled helper's."""

    @property
    def sizes(self) -> array[int]: ...
    @property
    def times(self) -> array[float]: ...
    @property
    def is_silenced(self) -> bool: ...
    @property
    def told_at(self) -> float: ...
    def number(self, newest: int) -> None: ...
    def spend(self, bitrate: float, now: float) -> None: ...
    def is_overspent(self, now: float) -> bool: ...


class FixedEstimate:
    """For viewers without transport-wide feedback: what they say themselves (REMB) while their reports tell of trouble, and
    less while they tell of much loss.

    Receivers let their own estimate rise no further than half above what they receive, and some take their own slowness for
    the network's: believed without a sign of trouble, a viewer that once got sound alone would never get a picture again."""

    __slots__ = ("_bound", "_fraction", "_losses", "_said", "_said_at", "_shortest", "_updated_at", "rtt", "wanted")

    def __init__(self) -> None:
        self._said = self._bound = float(CEILING)
        self._losses = Losses()
        self._fraction = 0.0
        self._shortest = float("inf")  # round trip
        self._said_at = self._updated_at = float("-inf")
        self.rtt = self.wanted = 0.0

    @property
    def estimate(self) -> int:
        return int(max(FLOOR, min(self._said, self._bound)))

    def sent(self, sequence: int, size: int, now: float) -> None:
        pass

    def acknowledge(self, feedback: TransportFeedback, now: float) -> None:
        pass

    def loss(self, fraction: float, now: float) -> None:
        """From a receiver report: `fraction` of one."""
        self._fraction = fraction
        self._losses.told(round(100 * (1 - fraction)), round(100 * fraction), now)
        cut = self._losses.cut(now, self.rtt)
        if cut < 1:
            self._bound = max(FLOOR, self.estimate * cut)
        elif not self._losses.forbids_growth:
            self._bound = min(CEILING, self._bound * (1 + GROWTH) ** min(1.0, now - self._updated_at))
        self._updated_at = now

    def remb(self, bitrate: int, now: float) -> None:
        if self._is_troubled:
            self._said = float(min(bitrate, CEILING))
        else:
            grown = self._said * (1 + GROWTH) ** min(1.0, now - self._said_at)
            self._said = min(CEILING, max(bitrate, grown))
        self._said_at = now

    @property
    def _is_troubled(self) -> bool:
        """Packets are lost, or wait somewhere on the way."""
        return self._fraction >= TROUBLED_LOSS or self.rtt > 2 * self._shortest + TROUBLED_WAIT

    def round_trip(self, seconds: float) -> None:
        self.rtt = smoothed(self.rtt, seconds)
        if seconds > 0:
            self._shortest = min(self._shortest, seconds)

    def probe(self, now: float) -> int:
        return 0


def smoothed(known: float, seconds: float) -> float:
    """A round trip taken into what was known, 0: nothing."""
    if not 0 <= seconds < 10:
        return known
    return known + (seconds - known) / 8 if known else seconds

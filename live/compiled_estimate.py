"""The `Estimator` of a client that the compiled helper serves. What it knows stands in the client's `Line`, where the helper
writes what it sends and takes feedback by itself (`feedback.c`, `bandwidth.c`); here is what Python asks of it. `bandwidth`
is the reference: a test gives both the same networks and holds each number to be the same, to the last bit.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import Final

from live.estimate import smoothed
from live.native import Helper, Line
from live.sent import MASK, RING
from live.transport_cc import TransportFeedback

_INFORMATION: Final = 12  # octets of a feedback packet before what it says


class Calls:
    """The helper's functions, once for all."""

    def __init__(self, helper: Helper) -> None:
        library, line, moment = helper.library, ctypes.c_void_p, ctypes.c_double
        self.anew, self.probe = library.plenum_estimate_anew, library.plenum_probe
        self.acknowledge, self.lose = library.plenum_acknowledge, library.plenum_lose
        self.is_overspent = library.plenum_is_overspent
        self.anew.argtypes, self.anew.restype = [line], None
        self.probe.argtypes = self.is_overspent.argtypes = [line, moment]
        self.acknowledge.argtypes = [line, ctypes.c_char_p, ctypes.c_int, moment]
        self.lose.argtypes, self.lose.restype = [line, ctypes.c_double, moment], None


class CompiledEstimator:
    """One client's. Attributes and methods are those of `Estimator`."""

    __slots__ = ("_at", "_calls", "_known", "_line", "sizes", "times")

    def __init__(self, calls: Calls, line: Line) -> None:
        self.sizes, self.times = array("h", bytes(2 * RING)), array("d", bytes(8 * RING))
        line.record(self.sizes, self.times)
        self._calls, self._line, self._known, self._at = calls, line, line.raw.estimator, ctypes.addressof(line.raw)
        calls.anew(self._at)

    @property
    def estimate(self) -> int:
        return int(self._known.rate)

    @property
    def is_silenced(self) -> bool:
        return self._known.silenced > 0

    @property
    def queue(self) -> float:
        return self._known.delay.queue

    @property
    def rtt(self) -> float:
        return self._known.rtt

    @property
    def wanted(self) -> float:
        return self._known.wanted

    @wanted.setter
    def wanted(self, bitrate: float) -> None:
        self._known.wanted = bitrate

    @property
    def told_at(self) -> float:
        return self._known.told_at

    def number(self, newest: int) -> None:
        """The helper numbers by itself."""

    def sent(self, sequence: int, size: int, now: float) -> None:
        """A packet went out by another way than the helper's."""
        self.sizes[sequence & MASK], self.times[sequence & MASK] = size, now
        self._line.raw.next = sequence + 1 & 0xFFFF

    def acknowledge(self, feedback: TransportFeedback, now: float) -> None:
        """Takes feedback that was found among other packets."""
        information = bytes(feedback)[_INFORMATION:]
        self._calls.acknowledge(self._at, information, len(information), now)

    def loss(self, fraction: float, now: float) -> None:
        self._calls.lose(self._at, fraction, now)

    def remb(self, bitrate: int, now: float) -> None:
        """Says no more than the feedback does."""

    def round_trip(self, seconds: float) -> None:
        self._known.rtt = smoothed(self._known.rtt, seconds)

    def probe(self, now: float) -> int:
        return int(self._calls.probe(self._at, now))

    def spend(self, bitrate: float, now: float) -> None:
        self._known.spent, self._known.spent_at = bitrate, now

    def is_overspent(self, now: float) -> bool:
        return bool(self._calls.is_overspent(self._at, now))

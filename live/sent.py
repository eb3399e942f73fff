"""What went to a viewer under transport-wide sequence numbers, and what its feedback says of it. Pure.
Neighbour: `bandwidth` draws the conclusions.
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from live.transport_cc import TICK, TICKS_PER_REFERENCE, TransportFeedback

RING: Final = 1024  # packets that can still be told of: 3 s at 300 a second; older ones are overwritten
MASK: Final = RING - 1
WINDOW: Final = 0.04  # seconds of sending whose least delay counts: a picture's own burst is no queue


class Window(NamedTuple):
    """What came of 40 ms of sending. `delay` is the least one-way delay, by two clocks; `arrived` is the last arrival, by
    the viewer's. Seconds, octets."""

    first_sent: float
    last_sent: float
    arrived: float
    delay: float
    octets: int


class Told(NamedTuple):
    """What a feedback packet says that was not known: `lost` is negative where packets given up came late. `sent_at` and
    `arrived` are the newest packet's, if any came."""

    came: int
    lost: int
    octets: int
    sent_at: float
    arrived: float
    windows: tuple[Window, ...]


NOTHING: Final = Told(0, 0, 0, 0.0, 0.0, ())


class SentPackets:
    """Rings of sizes and times, by sequence number. `newest`: sequence number sent last; `told`: the newest that feedback
    spoke of. Who writes into the rings directly (`group`) sets `newest` before feedback is taken."""

    __slots__ = ("_end", "_epoch", "_open", "losses_from", "newest", "sizes", "times", "told")

    def __init__(self) -> None:
        self.sizes = array("h", bytes(2 * RING))  # 0: never sent, or known to have come; negative: told of as lost
        self.times = array("d", bytes(8 * RING))
        self.newest = self.told = 0
        self.losses_from = 0.0  # losses of packets sent before are not counted
        self._epoch: int | None = None  # the newest reference time, unwrapped
        self._open = Window(0.0, 0.0, 0.0, 0.0, 0)
        self._end = float("-inf")  # of the open window

    def sent(self, sequence: int, size: int, now: float) -> None:
        """A packet went out. Once per packet and viewer: nothing but the ring."""
        index = sequence & MASK
        self.sizes[index] = size
        self.times[index] = now
        self.newest = sequence

    def take(self, feedback: TransportFeedback) -> Told:
        """Reads feedback. What it says of packets never sent or forgotten is left out."""
        age = (self.newest - feedback.base + 0x8000 & 0xFFFF) - 0x8000
        skipped = max(0, age - MASK)
        statuses = feedback.arrivals[skipped : age + 1] if age >= 0 else ()
        if not statuses:
            return NOTHING
        first = feedback.base + skipped
        self.told = first + len(statuses) - 1 & 0xFFFF
        return self._read(statuses, first, self._unwrap(feedback.reference) * TICKS_PER_REFERENCE)

    def _read(self, statuses: tuple[int | None, ...], sequence: int, origin: int) -> Told:
        sizes, times, base = self.sizes, self.times, origin * TICK
        first, last, arrived, least, octets = self._open
        end = self._end
        windows: list[Window] = []
        came = lost = total = 0
        for sequence, tick in enumerate(statuses, sequence):  # noqa: B020
            index = sequence & MASK
            size = sizes[index]
            if tick is None:
                if size > 0:
                    sizes[index] = -size
                    lost += times[index] >= self.losses_from
                continue
            if size <= 0:
                if not size:
                    continue
                lost -= times[index] >= self.losses_from
                size = -size
            sizes[index] = 0
            came += 1
            total += size
            at = times[index]
            if at < first:
                continue  # overtaken by later windows
            arrived_now = base + tick * TICK
            delay = arrived_now - at
            if at >= end:
                if octets:
                    windows.append(Window(first, last, arrived, least, octets))
                first, end, least, octets = at, at + WINDOW, delay, size
            else:
                octets += size
                if delay < least:
                    least = delay
            last, arrived = at, arrived_now
        self._open, self._end = Window(first, last, arrived, least, octets), end
        return Told(came, lost, total, last, arrived, tuple(windows))

    def _unwrap(self, reference: int) -> int:
        before = reference if self._epoch is None else self._epoch
        self._epoch = before + (reference - before + 0x800000 & 0xFFFFFF) - 0x800000
        return self._epoch

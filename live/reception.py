"""How one source arrives: counts, jitter and the report block of RFC 3550, and what is missing of it. Pure.

Neighbour: `track` feeds it. What was repaired by retransmission still counts as lost in reports, as RFC 4588 (8.3) wants:
the publisher shall learn how the way is.
"""

from __future__ import annotations

from typing import Final

from live import rtcp
from live.limits import Budget

MAX_MISSING: Final = 100  # sequence numbers asked for; more missing at once is an outage, for a key frame to mend
MAX_FRESH: Final = 1000.0  # likewise in a second, and at once: what skips numbers all the time is not asked for them
MAX_ASKED: Final = 4  # times for one packet
ASK_INTERVAL: Final = 0.1  # seconds between two of them
RATE_WEIGHT: Final = 0.4  # of the last interval in the smoothed bitrate


class Reception:
    """Sequence numbers are extended here (RFC 3550, A.1). `newest` is the highest, with its `timestamp`; -1 at first."""

    __slots__ = (
        "_counted_at",
        "_counted_bytes",
        "_first",
        "_reported_expected",
        "_reported_received",
        "_transit",
        "arrived_at",
        "bitrate",
        "bytes",
        "clock",
        "jitter",
        "newest",
        "packets",
        "recovered",
        "sender_report",
        "sender_report_at",
        "timestamp",
    )

    def __init__(self, clock: int) -> None:
        self.clock = clock
        self.packets = self.bytes = self.recovered = 0
        self._first = self.newest = -1
        self.timestamp = 0
        self.arrived_at = float("-inf")  # monotonic seconds
        self._transit = self.jitter = 0.0  # in the codec's clock
        self.bitrate = 0.0  # bit/s, smoothed
        self._counted_at, self._counted_bytes = 0.0, 0
        self.sender_report: rtcp.SenderReport | None = None
        self.sender_report_at = 0.0  # monotonic seconds
        self._reported_expected = self._reported_received = 0

    def count(self, sequence: int, timestamp: int, length: int, now: float) -> int:
        """Takes a packet's numbers; returns its extended sequence number."""
        self.packets += 1
        self.bytes += length
        if self._first < 0:
            self._first = self.newest = sequence + 0x10000  # so that a late packet's is positive
            self.timestamp = timestamp
        extended = self.extend(sequence)
        if extended > self.newest:
            self.newest, self.timestamp = extended, timestamp
        transit = now * self.clock - timestamp
        deviation = abs(transit - self._transit)
        if deviation < self.clock * 10:  # the first packet, or a timestamp that wrapped, says nothing
            self.jitter += (deviation - self.jitter) / 16  # RFC 3550, A.8
        self._transit = transit
        self.arrived_at = now
        return extended

    def extend(self, sequence: int) -> int:
        """The extended number that is nearest to the newest one."""
        return self.newest + ((sequence - self.newest + 0x8000 & 0xFFFF) - 0x8000)

    def measure(self, now: float) -> None:
        """Every now and then: brings `bitrate` up to date."""
        elapsed = now - self._counted_at
        if elapsed <= 0:
            return
        rate = 8 * (self.bytes - self._counted_bytes) / elapsed
        if self._counted_at:
            self.bitrate += (rate - self.bitrate) * (RATE_WEIGHT if self.bitrate else 1.0)
        self._counted_at, self._counted_bytes = now, self.bytes

    @property
    def lost(self) -> int:
        """Packets expected and not received, on their own or as a retransmission."""
        return max(0, self._expected - self.packets - self.recovered)

    @property
    def _expected(self) -> int:
        return self.newest - self._first + 1 if self._first >= 0 else 0

    def take_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        self.sender_report, self.sender_report_at = report, now

    def report_block(self, ssrc: int, now: float) -> rtcp.ReportBlock:
        """How the source arrived since the last call (RFC 3550, 6.4.1, A.3)."""
        expected_in_all = self._expected
        expected = expected_in_all - self._reported_expected
        lost = expected - (self.packets - self._reported_received)
        self._reported_expected, self._reported_received = expected_in_all, self.packets
        heard = self.sender_report
        return rtcp.ReportBlock(
            ssrc=ssrc,
            fraction_lost=max(0, min(255, (lost << 8) // expected)) if expected > 0 else 0,
            lost=expected_in_all - self.packets,
            highest=self.newest - 0x10000 & 0xFFFFFFFF,
            jitter=int(self.jitter),
            last_sr=heard.ntp >> 16 & 0xFFFFFFFF if heard else 0,
            delay=int((now - self.sender_report_at) * 65536) if heard else 0,
        )


class Missing:
    """Extended sequence numbers that have not come, and when each was asked for."""

    __slots__ = ("_asked", "_budget")

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int, float]] = {}  # (times, when); at most 2 * MAX_FRESH
        self._budget = Budget(MAX_FRESH)

    def __contains__(self, extended: int) -> bool:
        return extended in self._asked

    def __len__(self) -> int:
        return len(self._asked)

    def came(self, extended: int) -> bool:
        """Returns whether it was missing."""
        return self._asked.pop(extended, None) is not None

    def note(self, first: int, end: int, now: float) -> tuple[int, ...] | None:
        """`first` to `end` - 1 have not come; returns what to ask for, None for an outage."""
        count = end - first
        if count >= MAX_MISSING or self._budget.take(count, now) < count:
            self._asked.clear()
            return None
        fresh = range(first, end)
        self._asked.update(dict.fromkeys(fresh, (1, now)))
        return tuple(fresh)

    def due(self, now: float) -> tuple[int, ...]:
        """What is to be asked for again; what was asked for often enough is given up."""
        due = {extended: asked for extended, (asked, at) in self._asked.items() if now - at >= ASK_INTERVAL}
        for extended, asked in due.items():
            if asked >= MAX_ASKED:
                del self._asked[extended]
            else:
                self._asked[extended] = (asked + 1, now)
        return tuple(sorted(extended for extended, asked in due.items() if asked < MAX_ASKED))

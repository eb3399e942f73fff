"""What arrives from one publisher, by transport-wide sequence number, and the feedback about it that lets the publisher's
own congestion control work (draft-holmer-rmcat-transport-wide-cc-extensions-01). Pure. Neighbours: `peer` owns it,
`transport_cc` is the wire format.

Every packet is told of once, as come or as lost; one that comes late is told of again, with those after it.
"""

from __future__ import annotations

from typing import Final

from live.transport_cc import TICK, TICKS_PER_REFERENCE, TransportFeedback

SHORTEST: Final = 0.05  # seconds between feedbacks while many packets come
LONGEST: Final = 0.1  # while few do
MANY: Final = 20  # packets waiting that make `SHORTEST` the interval
MAX_TOLD: Final = 400  # statuses in one feedback packet: at most about 920 octets
MAX_DELTA: Final = 0x7FFF  # ticks between two arrivals in one feedback packet
MAX_GAP: Final = 2048  # sequence numbers: a larger step forward is a new beginning, not that many losses
KEPT: Final = 2048  # arrivals remembered behind the newest, so that a late packet's neighbours are told of rightly


class Arrivals:
    """`sender` is our SSRC in the feedback; `media` must be one of the publisher's sources, or browsers ignore it."""

    __slots__ = ("_begin", "_count", "_fresh", "_highest", "_reference", "_told_at", "_when", "media", "sender")

    def __init__(self, sender: int, media: int) -> None:
        self.sender, self.media = sender, media
        self._when: dict[int, int] = {}  # arrival in ticks by extended sequence number; at most 3 * KEPT
        self._highest = -1  # extended sequence number
        self._begin = 0  # the lowest extended sequence number not told of
        self._fresh = 0  # arrivals not told of
        self._count = 0
        self._reference = 0  # of the last feedback, for one in which everything is lost
        self._told_at = float("-inf")

    def arrived(self, sequence: int, now: float) -> bool:
        """Notes a packet (`now`: monotonic seconds). Returns whether feedback is due: then call `feedback` at once."""
        highest = self._highest
        if highest < 0:
            highest = self._restart(sequence)
        number = highest + ((sequence - highest + 0x8000 & 0xFFFF) - 0x8000)
        if number > highest:
            if number - highest > MAX_GAP:
                number = self._restart(sequence) + 1
            self._highest = number
        elif number in self._when or number <= highest - KEPT:
            return False
        elif number < self._begin:
            self._begin = number
        self._when[number] = int(now / TICK)
        self._fresh += 1
        elapsed = now - self._told_at
        return elapsed >= LONGEST or (elapsed >= SHORTEST and self._fresh >= MANY) or self._fresh >= KEPT

    def feedback(self, now: float) -> list[TransportFeedback]:
        """Returns what is to be told now: nothing if nothing came, or if the last time is less than 50 ms ago. Call it every
        50 to 100 ms, and when `arrived` says so."""
        if not self._fresh or (now - self._told_at < SHORTEST and self._fresh < KEPT):
            return []
        told = []
        self._begin = max(self._begin, self._highest - KEPT)  # a publisher that skips numbers is not told of all of them
        while self._begin <= self._highest:
            told.append(self._next_feedback())
        self._told_at, self._fresh = now, 0
        if len(self._when) > 2 * KEPT:
            self._when = {number: at for number, at in self._when.items() if number > self._highest - KEPT}
        return told

    def _restart(self, sequence: int) -> int:
        """Begins a numbering at `sequence`; returns the number before it. What was not told yet is forgotten."""
        self._when.clear()
        self._fresh = 0
        self._begin = sequence + 0x10000  # so that a late packet's number is positive
        self._highest = self._begin - 1
        return self._highest

    def _next_feedback(self) -> TransportFeedback:
        """Tells of the packets from `_begin` on: as many as fit, by count and by the time between them."""
        begin, when = self._begin, self._when
        arrivals: list[int | None] = []
        before = -1
        for number in range(begin, min(self._highest + 1, begin + MAX_TOLD)):
            at = when.get(number)
            if at is None:
                arrivals.append(None)
                continue
            if before < 0:
                self._reference, before = at // TICKS_PER_REFERENCE, at
            if not -MAX_DELTA <= at - before <= MAX_DELTA:
                break
            arrivals.append(at - self._reference * TICKS_PER_REFERENCE)
            before = at
        self._begin = begin + len(arrivals)
        self._count = self._count + 1 & 0xFF
        reference = self._reference & 0xFFFFFF
        return TransportFeedback(self.sender, self.media, begin & 0xFFFF, reference, self._count, tuple(arrivals))

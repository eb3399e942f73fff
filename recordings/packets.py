"""One stream's RTP packets (RFC 3550), put back into order, with the gaps told.

Pure: bytes and times in, values out. Next: `frames` makes pictures and sounds of what leaves here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from live import rtp


class Packet(NamedTuple):
    """One RTP packet. `arrival` is seconds on the receiver's clock; `payload` has neither padding nor extensions."""

    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes
    arrival: float


class Gap(NamedTuple):
    """So many packets are missing here for good; 0: the stream restarted and the number is not known."""

    packets: int


def parse(data: bytes, arrival: float) -> Packet:
    """Parses an RTP packet that came at `arrival`. Raises `ValueError` if it is not one."""
    packet = rtp.parse(data)
    return Packet(
        packet.sequence, packet.timestamp, packet.ssrc, packet.payload_type, packet.marker, packet.payload, arrival
    )


def is_rtcp(data: bytes) -> bool:
    """Tells RTCP from RTP on a shared port (RFC 5761, 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


@dataclass
class Unwrapper:
    """Makes 32-bit timestamps that wrap into integers that do not. They may go back by up to half a turn."""

    last: int | None = None

    def __call__(self, timestamp: int) -> int:
        if self.last is None:
            self.last = timestamp
        else:
            self.last += ((timestamp - self.last + 2**31) & 0xFFFFFFFF) - 2**31
        return self.last

    def peek(self, timestamp: int) -> int:
        """The same, without moving on."""
        return Unwrapper(self.last)(timestamp)


@dataclass
class Reorder:
    """Puts the packets of one stream into order. A missing one is waited for (the sender may get it again from a browser)
    until it is `patience` seconds late or `window` packets wait behind it; then it is given up and told as a `Gap`.

    Bounded: at most `window` packets are held. Duplicates and packets that come too late are dropped. Another SSRC, or
    `RESTART` late packets in a row (the stream jumped), starts afresh.
    """

    window: int = 512
    patience: float = 0.4
    _next: int | None = None
    _ssrc: int = 0
    _late: int = 0
    _held: dict[int, Packet] = field(default_factory=dict)

    RESTART: Final = 32

    def push(self, packet: Packet) -> Iterator[Packet | Gap]:
        """Yields what is now in order."""
        if self._next is None:
            self._next, self._ssrc = packet.sequence, packet.ssrc
        ahead = (packet.sequence - self._next) & 0xFFFF
        self._late = self._late + 1 if ahead >= 0x8000 else 0
        if packet.ssrc != self._ssrc or self._late >= self.RESTART:
            yield from self._restart(packet)
            return
        if ahead < 0x8000:
            self._held.setdefault(packet.sequence, packet)
        yield from self.pull(packet.arrival)

    def pull(self, now: float) -> Iterator[Packet | Gap]:
        """Yields what need not wait any longer at `now`. To be called now and then when nothing arrives."""
        while self._held:
            assert self._next is not None
            if (packet := self._held.pop(self._next, None)) is not None:
                self._next = (self._next + 1) & 0xFFFF
                yield packet
            elif len(self._held) >= self.window or now - self._oldest() > self.patience:
                yield self._give_up()
            else:
                return

    def _oldest(self) -> float:
        """When the first packet that waits came. Insertion order is order of arrival."""
        return next(iter(self._held.values())).arrival

    def _give_up(self) -> Gap:
        assert self._next is not None
        start = self._next
        nearest = min(self._held, key=lambda sequence: (sequence - start) & 0xFFFF)
        self._next = nearest
        return Gap((nearest - start) & 0xFFFF)

    def _restart(self, packet: Packet) -> Iterator[Packet | Gap]:
        self._held.clear()
        self._ssrc, self._next, self._late = packet.ssrc, (packet.sequence + 1) & 0xFFFF, 0
        yield Gap(0)
        yield packet

"""The inner loop: one packet to all viewers for whom it is alike but for the transport-wide sequence number.

`fan_out` numbers, encrypts and sends a viewer, and runs for every packet and viewer. Where the compiled helper (`native`)
has been built, it serves viewers that have a `Line` instead, with all packets of one wake-up at once (`Bursts`). Neighbours:
`group` makes the packets, `downlink` and `compiled` are the viewers.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final, Protocol

from pylibsrtp import Error as SrtpError

from live.native import BURST, LONGEST, Helper, Line
from live.sent import MASK

UNSENDABLE: Final = (OSError, SrtpError, ValueError)  # no room in the socket, no route; wrong; too long
_NUMBER: Final = Struct("!H")

Send = Callable[[bytes | bytearray, int, float], None]  # packet, where its transport-wide number goes, now


class Viewer(Protocol):
    """Where a slot's packets go: a peer or a tap. `owner` is the peer it belongs to, `label` whose it is. `sizes` and
    `times` are rings of `sent.RING` entries, by transport-wide sequence number; `next_number` is the next one."""

    owner: object
    label: str
    protect: Callable[[bytes], bytes]
    sendto: Callable[[bytes, Any], object]
    address: Any
    next_number: int
    sizes: array[int]
    times: array[float]
    octets: int
    dropped: int


class Served:
    """Part of a viewer that the helper serves."""

    def __init__(self, bursts: Bursts, line: Line) -> None:
        self.bursts, self.line = bursts, line


def fan_out(packet: bytes | bytearray, number_at: int, viewers: Sequence[Viewer], now: float) -> None:
    """Sends `packet` to all `viewers`. `number_at`: where each viewer's own transport-wide sequence number goes (the packet
    is a bytearray then), 0: nowhere. Runs for every packet and viewer: keep it short."""
    length = len(packet)
    if not number_at:
        finished = bytes(packet)
        for viewer in viewers:
            viewer.octets += length
            try:
                viewer.sendto(viewer.protect(finished), viewer.address)
            except UNSENDABLE:
                viewer.dropped += 1
        return
    put = _NUMBER.pack_into
    for viewer in viewers:
        number = viewer.next_number
        viewer.next_number = (number + 1) & 0xFFFF
        viewer.sizes[number & MASK] = length
        viewer.times[number & MASK] = now
        viewer.octets += length
        put(packet, number_at, number)
        try:
            viewer.sendto(viewer.protect(bytes(packet)), viewer.address)
        except UNSENDABLE:
            viewer.dropped += 1


def sender(viewers: Sequence[Viewer]) -> Send:
    """The best way to these viewers, who do not change any more."""
    served = [viewer for viewer in viewers if isinstance(viewer, Served)]
    if not served:
        return lambda packet, number_at, now: fan_out(packet, number_at, viewers, now)
    queue = Queue(served[0].bursts, served, [viewer.line for viewer in served]).add
    others = [viewer for viewer in viewers if not isinstance(viewer, Served)]
    if not others:
        return queue

    def send(packet: bytes | bytearray, number_at: int, now: float) -> None:
        queue(packet, number_at, now)
        fan_out(packet, number_at, others, now)

    return send


def nothing() -> None:
    """There are no other workers."""


class Bursts:
    """What waits for the end of a wake-up: then all packets of a group that came with it go out together. Equal ones to one
    viewer are one datagram for most of the kernel's way."""

    def __init__(self, helper: Helper) -> None:
        self.helper = helper
        self.before: Callable[[], None] = nothing  # what goes out first, to other workers: they work meanwhile
        self._waiting: list[Queue] = []
        self._is_gathering = False

    def gather(self) -> None:
        """Whoever calls this calls `flush` in the same wake-up."""
        self._is_gathering = True

    def expect(self, queue: Queue) -> None:
        """`queue` has something to send."""
        if not self._waiting and not self._is_gathering:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(queue)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._is_gathering = False
        self.before()
        for queue in waiting:
            queue.flush()


class Queue:
    """A group's packets of one wake-up, at most `BURST`: then they do not wait any longer."""

    __slots__ = ("_bursts", "_group", "_now", "_packets", "_viewers")

    def __init__(self, bursts: Bursts, viewers: Sequence[Viewer], lines: Sequence[Line]) -> None:
        self._bursts, self._viewers = bursts, viewers
        self._group = bursts.helper.group(lines)
        self._packets: list[tuple[bytes, int]] = []
        self._now = 0.0

    def add(self, packet: bytes | bytearray, number_at: int, now: float) -> None:
        if len(packet) > LONGEST:
            for viewer in self._viewers:
                viewer.dropped += 1
            return
        if not self._packets:
            self._bursts.expect(self)
        elif len(self._packets) == BURST:
            self.flush()
            self._bursts.expect(self)
        self._packets.append((bytes(packet), number_at))
        self._now = now

    def flush(self) -> None:
        packets, self._packets = self._packets, []
        if packets and (left := self._group.send(packets, self._now)):
            unreached = [self._viewers[index] for index in left]  # over TCP, or nowhere now
            for packet, number_at in packets:
                fan_out(bytearray(packet), number_at, unreached, self._now)

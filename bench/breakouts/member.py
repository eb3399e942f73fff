"""One participant's connection to the media of their room (or of the plenary), as their browser has it: sends, counts what
comes, and gives transport-wide feedback. Everything but `connect` happens in the pump's thread.

Which packet of whom a received one is follows from its sequence number less a shift, which stays the same while nobody
else feeds the slot; a packet in 64 is decrypted to make sure.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from array import array
from dataclasses import dataclass, field
from typing import Any, Final

from aiortc import RTCCertificate

from bench.breakouts.stream import KEPT, TAIL, Stream
from bench.media.client import RTCP_SSRC, Client, Wire
from bench.media.sdp import TRANSPORT_CC, offer_of, read
from live import rtcp
from live.transport_cc import TransportFeedback

AUDIO_SLOTS: Final = 3
VIDEO_SLOTS: Final = 12
CIRCLE: Final = [("video", True), ("audio", True), *[("audio", False)] * AUDIO_SLOTS, *[("video", False)] * VIDEO_SLOTS]
PLENARY: Final = [("audio", False)] * AUDIO_SLOTS + [("video", False)] * 4
LOOKS: Final = 64  # a packet in so many is decrypted
TICKS_PER_REFERENCE: Final = 256  # of 250 µs in 64 ms
_TIMESTAMP: Final = struct.Struct("=qq")


@dataclass
class Window:
    """What counts: packets that left between two moments, in nanoseconds since 1970. `delays`: seconds."""

    begins: int = 1 << 63
    ends: int = 1 << 63
    delays: array[float] = field(default_factory=lambda: array("d"))
    moved: int = 0


@dataclass
class _Slot:
    """What arrives by one SSRC. `source`: (person, kind); `counted`: packets of the window, by their numbers."""

    kind: str
    source: tuple[int, str] | None = None
    shift: int = 0
    heard: int = 0
    counted: set[int] = field(default_factory=set)


class Member:
    """`number` of the person, who sends if `room` is one. `streams` of everybody, by (person, kind)."""

    def __init__(
        self, number: int, room: str, certificate: RTCCertificate, streams: dict[tuple[int, str], Stream], window: Window
    ) -> None:
        self.number, self.room = number, room
        self.first_heard = 0.0  # when sound came from somebody, seconds since 1970
        self.own: list[Stream] = []
        self.slots: dict[int, _Slot] = {}
        self.wire = Wire()
        self.client = Client(self.wire, "127.0.0.1", certificate)
        self._streams, self._window = streams, window
        self._transport_id = self._sent = self._feedbacks = 0
        self._arrivals: dict[int, int] = {}
        self._highest: dict[int, int] = {}

    # --- coming

    def offer(self) -> dict[str, Any]:
        """As a page posts it."""
        lines = CIRCLE if self.room else PLENARY
        uses = {
            ("video", True): "camera",
            ("audio", True): "microphone",
            ("video", False): "video",
            ("audio", False): "audio",
        }
        named = {str(mid): uses[line] for mid, line in enumerate(lines)}
        return {"sdp": offer_of(lines, self.client.local), "uses": named}

    async def connect(self, answer: str) -> None:
        """Shakes hands; from then on it sends."""
        for section in answer.replace("\r\n", "\n").split("\nm=")[1:]:
            kind, lines = section.partition(" ")[0], section.split("\n")
            mid = next(int(line[6:]) for line in lines if line.startswith("a=mid:"))
            agreed = {line.split()[1]: int(line[9:].split()[0]) for line in lines if line.startswith("a=extmap:")}
            if "a=recvonly" in lines:
                stream = Stream(kind, mid, self.number, agreed, 0.0)
                self._streams[self.number, kind] = stream
                self.own.append(stream)
            else:
                self._take_slot(kind, lines, agreed)
        await self.client.connect(read(answer))
        begins = time.monotonic()
        for stream in self.own:
            stream.due = begins + self.number * 0.00037  # not all at the same moment

    async def close(self) -> None:
        """When the pump has stopped."""
        await self.client.close()
        self.wire.socket.close()

    def _take_slot(self, kind: str, lines: list[str], agreed: dict[str, int]) -> None:
        self._transport_id = agreed.get(TRANSPORT_CC, self._transport_id)
        groups = [line.split() for line in lines if line.startswith("a=ssrc-group:FID")]
        found = [int(group[1]) for group in groups] or [int(line[7:].split()[0]) for line in lines if line[:7] == "a=ssrc:"]
        if found:
            self.slots[found[0]] = _Slot(kind)

    # --- in the pump's thread

    @property
    def is_up(self) -> bool:
        return self.client.rx is not None

    def send_due(self, now: float) -> None:
        for stream in self.own:
            while stream.due <= now:
                if now - stream.due > 1.0:  # this machine was away: what was not sent is not sent all at once
                    stream.due = now
                self.client.send(self.client.tx.protect(stream.next(self._sent)))
                self._sent += 1

    def read(self, loop: asyncio.AbstractEventLoop) -> None:
        sock = self.wire.socket
        while True:
            try:
                data, control, _, _ = sock.recvmsg(2048, 128)
            except BlockingIOError:
                return
            if not data:
                continue
            if data[0] < 64:
                loop.call_soon_threadsafe(self.client.receive, data)
            elif self.is_up and 192 <= data[1] <= 223:
                self._take_control(data)
            elif self.is_up:
                self._take(data, _arrival(control))

    def _take(self, data: bytes, arrived: int) -> None:
        number = int.from_bytes(data[8:12], "big")
        if self._transport_id and data[0] & 0x10:
            self._note_arrival(data, arrived)
        slot = self.slots.get(number)
        if slot is None:
            return  # a repair, or a test of bandwidth
        sequence = data[2] << 8 | data[3]
        self._highest[number] = sequence
        slot.heard += 1
        if slot.source is None or slot.heard % LOOKS == 0:
            self._learn(slot, data, sequence)
        if slot.source is None:
            return
        packet = sequence - slot.shift & 0xFFFF
        left = self._streams[slot.source].sent_at[packet % KEPT]
        if self._window.begins <= left < self._window.ends:
            slot.counted.add(packet)
            self._window.delays.append((arrived - left) / 1e9)

    def _learn(self, slot: _Slot, data: bytes, sequence: int) -> None:
        plain = self.client.rx.unprotect(data)
        if len(plain) < 60 or plain[0] & 0x20:
            return  # nothing but padding
        person, number = TAIL.unpack(plain[-TAIL.size :])
        source, shift = (person, slot.kind), sequence - number & 0xFFFF
        if slot.source is not None and (source, shift) != (slot.source, slot.shift):
            self._window.moved += 1
        slot.source, slot.shift = source, shift
        if slot.kind == "audio" and not self.first_heard:
            self.first_heard = time.time()

    def _note_arrival(self, data: bytes, arrived: int) -> None:
        at, end = 16, 16 + 4 * (data[14] << 8 | data[15])
        while at < end:
            head = data[at]
            if head >> 4 == self._transport_id:
                self._arrivals[data[at + 1] << 8 | data[at + 2]] = arrived
                return
            at += 2 + (head & 15) if head else 1

    def _take_control(self, data: bytes) -> None:
        for packet in rtcp.parse(self.client.rx.unprotect_rtcp(data)):
            if isinstance(packet, rtcp.PictureLoss | rtcp.FullIntra):
                for stream in self.own:
                    stream.wants_key = True

    def give_feedback(self) -> None:
        """What came since the last one."""
        arrivals, self._arrivals = self._arrivals, {}
        if not arrivals:
            return
        first = next(iter(arrivals))
        steps = {(number - first + 0x8000 & 0xFFFF) - 0x8000: at for number, at in arrivals.items()}
        begins, ends = min(steps), max(steps)
        reference = min(arrivals.values()) // 64_000_000
        ticks = tuple(
            None if (at := steps.get(step)) is None else at // 250_000 - reference * TICKS_PER_REFERENCE
            for step in range(begins, ends + 1)
        )
        base, media = first + begins & 0xFFFF, next(iter(self.slots))
        feedback = TransportFeedback(RTCP_SSRC, media, base, reference & 0xFFFFFF, self._feedbacks & 0xFF, ticks)
        self._feedbacks += 1
        self.client.send(self.client.tx.protect_rtcp(bytes(feedback)))

    def report(self) -> None:
        blocks = tuple(rtcp.ReportBlock(number, highest=highest) for number, highest in list(self._highest.items())[:16])
        self.client.send_rtcp(rtcp.ReceiverReport(RTCP_SSRC, blocks))


def _arrival(control: list[tuple[int, int, bytes]]) -> int:
    """When the kernel took it, in nanoseconds since 1970."""
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, 35):  # SO_TIMESTAMPNS
            seconds, nanoseconds = _TIMESTAMP.unpack(data[:16])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()

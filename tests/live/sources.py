"""Publishers and viewers without a network, for the slots and the switchboard."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from live import rtcp
from live.agreement import Receiving, Sending, Sent
from live.codecs import Codec
from live.outlet import Outlet
from live.rtp import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, RtpPacket, parse
from live.sent import RING
from live.slot import Slot
from live.source import Source
from live.track import Track

KEY = {
    "H264": b"\x67\x42\xe0\x1f",
    "VP8": b"\x90\xc0\x80\x00\x00\x10",
    "VP9": b"\xa8\x80\x00\x00\x00\x82",
    "AV1": b"\x18\x08\x00",
    "opus": b"\x78voice",
}
DELTA = {
    "H264": b"\x61\x9a\x00",
    "VP8": b"\x90\xc0\x80\x00\x00\x01",
    "VP9": b"\xe8\x80\x00\x00\x00\x86",
    "AV1": b"\x10\x30\x00",
    "opus": b"\x78voice",
}
PAYLOAD_TYPES: dict[Codec, int] = {"H264": 102, "VP8": 96, "VP9": 98, "AV1": 45, "opus": 111}


class Receiver:
    """A viewer that keeps what it gets."""

    def __init__(self, label: str = "viewer") -> None:
        self.owner: object = self
        self.label = label
        self.address: Any = None
        self.next_number = self.octets = self.dropped = 0
        self.sizes, self.times = array("h", bytes(2 * RING)), array("d", bytes(8 * RING))
        self.packets: list[RtpPacket] = []
        self.is_full = False
        self.protect: Callable[[bytes], bytes] = bytes  # returns what it gets
        self.sendto: Callable[[bytes, Any], object] = self._take

    def _take(self, packet: bytes, _address: Any) -> None:
        if self.is_full:
            raise BlockingIOError
        self.packets.append(parse(packet))

    @property
    def sequences(self) -> list[int]:
        return [packet.sequence for packet in self.packets]

    def outlet(self, slot: Slot, payload_types: dict[Codec, int] | None = None, **agreed: Any) -> Outlet:
        """Its end of a slot; `agreed` are more fields of `Receiving`."""
        receiving = Receiving("0", slot.name, dict(PAYLOAD_TYPES if payload_types is None else payload_types), **agreed)
        return Outlet(self, receiving, *slot.ssrcs)


class Publisher:
    """A source with one layer and what it was asked. `send` lets one packet arrive. With `source` it is a further layer."""

    def __init__(
        self,
        label: str,
        use: Sent = "camera",
        codec: Codec = "H264",
        *,
        sequence: int = 0,
        timestamp: int = 0,
        owner: object = None,
        on_start: Any = None,
        rid: str = "",
        source: Source | None = None,
        red: int = 0,
    ) -> None:
        self.asked: list[rtcp.RtcpPacket] = []
        extensions = {AUDIO_LEVEL: 1} if use == "microphone" else {DEPENDENCY_DESCRIPTOR: 2} if codec == "AV1" else {}
        sending = Sending(label, use, codec, PAYLOAD_TYPES[codec], (), extensions, red_payload_type=red)
        self.track = Track(sending, 4711, self.asked.append, on_start or (lambda track: None), None, rid)
        self.source = source or Source(owner or self, label, sending)
        self.source.add(self.track)
        self.sequence, self.timestamp = sequence, timestamp
        self._count = 0

    def packet(self, *, key: bool = False, level: int | None = None, payload: bytes | None = None) -> bytes:
        """The next packet. `level` in −dBov."""
        codec = self.track.codec
        body = payload or (KEY if key else DELTA)[codec]
        if codec == "VP8":
            body = body[:2] + bytes([0x80 | self._count >> 8 & 127, self._count & 255, self._count & 255]) + body[5:]
        elif codec == "VP9":
            picture_id = bytes([0x80 | self._count >> 8 & 127, self._count & 255])
            body = body[:1] + picture_id + body[3:4] + bytes([self._count & 255]) + body[5:]
        elements: tuple[tuple[int, bytes], ...] = () if level is None else ((1, bytes([level])),)
        if codec == "AV1":
            elements += ((2, bytes([0xC0, self._count >> 8 & 255, self._count & 255]) + (b"\x80" if key else b"")),)
        packet = RtpPacket(
            PAYLOAD_TYPES[codec],
            self.sequence & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            4711,
            body,
            marker=True,
            extensions=elements,
        )
        self._count += 1
        self.sequence += 1
        self.timestamp += 3000
        return bytes(packet)

    def send(self, now: float, *, key: bool = False, level: int | None = None) -> None:
        self.track.receive(self.packet(key=key, level=level), now)

    @property
    def key_frames_asked(self) -> int:
        return sum(isinstance(packet, rtcp.PictureLoss) for packet in self.asked)

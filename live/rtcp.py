"""RTCP packets (RFC 3550, RFC 4585, RFC 5104, REMB): pure. Neighbours: `transport_cc` for transport-wide feedback; used by
`peer`, `track`, `slot`, `tap`.

`parse` reads a compound packet: whatever the bytes, it returns a list of typed packets (unknown types are left out) or
raises `ValueError`. `bytes(packet)` is the wire form of one packet; a compound packet is their concatenation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from live import transport_cc
from live.transport_cc import TransportFeedback as TransportFeedback

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
NACK_FORMAT: Final = 1
PLI_FORMAT: Final = 1
FIR_FORMAT: Final = 4
APPLICATION_FORMAT: Final = 15
CNAME: Final = 1
MAX_NAMED_LOST: Final = 1024  # a NACK that names more is not read further
MAX_PACKETS: Final = 32  # in a compound packet
MAX_NAMED: Final = 2048  # packets that the feedback in a compound packet may name together, as lost or as come


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How a source arrives (RFC 3550, 6.4.1). `fraction_lost` is of 256; `jitter` in the codec's clock; `last_sr` and
    `delay` (1/65536 s) give the round trip."""

    ssrc: int
    fraction_lost: int = 0
    lost: int = 0
    highest: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay: int = 0

    def __bytes__(self) -> bytes:
        lost = max(-0x800000, min(0x7FFFFF, self.lost)) & 0xFFFFFF
        return struct.pack(
            "!IIIIII",
            self.ssrc,
            self.fraction_lost << 24 | lost,
            self.highest & 0xFFFFFFFF,
            min(self.jitter, 0xFFFFFFFF),
            self.last_sr,
            min(self.delay, 0xFFFFFFFF),
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is a 64-bit NTP timestamp, `timestamp` the same instant in the codec's clock."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()

    def __bytes__(self) -> bytes:
        body = struct.pack(
            "!IQIII", self.ssrc, self.ntp, self.timestamp, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF
        )
        return _packet(SR, len(self.reports), body + b"".join(map(bytes, self.reports)))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()

    def __bytes__(self) -> bytes:
        return _packet(RR, len(self.reports), struct.pack("!I", self.ssrc) + b"".join(map(bytes, self.reports)))


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Canonical names by SSRC (RFC 3550, 6.5); other items are not kept."""

    names: tuple[tuple[int, bytes], ...]

    def __bytes__(self) -> bytes:
        chunks = b""
        for ssrc, name in self.names:
            chunk = struct.pack("!IBB", ssrc, CNAME, len(name)) + name
            chunks += chunk + bytes(4 - len(chunk) % 4)  # at least one zero ends the chunk
        return _packet(SDES, len(self.names), chunks)


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]

    def __bytes__(self) -> bytes:
        return _packet(BYE, len(self.ssrcs), struct.pack(f"!{len(self.ssrcs)}I", *self.ssrcs))


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers not received (RFC 4585, 6.2.1)."""

    sender: int
    media: int
    lost: tuple[int, ...]

    def __bytes__(self) -> bytes:
        return _packet(RTPFB, NACK_FORMAT, struct.pack("!II", self.sender, self.media) + _pack_lost(self.lost))


@dataclass(frozen=True, slots=True)
class PictureLoss:
    """PLI (RFC 4585, 6.3.1): send a key frame."""

    sender: int
    media: int

    def __bytes__(self) -> bytes:
        return _packet(PSFB, PLI_FORMAT, struct.pack("!II", self.sender, self.media))


@dataclass(frozen=True, slots=True)
class FullIntra:
    """FIR (RFC 5104, 4.3.1): send a key frame; (ssrc, command number) each."""

    sender: int
    requests: tuple[tuple[int, int], ...]

    def __bytes__(self) -> bytes:
        entries = b"".join(struct.pack("!IB3x", ssrc, number) for ssrc, number in self.requests)
        return _packet(PSFB, FIR_FORMAT, struct.pack("!II", self.sender, 0) + entries)


@dataclass(frozen=True, slots=True)
class Remb:
    """Receiver estimated maximum bitrate, in bit/s, over `ssrcs` together."""

    sender: int
    bitrate: int
    ssrcs: tuple[int, ...]

    def __bytes__(self) -> bytes:
        exponent = max(0, self.bitrate.bit_length() - 18)
        value = len(self.ssrcs) << 24 | exponent << 18 | self.bitrate >> exponent
        body = struct.pack(f"!II4sI{len(self.ssrcs)}I", self.sender, 0, b"REMB", value, *self.ssrcs)
        return _packet(PSFB, APPLICATION_FORMAT, body)


Feedback = Nack | PictureLoss | FullIntra | Remb | TransportFeedback
RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | Feedback


def parse(data: bytes) -> list[RtcpPacket]:
    """Parses a compound packet. Raises `ValueError` if the bytes are not one, or say more than any client has to say: what
    follows from a datagram must cost no more than a few of those that are forwarded."""
    packets: list[RtcpPacket] = []
    position = named = count = 0
    while position < len(data):
        if len(data) - position < 4:
            raise ValueError("RTCP header is truncated")
        first, kind, words = struct.unpack_from("!BBH", data, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise ValueError("RTCP packet is malformed or truncated")
        body = data[position + 4 : end]
        if first & 0x20:
            body = _without_padding(body)
        if packet := _parse_one(kind, first & 31, body):
            packets.append(packet)
            if isinstance(packet, TransportFeedback):
                named += len(packet.arrivals)
            elif isinstance(packet, Nack):
                named += len(packet.lost)
        count += 1
        if named > MAX_NAMED or count > MAX_PACKETS:
            raise ValueError("RTCP packet says too much")
        position = end
    return packets


def _without_padding(body: bytes) -> bytes:
    if not body or not 0 < body[-1] <= len(body):
        raise ValueError("RTCP padding is longer than the packet")
    return body[: -body[-1]]


def _parse_one(kind: int, count: int, body: bytes) -> RtcpPacket | None:
    try:
        match kind:
            case 200:
                ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!IQIII", body)
                return SenderReport(ssrc, ntp, timestamp, packets, octets, _report_blocks(body, 24, count))
            case 201:
                return ReceiverReport(struct.unpack_from("!I", body)[0], _report_blocks(body, 4, count))
            case 202:
                return _parse_description(count, body)
            case 203:
                return Goodbye(struct.unpack_from(f"!{count}I", body))
            case 205 | 206:
                return _parse_feedback(kind, count, body)
            case _:
                return None
    except (struct.error, IndexError) as error:
        raise ValueError("RTCP packet is truncated") from error


def _report_blocks(body: bytes, offset: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, lost, highest, jitter, last_sr, delay = struct.unpack_from("!IIIIII", body, offset + 24 * index)
        cumulative = lost & 0xFFFFFF
        cumulative -= (cumulative & 0x800000) << 1
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_description(count: int, body: bytes) -> SourceDescription:
    names = []
    position = 0
    for _ in range(count):
        (ssrc,) = struct.unpack_from("!I", body, position)
        position += 4
        while body[position]:
            item, length = body[position], body[position + 1]
            value = body[position + 2 : position + 2 + length]
            if len(value) < length:
                raise ValueError("RTCP SDES item is truncated")
            if item == CNAME:
                names.append((ssrc, value))
            position += 2 + length
        position += 4 - position % 4
    return SourceDescription(tuple(names))


def _parse_feedback(kind: int, layout: int, body: bytes) -> RtcpPacket | None:
    sender, media = struct.unpack_from("!II", body)
    information = body[8:]
    if kind == RTPFB:
        if layout == transport_cc.FORMAT:
            return transport_cc.parse_feedback(sender, media, information)
        return Nack(sender, media, _unpack_lost(information)) if layout == NACK_FORMAT else None
    if layout == PLI_FORMAT:
        return PictureLoss(sender, media)
    if layout == FIR_FORMAT:
        return FullIntra(sender, tuple(struct.iter_unpack("!IB3x", information)))
    if layout == APPLICATION_FORMAT and information[:4] == b"REMB":
        (value,) = struct.unpack_from("!I", information, 4)
        ssrcs = struct.unpack_from(f"!{value >> 24}I", information, 8)
        return Remb(sender, (value & 0x3FFFF) << (value >> 18 & 63), ssrcs)
    return None


def _unpack_lost(information: bytes) -> tuple[int, ...]:
    lost: list[int] = []
    for first, mask in struct.iter_unpack("!HH", information):
        lost.append(first)
        lost.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(lost) > MAX_NAMED_LOST:
            break
    return tuple(lost)


def _pack_lost(lost: Iterable[int]) -> bytes:
    """Each entry names one packet and, by a mask, those of the sixteen after it. `lost` is in rising order."""
    entries: list[tuple[int, int]] = []
    for sequence in lost:
        distance = (sequence - entries[-1][0]) & 0xFFFF if entries else 0
        if 0 < distance <= 16:
            entries[-1] = (entries[-1][0], entries[-1][1] | 1 << distance - 1)
        elif not entries or distance:
            entries.append((sequence, 0))
    return b"".join(struct.pack("!HH", *entry) for entry in entries)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body

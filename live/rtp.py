"""RTP packets (RFC 3550) with header extensions (RFC 8285): pure functions over bytes. Neighbours: `rtcp`, `codecs`.

Whatever the bytes, `parse` returns a packet or raises `ValueError`. The packet path uses `HEADER` and `payload_offset`
alone, and never builds a `RtpPacket`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER: Final = struct.Struct("!BBHII")  # flags, marker and payload type, sequence number, timestamp, SSRC
HEADER_LENGTH: Final = 12
PADDING: Final = 0x20
EXTENSION: Final = 0x10
MARKER: Final = 0x80
ONE_BYTE: Final = 0xBEDE  # RFC 8285, 4.2
TWO_BYTE: Final = 0x1000  # RFC 8285, 4.3; the lowest four bits are free

# Header extensions.
MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"  # RFC 9143
RID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"  # RFC 8852
REPAIRED_RID: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"  # RFC 8852
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
DEPENDENCY_DESCRIPTOR: Final = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet. `timestamp` is in the codec's clock; `padding` counts octets, `payload` is without them."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extensions: tuple[tuple[int, bytes], ...] = ()
    padding: int = 0

    def __bytes__(self) -> bytes:
        flags = 0x80 | len(self.csrcs) | (PADDING if self.padding else 0) | (EXTENSION if self.extensions else 0)
        head = HEADER.pack(flags, self.marker << 7 | self.payload_type, self.sequence, self.timestamp, self.ssrc)
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        csrcs = struct.pack(f"!{len(self.csrcs)}I", *self.csrcs)
        return head + csrcs + pack_extensions(self.extensions) + self.payload + padding


def payload_offset(data: bytes) -> int:
    """Returns where the payload (and padding) begins. Raises `ValueError` if the header does not fit into `data`."""
    if len(data) < HEADER_LENGTH or data[0] >> 6 != 2:
        raise ValueError("not an RTP packet")
    offset = HEADER_LENGTH + 4 * (data[0] & 15)
    if data[0] & EXTENSION:
        if len(data) < offset + 4:
            raise ValueError("RTP header extension is truncated")
        offset += 4 + 4 * (data[offset + 2] << 8 | data[offset + 3])
    if len(data) < offset:
        raise ValueError("RTP header is truncated")
    return offset


def parse(data: bytes) -> RtpPacket:
    """Parses an RTP packet. Raises `ValueError` if it is not one."""
    offset = payload_offset(data)
    flags, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    padding = 0
    if flags & PADDING:
        padding = data[-1]
        if not 0 < padding <= len(data) - offset:
            raise ValueError("RTP padding is longer than the packet")
    return RtpPacket(
        payload_type=second & 127,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=data[offset : len(data) - padding],
        marker=bool(second & MARKER),
        csrcs=struct.unpack_from(f"!{flags & 15}I", data, HEADER_LENGTH),
        extensions=tuple(extensions(data)),
        padding=padding,
    )


def extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (id, value) for each header extension. Raises `ValueError` where an element overruns its block.

    `data` has passed `payload_offset`."""
    if not data[0] & EXTENSION:
        return
    start = HEADER_LENGTH + 4 * (data[0] & 15)
    profile, words = struct.unpack_from("!HH", data, start)
    if profile == ONE_BYTE:
        yield from _elements(data, start + 4, start + 4 + 4 * words, one_byte=True)
    elif profile & 0xFFF0 == TWO_BYTE:
        yield from _elements(data, start + 4, start + 4 + 4 * words, one_byte=False)


def _elements(data: bytes, position: int, end: int, *, one_byte: bool) -> Iterator[tuple[int, bytes]]:
    while position < end:
        if data[position] == 0:  # padding between elements
            position += 1
            continue
        if one_byte:
            identifier, length = data[position] >> 4, (data[position] & 15) + 1
            if identifier == 15:  # reserved: stop reading here (RFC 8285, 4.2)
                return
            position += 1
        else:
            if position + 2 > end:
                raise ValueError("RTP header extension is truncated")
            identifier, length = data[position], data[position + 1]
            position += 2
        if position + length > end:
            raise ValueError("RTP header extension overruns its block")
        yield identifier, data[position : position + length]
        position += length


def pack_extensions(elements: tuple[tuple[int, bytes], ...]) -> bytes:
    """Returns the extension block, b"" for none: one-byte form where all fit it, else two-byte form."""
    if not elements:
        return b""
    if all(0 < identifier < 15 and 0 < len(value) <= 16 for identifier, value in elements):
        profile = ONE_BYTE
        block = b"".join(bytes([identifier << 4 | len(value) - 1]) + value for identifier, value in elements)
    else:
        profile = TWO_BYTE
        block = b"".join(bytes([identifier, len(value)]) + value for identifier, value in elements)
    block += bytes(-len(block) % 4)
    return struct.pack("!HH", profile, len(block) // 4) + block

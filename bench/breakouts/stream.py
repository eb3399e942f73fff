"""What a participant sends: a camera at 360p (504 kbit/s, 30 pictures a second of two H.264 packets) and a microphone (50
Opus packets a second). Each payload ends with who sends it (two octets) and the packet's number (four). Here are the packets
without their numbers, which `native.c` adds."""

from __future__ import annotations

import ctypes
import struct
import time
from typing import Final

from bench.breakouts import native
from bench.media.sdp import AUDIO_LEVEL, H264, MID, OPUS, TRANSPORT_CC, ssrc
from live.rtp import HEADER, HEADER_LENGTH, pack_extensions

RATES: Final = {"video": 60, "audio": 50}  # packets a second
PER_PICTURE: Final = {"video": 2, "audio": 1}  # packets
LENGTH: Final = 1050  # octets of a video packet before SRTP
SOUND: Final = 80  # octets of an audio payload: 32 kbit/s
LOUDEST, STEP = 20, 8  # −dBov
FIRST: Final = 1000  # the first packet's number, and sequence number
_PAYLOAD_TYPES: Final = {"video": H264, "audio": OPUS}
_CLOCKS: Final = {"video": 90_000, "audio": 48_000}
_KEY: Final = b"\x78\x00\x08\x67\x42\xe0\x1f\x8c\x68\x05\x00\x00\x04\x68\xce\x3c\x80"  # STAP-A: SPS, PPS
_FU_A: Final = 0x7C


def prepare(stream: native.Stream, kind: str, mid: int, person: int, agreed: dict[str, int], due: float) -> None:
    """Makes it begin, or go on by another connection, at `due` (monotonic). `mid` is the m-line's number, `agreed`: its
    header extensions."""
    extensions = _extensions(mid, person, agreed)
    parts = _pictures(LENGTH - HEADER_LENGTH - len(extensions)) if kind == "video" else [b"\x78" + b"s" * (SOUND - 1)]
    for template, (marker, payload) in zip(stream.templates, zip((0, 0x80, 0), parts, strict=False), strict=False):
        head = HEADER.pack(0x90, (marker if kind == "video" else 0) | _PAYLOAD_TYPES[kind], 0, 0, ssrc(mid))
        packet = head + extensions + payload
        ctypes.memmove(template, packet, len(packet))
        stream.length = len(packet)
    stream.transport_at = HEADER_LENGTH + _place(extensions, agreed.get(TRANSPORT_CC, 0)) if TRANSPORT_CC in agreed else 0
    stream.per_picture = PER_PICTURE[kind]
    stream.step = _CLOCKS[kind] * PER_PICTURE[kind] // RATES[kind]
    stream.person = person
    stream.number = stream.number or FIRST
    stream.wants_key = 1
    stream.every = 1_000_000_000 // RATES[kind]
    stream.due = int(due * 1e9)


def begins(person: int) -> float:
    """When somebody's streams begin who is there now: not all at the same moment."""
    return time.monotonic() + person % 54 * 0.00037


def _extensions(mid: int, person: int, agreed: dict[str, int]) -> bytes:
    values = {
        MID: str(mid).encode(),
        TRANSPORT_CC: b"\0\0",
        AUDIO_LEVEL: bytes((0x80 | LOUDEST + STEP * (person % 6),)),  # always the same three are heard
    }
    return pack_extensions(tuple((number, values[uri]) for uri, number in agreed.items() if uri in values))


def _place(extensions: bytes, number: int) -> int:
    """Where the value of a one-octet extension (RFC 8285, 4.2) begins."""
    at = 4
    while extensions[at] >> 4 != number:
        at += (extensions[at] & 15) + 2
    return at + 1


def _pictures(length: int) -> list[bytes]:
    """A picture's first packet, its last, and the first of a key frame."""
    first, last = (bytes((_FU_A, flags | 1)) + b"p" * (length - 2) for flags in (0x80, 0x40))
    rest = length - len(_KEY) - 2
    return [first, last, _KEY + struct.pack("!H", rest) + b"\x65" + b"i" * (rest - 1)]

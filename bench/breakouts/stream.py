"""What a participant sends: a camera at 360p (504 kbit/s, 30 pictures a second of two H.264 packets) and a microphone (50
Opus packets a second). Each payload ends with who sends it and the packet's number."""

from __future__ import annotations

import struct
import time
from array import array
from typing import Final

from bench.media.sdp import AUDIO_LEVEL, H264, MID, OPUS, TRANSPORT_CC, ssrc
from live.rtp import HEADER, HEADER_LENGTH, pack_extensions

TAIL: Final = struct.Struct("!HI")  # the person's number, the packet's
RATES: Final = {"video": 60, "audio": 50}  # packets a second
PER_PICTURE: Final = 2
LENGTH: Final = 1050  # octets of a video packet before SRTP
SOUND: Final = 80  # octets of an audio payload: 32 kbit/s
LOUDEST, STEP = 20, 8  # −dBov
FIRST: Final = 1000
KEPT: Final = 4096  # packets, over a minute's
_CLOCKS: Final = {"video": 90_000, "audio": 48_000}
_KEY: Final = b"\x78\x00\x08\x67\x42\xe0\x1f\x8c\x68\x05\x00\x00\x04\x68\xce\x3c\x80"  # STAP-A: SPS, PPS
_FU_A: Final = 0x7C


class Stream:
    """`mid` is the m-line's number, `agreed`: its header extensions. `sent_at`: when each packet left, in nanoseconds since
    1970, by its number modulo `KEPT`; `due`: when the next one leaves, monotonic."""

    def __init__(self, kind: str, mid: int, person: int, agreed: dict[str, int], begins: float) -> None:
        self.kind, self.person, self.number = kind, person, FIRST
        self.sent_at = array("Q", bytes(8 * KEPT))
        self.due = begins
        self.wants_key = True
        self._mid, self._agreed = mid, agreed

    def next(self, transport_sequence: int) -> bytes:
        """The next packet, not yet protected. It leaves now."""
        extensions = self._extensions(transport_sequence)
        video, number = self.kind == "video", self.number
        payload_type = H264 if video else OPUS
        marker = 0x80 if video and number % PER_PICTURE == PER_PICTURE - 1 else 0
        every = PER_PICTURE if video else 1
        timestamp = number // every * (_CLOCKS[self.kind] * every // RATES[self.kind]) & 0xFFFFFFFF
        head = HEADER.pack(0x90, marker | payload_type, number & 0xFFFF, timestamp, ssrc(self._mid))
        payload = self._picture(LENGTH - HEADER_LENGTH - len(extensions)) if video else b"\x78" + b"s" * (SOUND - 1)
        self.number += 1
        self.due += 1 / RATES[self.kind]
        self.sent_at[number % KEPT] = time.time_ns()
        return head + extensions + payload[: -TAIL.size] + TAIL.pack(self.person, number)

    def _extensions(self, transport_sequence: int) -> bytes:
        values = {
            MID: str(self._mid).encode(),
            TRANSPORT_CC: struct.pack("!H", transport_sequence & 0xFFFF),
            AUDIO_LEVEL: bytes((0x80 | LOUDEST + STEP * (self.person % 6),)),  # always the same three are heard
        }
        return pack_extensions(tuple((number, values[uri]) for uri, number in self._agreed.items() if uri in values))

    def _picture(self, length: int) -> bytes:
        position = self.number % PER_PICTURE
        if position == 0 and self.wants_key:
            self.wants_key = False
            rest = length - len(_KEY) - 2
            return _KEY + struct.pack("!H", rest) + b"\x65" + b"i" * (rest - 1)
        first, last = position == 0, position == PER_PICTURE - 1
        return bytes((_FU_A, first << 7 | last << 6 | 1)) + b"p" * (length - 2)

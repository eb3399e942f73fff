"""VP8 (RFC 6386): from packets (RFC 7741) to pictures, and its entry in an MP4's head (VP Codec ISO Media File Format
Binding, 1.0). Neighbours: `frames` does the same for H.264, `cmaf` writes both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from live.codecs.vp8 import picture_ids
from recordings.boxes import box
from recordings.frames import Malformed, Picture, Pictures

KEY_HEADER: Final = 10  # octets before the first partition of a key frame (RFC 6386, 9.1)
START_CODE: Final = b"\x9d\x01\x2a"


@dataclass
class Vp8Pictures(Pictures):
    """VP8 packets to pictures of one unit each. Under the same rules as H.264: nothing incomplete leaves."""

    def _is_start(self, payload: bytes) -> bool:
        return payload[0] & 0x17 == 0x10  # S = 1, PID = 0 (RFC 7741, 4.2)

    def _depayload(self, payload: bytes) -> None:
        ids = picture_ids(payload)
        if ids is None or ids.length >= len(payload):
            raise Malformed("no payload behind the descriptor")
        if self._is_start(payload) is bool(self._nals):
            raise Malformed("a picture's start is missing or came twice")
        self._nals.append(payload[ids.length :])

    def _picture(self, timestamp: int, nals: tuple[bytes, ...]) -> Picture | None:
        frame = b"".join(nals)
        is_key = size_of(frame) is not None
        if not frame or (not is_key and (self.wants_key or not frame[0] & 1)):
            return None
        self.wants_key = False
        return Picture(timestamp, self._arrival, (frame,), is_key)


def size_of(frame: bytes) -> tuple[int, int] | None:
    """Width and height of a key frame; None if it is none."""
    if len(frame) < KEY_HEADER or frame[0] & 1 or frame[3:6] != START_CODE:
        return None
    width, height = struct.unpack_from("<HH", frame, 6)
    return width & 0x3FFF, height & 0x3FFF


def sample_entry(frame: bytes) -> bytes:
    """What stands in the head for a recording that begins with this key frame. Raises `ValueError` if it is none."""
    if (size := size_of(frame)) is None:
        raise ValueError("no key frame")
    # Profile 0, level not said, 8 bits, 4:2:0, no full range; colours not said; nothing to initialise with.
    configuration = box(b"vpcC", struct.pack("!IBBBBBBH", 0x01000000, 0, 0, 0x82, 2, 2, 2, 0))
    head = bytes(6) + struct.pack("!H", 1) + bytes(16) + struct.pack("!HHIIIH", *size, 0x480000, 0x480000, 0, 1)
    return box(b"vp08", head, bytes(32), struct.pack("!Hh", 0x18, -1), configuration)

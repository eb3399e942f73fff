"""What the switchboard must know of codecs to forward them: where a key frame starts, and VP8's picture ids. Pure.

H.264 in RTP is RFC 6184, VP8 in RTP RFC 7741. Nothing is decoded here. Never raises: a payload that cannot be read is
simply no key frame, and is forwarded as it is.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Codec = Literal["H264", "VP8", "VP9", "AV1", "opus"]
CLOCK: Final[dict[Codec, int]] = {"H264": 90_000, "VP8": 90_000, "VP9": 90_000, "AV1": 90_000, "opus": 48_000}

_SPS, _STAP_A, _FU_A = 7, 24, 28


def starts_key_frame(codec: Codec, payload: bytes) -> bool:
    """True if a decoder can begin with this packet. Every audio packet is such a one."""
    if codec == "H264":
        return _h264_starts(payload)
    if codec == "VP8":
        return _vp8_starts(payload)
    return True


def _h264_starts(payload: bytes) -> bool:
    """Parameter sets come before every IDR picture that WebRTC senders send; an IDR without them would not decode."""
    if not payload:
        return False
    kind = payload[0] & 31
    if kind == _STAP_A:
        position = 1
        while position + 2 < len(payload):
            if payload[position + 2] & 31 == _SPS:
                return True
            position += 2 + (payload[position] << 8 | payload[position + 1])
        return False
    if kind == _FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 31 == _SPS
    return kind == _SPS


class Vp8Descriptor(NamedTuple):
    """Where the payload descriptor (RFC 7741, 4.2) keeps its picture id and TL0PICIDX; -1: not there."""

    picture_id: int
    picture_id_at: int
    long: bool
    tl0: int
    tl0_at: int
    length: int


def vp8_descriptor(payload: bytes) -> Vp8Descriptor | None:
    """Returns the descriptor's fields, None if it is truncated."""
    try:
        picture_id = picture_id_at = tl0 = tl0_at = -1
        long = False
        position = 1
        if payload[0] & 0x80:
            flags = payload[1]
            position = 2
            if flags & 0x80:
                picture_id_at, long = position, bool(payload[position] & 0x80)
                picture_id = payload[position] & 127
                if long:
                    picture_id = picture_id << 8 | payload[position + 1]
                position += 1 + long
            if flags & 0x40:
                tl0_at, tl0 = position, payload[position]
                position += 1
            if flags & 0x30:
                position += 1
        if position > len(payload):
            return None
    except IndexError:
        return None
    return Vp8Descriptor(picture_id, picture_id_at, long, tl0, tl0_at, position)


def _vp8_starts(payload: bytes) -> bool:
    descriptor = vp8_descriptor(payload)
    if descriptor is None or descriptor.length >= len(payload):
        return False
    starts_first_partition = payload[0] & 0x17 == 0x10  # S = 1, PID = 0
    return starts_first_partition and not payload[descriptor.length] & 1


class Vp8Continuity:
    """Rewrites picture ids so that they go on over a change of publisher, as `slot` does with sequence numbers."""

    __slots__ = ("_picture_id", "_picture_shift", "_tl0", "_tl0_shift")

    def __init__(self) -> None:
        self._picture_id = self._tl0 = -1  # the last ones sent
        self._picture_shift = self._tl0_shift = 0

    def switch(self, payload: bytes) -> None:
        """`payload` is the first of a new publisher: goes on from the last picture sent."""
        descriptor = vp8_descriptor(payload)
        if descriptor is None:
            return
        if self._picture_id >= 0 and descriptor.picture_id_at >= 0:
            self._picture_shift = self._picture_id + 1 - descriptor.picture_id
        if self._tl0 >= 0 and descriptor.tl0_at >= 0:
            self._tl0_shift = self._tl0 + 1 - descriptor.tl0

    def rewrite(self, payload: bytes, *, newest: bool) -> bytes:
        """Returns `payload` with its ids shifted. `newest`: it is no late one."""
        descriptor = vp8_descriptor(payload)
        if descriptor is None:
            return payload
        out = bytearray(payload)
        if (at := descriptor.picture_id_at) >= 0:
            picture_id = descriptor.picture_id + self._picture_shift & (0x7FFF if descriptor.long else 0x7F)
            if descriptor.long:
                out[at], out[at + 1] = 0x80 | picture_id >> 8, picture_id & 255
            else:
                out[at] = picture_id
            if newest:
                self._picture_id = picture_id
        if descriptor.tl0_at >= 0:
            out[descriptor.tl0_at] = tl0 = descriptor.tl0 + self._tl0_shift & 255
            if newest:
                self._tl0 = tl0
        return bytes(out)

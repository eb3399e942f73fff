"""How high the pictures of a stream are, read from the packet that starts a key frame. Pure; never raises.

VP8: RFC 6386, 9.1. H.264: sequence parameter set (ITU-T H.264, 7.3.2.1.1). Of other codecs it is not read (0)."""

from __future__ import annotations

from typing import Final

from live.codecs import vp8

LARGEST: Final = 16_384  # a set that says more, or less than nothing, is broken
_SPS: Final = 7
_WITH_CHROMA: Final = (100, 110, 122, 244, 44, 83, 86, 118, 128)  # profiles whose set says more of chroma


def picture_height(codec: str, payload: bytes) -> int:
    """In pixels; 0: not known."""
    try:
        if codec == "VP8":
            return _vp8(payload)
        if codec == "H264":
            height = _h264(_parameter_set(payload))
            return height if 0 < height <= LARGEST else 0
    except (IndexError, ValueError):
        pass
    return 0


def _vp8(payload: bytes) -> int:
    ids = vp8.picture_ids(payload)
    if ids is None or payload[ids.length + 3 : ids.length + 6] != b"\x9d\x01\x2a":
        return 0
    return (payload[ids.length + 8] | payload[ids.length + 9] << 8) & 0x3FFF


def _parameter_set(payload: bytes) -> bytes:
    """The first sequence parameter set of a packet: alone, or in a STAP-A."""
    if payload[0] & 31 == _SPS:
        return payload
    position = 1
    while payload[position + 2] & 31 != _SPS:
        position += 2 + (payload[position] << 8 | payload[position + 1])
    return payload[position + 2 : position + 2 + (payload[position] << 8 | payload[position + 1])]


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the parameter set ends too early")
        return self._bits >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """ue(v); of se(v) only the length matters here."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _h264(nal: bytes) -> int:
    if nal[1] in _WITH_CHROMA:  # never sent by WebRTC clients that agreed on constrained baseline
        return 0
    bits = _Bits(nal[4:64].replace(b"\0\0\3", b"\0\0"))  # without emulation prevention
    bits.golomb()  # seq_parameter_set_id
    bits.golomb()  # log2_max_frame_num
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        return 0
    bits.golomb()  # max_num_ref_frames
    bits.read(1)
    bits.golomb()  # width
    height = (bits.golomb() + 1) * 16
    frames_only = bits.read(1)
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.read(1):  # cropping: left, right, top, bottom
        bits.golomb()
        bits.golomb()
        height -= 2 * (bits.golomb() + bits.golomb())
    return height * (2 - frames_only)

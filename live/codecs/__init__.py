"""What the switchboard must know of codecs to forward them: where a key frame starts, and the picture ids that have to go
on over a change of source. Pure; nothing is decoded. Whatever the bytes, nothing here raises: a payload that cannot be read
is no key frame, and is forwarded as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from live.codecs import av1, h264, vp8, vp9
from live.codecs.continuity import PictureIds, Shift

__all__ = [
    "CLOCK",
    "Codec",
    "PictureIds",
    "Shift",
    "picture_ids",
    "starts_key_frame",
]

Codec = Literal["H264", "VP8", "VP9", "AV1", "opus"]
CLOCK: Final[dict[Codec, int]] = {"H264": 90_000, "VP8": 90_000, "VP9": 90_000, "AV1": 90_000, "opus": 48_000}

_STARTS: Final[dict[Codec, Callable[[bytes], bool]]] = {
    "H264": h264.starts_key_frame,
    "VP8": vp8.starts_key_frame,
    "VP9": vp9.starts_key_frame,
    "AV1": av1.starts_key_frame,
}
_IDS: Final[dict[Codec, Callable[[bytes], PictureIds | None]]] = {"VP8": vp8.picture_ids, "VP9": vp9.picture_ids}


def starts_key_frame(codec: Codec, payload: bytes) -> bool:
    """True if a decoder can begin with this packet. Every audio packet is such a one."""
    return _STARTS[codec](payload) if codec in _STARTS else True


def picture_ids(codec: Codec, payload: bytes) -> PictureIds | None:
    """The ids that the payload carries; None: the codec has none, or they cannot be read."""
    return _IDS[codec](payload) if codec in _IDS else None

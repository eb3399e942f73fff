"""Picture ids of VP8 and VP9 payloads, and shifting them, so that they go on when the source of a stream changes.

Neighbours: `outlet` decides by how much; `dependency` does the same to frame numbers.
"""

from __future__ import annotations

from typing import NamedTuple


class PictureIds(NamedTuple):
    """Where a payload descriptor keeps its picture id (7 bits, or 15 if `long`) and its TL0PICIDX (8 bits), and how long the
    descriptor is; -1: not there."""

    picture_id: int
    picture_id_at: int
    long: bool
    tl0: int
    tl0_at: int
    length: int


class Shift(NamedTuple):
    """What is added to the ids of one source."""

    picture: int = 0
    tl0: int = 0


def shifted(payload: bytes, ids: PictureIds, shift: Shift) -> bytes:
    """Returns `payload`, which has these `ids`, with them shifted."""
    if not any(shift):
        return payload
    out = bytearray(payload)
    if (at := ids.picture_id_at) >= 0:
        picture_id = ids.picture_id + shift.picture
        if ids.long:
            out[at], out[at + 1] = 0x80 | picture_id >> 8 & 127, picture_id & 255
        else:
            out[at] = picture_id & 127
    if ids.tl0_at >= 0:
        out[ids.tl0_at] = ids.tl0 + shift.tl0 & 255
    return bytes(out)

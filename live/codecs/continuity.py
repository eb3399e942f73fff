"""Picture ids that go on when the source of a stream changes: those of VP8 and VP9 payloads. Neighbour: `dependency`."""

from __future__ import annotations

from collections.abc import Callable
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


class Continuity:
    """Rewrites picture ids so that they go on over a change of source, as sequence numbers do. `read` finds them."""

    __slots__ = ("_picture_id", "_read", "_shift", "_tl0")

    def __init__(self, read: Callable[[bytes], PictureIds | None]) -> None:
        self._read = read
        self._picture_id = self._tl0 = -1  # the last ones sent
        self._shift = Shift()

    def switch(self, payload: bytes) -> None:
        """`payload` is the first of a new source: goes on from the last picture sent."""
        ids = self._read(payload)
        if ids is None:
            return
        picture, tl0 = self._shift
        if self._picture_id >= 0 and ids.picture_id_at >= 0:
            picture = self._picture_id + 1 - ids.picture_id
        if self._tl0 >= 0 and ids.tl0_at >= 0:
            tl0 = self._tl0 + 1 - ids.tl0
        self._shift = Shift(picture, tl0)

    def rewrite(self, payload: bytes, *, newest: bool) -> bytes:
        """Returns `payload` with its ids shifted. `newest`: it is no late one."""
        ids = self._read(payload)
        if ids is None:
            return payload
        if newest:
            if ids.picture_id_at >= 0:
                self._picture_id = ids.picture_id + self._shift.picture & (0x7FFF if ids.long else 0x7F)
            if ids.tl0_at >= 0:
                self._tl0 = ids.tl0 + self._shift.tl0 & 255
        return shifted(payload, ids, self._shift)

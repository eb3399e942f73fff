"""One RTP packet of a publisher, read once for all who get it. Neighbours: `track` makes it, `group` writes it out again."""

from __future__ import annotations

from typing import Final, NamedTuple

from live.codecs import PictureIds

RING: Final = 512  # packets of a source kept to answer NACKs: a second and a half of a busy screen
RING_MASK: Final = RING - 1


class Media(NamedTuple):
    """`sequence` is extended (RFC 3550, A.1); `marker` 0 or 0x80; `level` the octet of RFC 6464, -1: none; `dependency` the
    dependency descriptor's value, b"" without one. Padding is cut off: a packet of nothing else has an empty payload."""

    sequence: int
    timestamp: int
    marker: int
    payload: bytes
    is_red: bool = False
    ids: PictureIds | None = None
    level: int = -1
    dependency: bytes = b""

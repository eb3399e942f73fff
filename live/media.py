"""One RTP packet of a publisher: `Arrived` as it came, `Media` read once for all who get it. Neighbours: `inbox` or `track`
make the one, `track` the other, and `group` writes it out again."""

from __future__ import annotations

from typing import Final, NamedTuple

from live.codecs import PictureIds

RING: Final = 512  # packets of a source kept to answer NACKs: a second and a half of a busy screen
RING_MASK: Final = RING - 1


class Arrived(NamedTuple):
    """What the header says of a packet, and its payload without padding. `second`: the header's second octet; `level`,
    `dependency` and `transport` (the transport-wide number) are of its extensions, -1 or b"" without one; `length`: the
    whole packet's."""

    sequence: int
    timestamp: int
    second: int
    payload: bytes
    level: int
    dependency: bytes
    transport: int
    length: int


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

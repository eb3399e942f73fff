"""The dependency descriptor (AV1 RTP payload format, appendix A): the header extension with which Chromium describes the
frames of AV1, and of any codec it sends with a scalability mode. Read as far as forwarding needs.

A receiver puts frames in order by `frame_number`, and drops a key frame whose number is before that of the last one: passed
on as they are, Chromium stood still for two seconds at every other change of publisher. So the numbers go on: all of a
source's are shifted by one constant. Everything else in the descriptor is relative to the frame (fdiffs, chains) or to the
template structure that comes with every key frame. A viewer that has not agreed on the extension gets AV1 without it, which
Chromium decodes too.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_MANDATORY: Final = 3  # octets


class Dependency(NamedTuple):
    """`starts`/`ends`: the packet is the frame's first/last. `has_structure`: new templates: a key frame's first packet."""

    starts: bool
    ends: bool
    template: int
    frame_number: int
    has_structure: bool


def parse(value: bytes) -> Dependency:
    """Reads the extension's value. Raises `ValueError` if it is too short."""
    if len(value) < _MANDATORY:
        raise ValueError("dependency descriptor is too short")
    flags = value[0]
    has_structure = len(value) > _MANDATORY and bool(value[_MANDATORY] & 0x80)
    return Dependency(bool(flags & 0x80), bool(flags & 0x40), flags & 63, value[1] << 8 | value[2], has_structure)


def shifted(value: bytes, shift: int) -> bytes:
    """The value with its frame number shifted, modulo 2**16; too short ones as they are."""
    if not shift or len(value) < _MANDATORY:
        return value
    number = (value[1] << 8 | value[2]) + shift & 0xFFFF
    return bytes((value[0], number >> 8, number & 255)) + value[_MANDATORY:]

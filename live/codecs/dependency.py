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


def starts_key_frame(value: bytes) -> bool:
    """True if a receiver that goes by descriptors can begin with this packet."""
    return len(value) > _MANDATORY and bool(value[0] & 0x80) and bool(value[_MANDATORY] & 0x80)


def shifted(value: bytes, shift: int) -> bytes:
    """The value with its frame number shifted, modulo 2**16; too short ones as they are."""
    if not shift or len(value) < _MANDATORY:
        return value
    number = (value[1] << 8 | value[2]) + shift & 0xFFFF
    return bytes((value[0], number >> 8, number & 255)) + value[_MANDATORY:]


class FrameContinuity:
    """Rewrites frame numbers as `Continuity` does picture ids."""

    __slots__ = ("_number", "_shift")

    def __init__(self) -> None:
        self._number = -1  # the last one sent
        self._shift = 0

    def switch(self, value: bytes) -> None:
        """`value` is the first of a new source: goes on from the last frame sent."""
        if self._number >= 0 and len(value) >= _MANDATORY:
            self._shift = self._number + 1 - (value[1] << 8 | value[2]) & 0xFFFF

    def rewrite(self, value: bytes, *, newest: bool) -> bytes:
        """Returns `value` with its frame number shifted. `newest`: its packet is no late one."""
        out = shifted(value, self._shift)
        if newest and len(out) >= _MANDATORY:
            self._number = out[1] << 8 | out[2]
        return out

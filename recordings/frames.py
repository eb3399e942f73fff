"""From packets in order to pictures and sounds: H.264 (RFC 6184) and Opus (RFC 7587, RFC 6716).

Pure and bounded. Nothing incomplete leaves: a lost packet costs its picture and all that follow it up to the next key
frame, and both are counted. Before: `packets`. Next: `timeline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from recordings.packets import Gap, Packet, Unwrapper

SLICE, IDR, SPS, PPS, AUD = 1, 5, 7, 8, 9
STAP_A, FU_A = 24, 28
LARGEST_PICTURE: Final = 4 << 20  # bytes; more is not a picture but an attack
LARGEST_PARAMETERS: Final = 16 << 10
LARGEST_OPUS_FRAME: Final = 1275  # bytes
LONGEST_SOUND: Final = 5760  # samples: 120 ms


class Picture(NamedTuple):
    """One access unit. `timestamp` is unwrapped RTP time, `arrival` that of its first packet. `nals` have no start codes."""

    timestamp: int
    arrival: float
    nals: tuple[bytes, ...]
    is_key: bool

    @property
    def annex_b(self) -> bytes:
        """With start codes (H.264, annex B)."""
        return b"".join(b"\0\0\0\1" + nal for nal in self.nals)


class Sound(NamedTuple):
    """One Opus packet of `samples` at 48 kHz. `timestamp` is unwrapped RTP time."""

    timestamp: int
    arrival: float
    data: bytes
    samples: int


class Malformed(ValueError):
    """A payload that breaks its RFC."""


@dataclass
class Pictures:
    """H.264 packets to pictures. After a gap nothing leaves until a key frame that is whole; `wants_key` says so.

    A key frame leaves with its parameter sets, from the last ones seen if it came without: a player can start there.
    """

    wants_key: bool = True
    dropped: int = 0  # pictures that were incomplete, malformed or had nothing to refer to
    unwrap: Unwrapper = field(default_factory=Unwrapper)
    _timestamp: int | None = None  # of the picture in progress
    _arrival: float = 0.0
    _nals: list[bytes] = field(default_factory=list)
    _fragments: list[bytes] | None = None  # of the NAL unit in progress
    _size: int = 0
    _is_broken: bool = False
    _after_gap: bool = False
    _parameters: tuple[bytes, ...] = ()

    def push(self, item: Packet | Gap) -> Iterator[Picture]:
        """Yields the pictures that `item` completes."""
        if isinstance(item, Gap):
            self._lose()
            return
        if not item.payload:  # padding, sent to probe bandwidth
            return
        if self._timestamp is not None and item.timestamp != self._timestamp:
            yield from self._complete()
        if self._timestamp is None:
            self._begin(item)
        self._add(item.payload)
        if item.marker:
            yield from self._complete()

    def _begin(self, packet: Packet) -> None:
        self._timestamp, self._arrival = packet.timestamp, packet.arrival
        self._is_broken = self._after_gap and not self._is_start(packet.payload)
        self._after_gap = False

    def _is_start(self, payload: bytes) -> bool:
        """What was lost before may have been this picture's beginning. Parameter sets are where a key frame begins."""
        return first_nal(payload) in (SPS, AUD)

    def _add(self, payload: bytes) -> None:
        self._size += len(payload)
        if self._is_broken or self._size > LARGEST_PICTURE:
            self._is_broken = True
            self._nals.clear()
            self._fragments = None
            return
        try:
            self._depayload(payload)
        except Malformed:
            self._is_broken = True

    def _depayload(self, payload: bytes) -> None:
        kind = payload[0] & 31
        if kind == FU_A:
            self._fragment(payload)
        elif self._fragments is not None:
            raise Malformed("a fragmented unit has no end")
        elif kind == STAP_A:
            self._nals.extend(aggregated(payload))
        elif 1 <= kind < STAP_A:
            self._nals.append(payload)
        else:
            raise Malformed(f"unit type {kind}")

    def _fragment(self, payload: bytes) -> None:
        """RFC 6184, 5.8."""
        if len(payload) < 3:
            raise Malformed("empty fragment")
        is_start, is_end = bool(payload[1] & 0x80), bool(payload[1] & 0x40)
        if is_start is not (self._fragments is None):
            raise Malformed("a fragmented unit's start is missing or came twice")
        if self._fragments is None:
            self._fragments = [bytes([payload[0] & 0xE0 | payload[1] & 31])]
        self._fragments.append(payload[2:])
        if is_end:
            self._nals.append(b"".join(self._fragments))
            self._fragments = None

    def _lose(self) -> None:
        if self._timestamp is not None:
            self._is_broken = True
        self._after_gap = self.wants_key = True

    def _complete(self) -> Iterator[Picture]:
        assert self._timestamp is not None
        timestamp = self.unwrap(self._timestamp)
        nals, is_whole = tuple(self._nals), not self._is_broken and self._fragments is None
        self._timestamp, self._fragments, self._size, self._is_broken = None, None, 0, False
        self._nals.clear()
        picture = self._picture(timestamp, nals) if is_whole else None
        if picture is None:
            self.dropped += 1
            self.wants_key |= not is_whole
        elif picture.nals:
            yield picture

    def _picture(self, timestamp: int, nals: tuple[bytes, ...]) -> Picture | None:
        kinds = {nal[0] & 31 for nal in nals}
        parameters = tuple(nal for nal in nals if nal[0] & 31 in (SPS, PPS))
        if {SPS, PPS} <= kinds and sum(map(len, parameters)) <= LARGEST_PARAMETERS:
            self._parameters = parameters
        if not kinds & {SLICE, IDR, 2}:
            return Picture(timestamp, self._arrival, (), False)  # parameter sets alone: kept for the key frame to come
        is_key = IDR in kinds
        if is_key and not {SPS, PPS} <= kinds:
            nals = tuple(nal for nal in self._parameters if nal[0] & 31 not in kinds) + nals
        if (is_key and not self._parameters) or (self.wants_key and not is_key):
            return None
        self.wants_key = False
        return Picture(timestamp, self._arrival, nals, is_key)


def aggregated(payload: bytes) -> list[bytes]:
    """The units of a STAP-A (RFC 6184, 5.7.1)."""
    nals, position = [], 1
    while position < len(payload):
        size = int.from_bytes(payload[position : position + 2], "big")
        nal = payload[position + 2 : position + 2 + size]
        if not size or len(nal) != size:
            raise Malformed("truncated aggregation")
        nals.append(nal)
        position += 2 + size
    return nals


def first_nal(payload: bytes) -> int:
    """The type of the first unit that begins in `payload`; 0 where none does."""
    kind = payload[0] & 31
    if kind == STAP_A:
        return payload[3] & 31 if len(payload) > 3 else 0
    if kind == FU_A:
        return payload[1] & 31 if len(payload) > 1 and payload[1] & 0x80 else 0
    return kind


@dataclass
class Sounds:
    """Opus packets to sounds: one each (RFC 7587, 4.2)."""

    dropped: int = 0
    unwrap: Unwrapper = field(default_factory=Unwrapper)

    def push(self, item: Packet | Gap) -> Iterator[Sound]:
        """Yields the packet's sound. A gap needs no care: the next packet's time tells how long it was."""
        if isinstance(item, Gap) or not item.payload:
            return
        timestamp = self.unwrap(item.timestamp)
        if samples := opus_samples(item.payload):
            yield Sound(timestamp, item.arrival, item.payload, samples)
        else:
            self.dropped += 1


def opus_samples(data: bytes) -> int:
    """How many samples at 48 kHz an Opus packet holds (RFC 6716, 3.1); 0 where it breaks the rules R1-R5 of 3.4."""
    if not data:
        return 0
    config, code, rest = data[0] >> 3, data[0] & 3, len(data) - 1
    if config < 12:
        each = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        each = (480, 960)[config & 1]
    else:
        each = (120, 240, 480, 960)[config & 3]
    if code == 3:
        total = each * (data[1] & 63) if rest else 0
        return total if total <= LONGEST_SOUND else 0
    is_sound = (rest <= LARGEST_OPUS_FRAME, rest % 2 == 0 and rest <= 2 * LARGEST_OPUS_FRAME, _has_two_frames(data))[code]
    return each * (2 if code else 1) if is_sound else 0


def _has_two_frames(data: bytes) -> bool:
    """Code 2 (RFC 6716, 3.2.4): the first frame's length, one or two bytes (3.2.1), then both."""
    if len(data) < 2 or (data[1] >= 252 and len(data) < 3):
        return False
    first = data[1] + 4 * data[2] + 1 if data[1] >= 252 else data[1]
    return len(data) - 2 >= first

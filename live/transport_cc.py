"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1): which packets of a connection came,
and when. Pure. Neighbours: `rtcp` reads and writes it among the others, `arrivals` makes it, `bandwidth` draws conclusions.

On the wire: the first sequence number, how many packets are told of, a reference time, then two bits of status a packet
(run lengths or vectors), then a difference of arrival for each that came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

KIND, FORMAT = 205, 15
TICK: Final = 0.00025  # seconds: the unit of arrivals
TICKS_PER_REFERENCE: Final = 256  # the reference time counts 64 ms
MAX_STATUSES: Final = 2048  # told of in one packet; what it says of later ones is not read
MAX_RUN: Final = 0x1FFF
LOST, SMALL, LARGE = 0, 1, 2  # statuses: not received; a difference of one octet; of two, signed
_HEAD: Final = struct.Struct("!HHI")
_DELTA: Final = struct.Struct("!h")
_ONE_BIT: Final = tuple(tuple(chunk >> 6 - bit & 1 for bit in range(7)) for chunk in range(128))  # 7 of 14 statuses


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """`base` is the first packet's transport-wide sequence number, `reference` the time in 64 ms (24 bits, wraps),
    `count` numbers the feedback packets (8 bits). `arrivals`: for each packet from `base` on, when it came, in ticks of
    250 µs after the reference time; None: it did not."""

    sender: int
    media: int
    base: int
    reference: int
    count: int
    arrivals: tuple[int | None, ...]

    def __bytes__(self) -> bytes:
        """Raises `ValueError` if two arrivals are further apart than two octets can say (8.19 s)."""
        statuses, deltas = _pack_deltas(self.arrivals)
        body = struct.pack("!II", self.sender, self.media)
        body += _HEAD.pack(self.base, len(self.arrivals), (self.reference & 0xFFFFFF) << 8 | self.count & 0xFF)
        body += b"".join(chunk.to_bytes(2, "big") for chunk in _chunks(statuses)) + deltas
        missing = -len(body) % 4
        padding = bytes(missing - 1) + bytes([missing]) if missing else b""
        flags = 0x80 | bool(missing) << 5 | FORMAT
        return struct.pack("!BBH", flags, KIND, (len(body) + missing) // 4) + body + padding


def parse_feedback(sender: int, media: int, information: bytes) -> TransportFeedback:
    """Reads what follows the two SSRCs. Raises `ValueError` or `struct.error` if it is not transport-wide feedback."""
    base, told, last = _HEAD.unpack_from(information)
    if not told:
        raise ValueError("transport feedback about no packet")
    statuses, position = _parse_statuses(information, told)
    came = statuses.count(SMALL)
    if came == len(statuses):
        if position + came > len(information):
            raise ValueError("transport feedback is truncated")
        arrivals: tuple[int | None, ...] = tuple(accumulate(information[position : position + came]))
    else:
        arrivals = tuple(_arrivals(statuses, information, position))
    return TransportFeedback(sender, media, base, last >> 8, last & 0xFF, arrivals)


def _parse_statuses(information: bytes, told: int) -> tuple[list[int], int]:
    """Returns a status a packet, and where the differences begin."""
    statuses: list[int] = []
    position, left = _HEAD.size, told
    while left > 0:
        chunk = information[position] << 8 | information[position + 1]
        position += 2
        if not chunk & 0x8000:
            length = min(chunk & MAX_RUN, left)
            if not length:
                raise ValueError("transport feedback with a run of no packets")
            told_here: tuple[int, ...] = (chunk >> 13,) * min(length, MAX_STATUSES)
        elif chunk & 0x4000:
            length = 7
            told_here = tuple(chunk >> shift & 3 for shift in range(12, -1, -2))
        else:
            length = 14
            told_here = _ONE_BIT[chunk >> 7 & 127] + _ONE_BIT[chunk & 127]
        if len(statuses) < MAX_STATUSES:
            statuses += told_here[:left]
        left -= length
    del statuses[MAX_STATUSES:]
    return statuses, position


def _arrivals(statuses: list[int], information: bytes, position: int) -> Iterator[int | None]:
    at = 0
    for status in statuses:
        if status == LOST:
            yield None
            continue
        if status == SMALL:
            at += information[position]
        elif status == LARGE:
            at += _DELTA.unpack_from(information, position)[0]
        else:
            raise ValueError("transport feedback with a reserved status")
        position += status
        yield at


def _pack_deltas(arrivals: tuple[int | None, ...]) -> tuple[list[int], bytes]:
    statuses: list[int] = []
    deltas = bytearray()
    before = 0
    for at in arrivals:
        if at is None:
            statuses.append(LOST)
            continue
        delta, before = at - before, at
        if 0 <= delta <= 0xFF:
            statuses.append(SMALL)
            deltas.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            statuses.append(LARGE)
            deltas += _DELTA.pack(delta)
        else:
            raise ValueError("arrivals are too far apart for one feedback packet")
    return statuses, bytes(deltas)


def _chunks(statuses: list[int]) -> Iterator[int]:
    """Yields the 16-bit chunks that say `statuses`: always the kind that covers most."""
    position = 0
    while position < len(statuses):
        first = statuses[position]
        run = _run_length(statuses, position)
        ahead = statuses[position : position + 14]
        one_bit = LARGE not in ahead
        if run >= (14 if one_bit else 7) or run == len(statuses) - position:
            yield first << 13 | run
            position += run
        elif one_bit:
            yield 0x8000 | sum(status << 13 - index for index, status in enumerate(ahead))
            position += 14
        else:
            yield 0xC000 | sum(status << 12 - 2 * index for index, status in enumerate(ahead[:7]))
            position += 7


def _run_length(statuses: list[int], position: int) -> int:
    end, first = position, statuses[position]
    limit = min(len(statuses), position + MAX_RUN)
    while end < limit and statuses[end] == first:
        end += 1
    return end - position

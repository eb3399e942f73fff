"""Viewers for whom a packet is alike but for the transport-wide sequence number: header, extensions and payload are made
once for all of them. Neighbour: `fan` then numbers, encrypts and sends a viewer.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from live.codecs import Shift, dependency, red
from live.codecs.continuity import shifted
from live.fan import Send, sender
from live.fan import Viewer as Viewer
from live.fan import fan_out as fan_out
from live.media import Media
from live.rtp import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    DEPENDENCY_DESCRIPTOR,
    HEADER,
    HEADER_LENGTH,
    MID,
    ONE_BYTE,
    TRANSPORT_CC,
    pack_extensions,
)

_NUMBER: Final = Struct("!H")
_PADDING: Final = bytes(254) + b"\xff"  # the longest there is (RFC 3550, 5.1)
_ONE_BYTE_PROFILE: Final = ONE_BYTE.to_bytes(2, "big")


class Layout(NamedTuple):
    """The header extensions agreed with a viewer: ids, 0: not agreed; `name` the mid. `mixed`: two-byte ones may come among
    one-byte ones (RFC 8285, 4.1.2)."""

    transport: int = 0
    time: int = 0
    level: int = 0
    dependency: int = 0
    mid: int = 0
    name: bytes = b""
    mixed: bool = False


def layout(extensions: dict[str, int], mid: str, *, mixed: bool) -> Layout:
    """`extensions`: ids by URI, as agreed."""
    return Layout(
        transport=extensions.get(TRANSPORT_CC, 0),
        time=extensions.get(ABS_SEND_TIME, 0),
        level=extensions.get(AUDIO_LEVEL, 0),
        dependency=extensions.get(DEPENDENCY_DESCRIPTOR, 0),
        mid=extensions.get(MID, 0),
        name=mid.encode() if MID in extensions else b"",
        mixed=mixed,
    )


class Form(NamedTuple):
    """How a viewer wants one codec. A payload type 0: not agreed."""

    payload_type: int
    red_payload_type: int
    layout: Layout


class Numbers(NamedTuple):
    """What is added to a source's numbers: sequence modulo 2**16, timestamp modulo 2**32, picture ids, frame number."""

    sequence: int
    timestamp: int
    ids: Shift
    frame: int


class Repair(NamedTuple):
    """How a packet goes out as a retransmission (RFC 4588)."""

    payload_type: int
    ssrc: int
    sequence: int


class Group:
    """Viewers who get the same packets. `first`: the extended sequence number that they begin with."""

    __slots__ = ("_blocks", "_form", "_numbers", "_send", "_ssrc", "first", "viewers")

    def __init__(self, ssrc: int, form: Form, numbers: Numbers, first: int) -> None:
        self._ssrc, self._form, self._numbers, self.first = ssrc, form, numbers, first
        self.viewers: list[Viewer] = []  # complete when the first packet is sent
        self._send: Send | None = None
        self._blocks: dict[int, bytes] = {}  # of extensions, by audio level: 257 at most

    def send(self, media: Media, now: float) -> None:
        packet, number_at = self.packet(media, now)
        if self._send is None:
            self._send = sender(self.viewers)
        self._send(packet, number_at, now)

    def packet(self, media: Media, now: float, repair: Repair | None = None) -> tuple[bytes | bytearray, int]:
        """Returns the packet before encryption, and where the transport-wide sequence number goes, 0: it has none."""
        numbers = self._numbers
        payload_type, payload = self._content(media)
        sequence, ssrc = (media.sequence + numbers.sequence) & 0xFFFF, self._ssrc
        if repair is not None:
            payload = _NUMBER.pack(sequence) + payload
            payload_type, ssrc, sequence = repair
        timestamp = (media.timestamp + numbers.timestamp) & 0xFFFFFFFF
        block = self._block(media)
        head = HEADER.pack(0x90 if block else 0x80, media.marker | payload_type, sequence, timestamp, ssrc)
        return self._timed(head, block, payload, now)

    def padding(self, repair: Repair, now: float) -> tuple[bytes | bytearray, int]:
        """A packet of nothing but padding, among the retransmissions: what a receiver counts, and throws away."""
        block = self._block(Media(0, 0, 0, b""))
        head = HEADER.pack(0xB0 if block else 0xA0, repair.payload_type, repair.sequence, 0, repair.ssrc)
        return self._timed(head, block, _PADDING, now)

    def _content(self, media: Media) -> tuple[int, bytes]:
        form = self._form
        if media.is_red:
            if form.red_payload_type:
                return form.red_payload_type, red.renamed(media.payload, form.payload_type)
            try:
                return form.payload_type, red.primary(media.payload)
            except ValueError:
                return form.payload_type, b""
        if media.ids is not None:
            return form.payload_type, shifted(media.payload, media.ids, self._numbers.ids)
        return form.payload_type, media.payload

    def _block(self, media: Media) -> bytes:
        if media.dependency and self._form.layout.dependency:
            return self._make_block(media)
        block = self._blocks.get(media.level)
        if block is None:
            block = self._blocks[media.level] = self._make_block(media)
        return block

    def _make_block(self, media: Media) -> bytes:
        """Transport-wide sequence number and time come first, so that their places are known."""
        agreed = self._form.layout
        elements = []
        if agreed.transport:
            elements.append((agreed.transport, b"\0\0"))
        if agreed.time:
            elements.append((agreed.time, b"\0\0\0"))
        if agreed.mid:
            elements.append((agreed.mid, agreed.name))
        if agreed.level and media.level >= 0:
            elements.append((agreed.level, bytes((media.level,))))
        if agreed.dependency and media.dependency and (agreed.mixed or len(media.dependency) <= 16):
            elements.append((agreed.dependency, dependency.shifted(media.dependency, self._numbers.frame)))
        return pack_extensions(tuple(elements))

    def _timed(self, head: bytes, block: bytes, payload: bytes, now: float) -> tuple[bytes | bytearray, int]:
        agreed = self._form.layout
        if not agreed.transport and not agreed.time:
            return head + block + payload, 0
        packet = bytearray(head + block + payload)
        header = 1 if block[:2] == _ONE_BYTE_PROFILE else 2
        at = HEADER_LENGTH + 4 + header
        if agreed.time:
            time_at = at + 2 + header if agreed.transport else at
            packet[time_at : time_at + 3] = (int(now * 262_144) & 0xFFFFFF).to_bytes(3, "big")  # 6.18 bits of seconds
        return packet, at if agreed.transport else 0

"""A viewer's end of a slot: where it sits, and how its own numbers go on when it moves to another layer or publisher.

Sequence numbers, timestamps and picture ids of a publisher reach a viewer with a constant added while it sits on one rung,
so late and repeated packets keep their place. When it moves, the constants are chosen anew: its own numbers go on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from live.agreement import Receiving
from live.codecs import Codec, Shift
from live.codecs.dependency import parse as parse_dependency
from live.group import Form, Group, Numbers, Repair, Viewer, layout
from live.media import RING_MASK, Media
from live.rtp import ABS_SEND_TIME, TRANSPORT_CC
from live.track import Track

FIRST: Final = 1 << 15  # RFC 3711, 3.3.1: the first number is below it, so that nobody mistakes the roll-over counter
WRAPS_SOON: Final = 0xF800
MOST_PADDING: Final = 100  # packets sent again at once to test the bandwidth
UNMOVED: Final = Numbers(0, 0, Shift(), 0)


class Seat(NamedTuple):
    """Where a viewer sits: it gets a track's packets from the extended sequence number `first` on."""

    track: Track
    first: int
    numbers: Numbers


class Last(NamedTuple):
    """The numbers that a viewer got last; -1: none. `captured`: in seconds since 1970, None: not known."""

    sequence: int
    timestamp: int
    arrived_at: float
    captured: float | None
    picture: int = -1
    tl0: int = -1
    frame: int = -1


class Outlet:
    """`choice`: the layer it shall get by name, None: the highest, "": none. `seat`: what flows to it now, None: nothing.
    `group`: with whom it shares its packets. `repair_ssrc` 0: no retransmission format was agreed. `has_red`: it gets sound
    with what was sent before (RED), where that comes and was agreed."""

    __slots__ = (
        "_before",
        "_forms",
        "_is_timed",
        "_last",
        "_repair_sequence",
        "_rtx",
        "choice",
        "group",
        "has_red",
        "may_repeat",
        "repair_ssrc",
        "seat",
        "ssrc",
        "viewer",
    )

    def __init__(self, viewer: Viewer, receiving: Receiving, ssrc: int, repair_ssrc: int = 0) -> None:
        self.viewer, self.ssrc = viewer, ssrc
        agreed = layout(receiving.extensions, receiving.mid, mixed=receiving.is_mixed)
        self._forms: dict[Codec, Form] = {
            codec: Form(payload_type, receiving.red_payload_type if codec == "opus" else 0, agreed)
            for codec, payload_type in receiving.payload_types.items()
        }
        self._rtx = {codec: receiving.rtx.get(form.payload_type, 0) for codec, form in self._forms.items()}
        self.repair_ssrc = repair_ssrc if receiving.rtx else 0
        self._repair_sequence = random.randrange(FIRST)
        self.has_red = False
        self.may_repeat = True
        self._is_timed = any(name in receiving.extensions for name in (TRANSPORT_CC, ABS_SEND_TIME))
        self.choice: str | None = None
        self.seat: Seat | None = None
        self.group: Group | None = None
        self._before: tuple[Seat, int] | None = None  # the seat before, and the last extended sequence number there
        self._last: Last | None = None

    def form(self, codec: Codec) -> Form | None:
        """None: it cannot decode that."""
        form = self._forms.get(codec)
        return form if form is None or self.has_red else form._replace(red_payload_type=0)

    @property
    def is_fresh(self) -> bool:
        """It has never got anything."""
        return self.seat is None and self._last is None

    # --- moving ---

    def stand(self) -> None:
        """It gets nothing more from where it sits; its numbers are remembered."""
        if self.seat is None:
            return
        track, _, numbers = self.seat
        newest = track.reception.newest
        ids, frame = track.ids, _frame_number(track.dependency)
        self._last = Last(
            sequence=(newest + numbers.sequence) & 0xFFFF,
            timestamp=(track.reception.timestamp + numbers.timestamp) & 0xFFFFFFFF,
            arrived_at=track.arrived_at,
            captured=captured(track, track.reception.timestamp),
            picture=ids.picture_id + numbers.ids.picture & 0x7FFF if ids and ids.picture_id >= 0 else -1,
            tl0=ids.tl0 + numbers.ids.tl0 & 255 if ids and ids.tl0 >= 0 else -1,
            frame=frame + numbers.frame & 0xFFFF if frame >= 0 else -1,
        )
        self._before = self.seat, newest
        self.seat = self.group = None

    def forget(self) -> None:
        """What it got so far is not sent again."""
        self._before = None

    def sit(self, track: Track, media: Media, now: float) -> None:
        """From `media` on it gets `track`, after whatever it got before. Not for a fresh one."""
        self.stand()
        last = self._last
        assert last is not None
        self.seat = Seat(track, media.sequence, _continued(last, track, media, now))

    def sit_with(self, seat: Seat) -> None:
        """A fresh one takes the numbers of others."""
        self.seat = seat

    # --- what was lost ---

    def guard_nonces(self) -> None:
        """The packets are encrypted with AES-GCM, which must never encrypt two contents under one number (RFC 7714, 8.1):
        without RTX one that was lost would go out again with another transport-wide number or time."""
        self.may_repeat = not self._is_timed

    def find(self, number: int) -> tuple[Group, Media, Codec] | None:
        """The packet that it knows by this number, if it is still kept."""
        if self.seat is not None and self.group is not None:
            media = _kept(self.seat, number)
            if media is not None:
                return self.group, media, self.seat.track.codec
        if self._before is not None:
            seat, last = self._before
            media, form = _kept(seat, number), self._forms.get(seat.track.codec)
            if media is not None and media.sequence <= last and form is not None:
                return Group(self.ssrc, form, seat.numbers, seat.first), media, seat.track.codec
        return None

    def has_repair(self, codec: Codec) -> bool:
        """Whether a retransmission format was agreed (RFC 4588)."""
        return bool(self.repair_ssrc and self._rtx.get(codec, 0))

    def repair(self, codec: Codec) -> Repair | None:
        """How the next retransmission goes out; None: as the packet itself again."""
        if not self.has_repair(codec):
            return None
        payload_type = self._rtx[codec]
        self._repair_sequence = (self._repair_sequence + 1) & 0xFFFF
        return Repair(payload_type, self.repair_ssrc, self._repair_sequence)

    def padding(self, octets: int, now: float) -> Iterator[tuple[bytes | bytearray, int]]:
        """Yields retransmissions of `octets` or somewhat more, and where their transport-wide numbers go: the newest packets
        again, or nothing but padding while nothing flows. None where no retransmission format was agreed."""
        for group, media, codec in self._newest():
            repair = self.repair(codec)
            if octets <= 0 or repair is None:
                return
            packet, number_at = group.packet(media, now, repair)
            octets -= len(packet)
            yield packet, number_at
        for codec, form in self._forms.items():
            group = Group(self.ssrc, form, UNMOVED, 0)
            while octets > 0 and (repair := self.repair(codec)):
                packet, number_at = group.padding(repair, now)
                octets -= len(packet)
                yield packet, number_at

    def _newest(self) -> Iterator[tuple[Group, Media, Codec]]:
        """What it got last, newest first."""
        if self.seat is None or self.group is None:
            return
        track, first, _ = self.seat
        newest = track.reception.newest
        for sequence in range(newest, max(first, newest - MOST_PADDING) - 1, -1):
            media = track.ring[sequence & RING_MASK]
            if media is not None and media.sequence == sequence and media.payload:
                yield self.group, media, track.codec


def first_seat(track: Track, media: Media) -> Seat:
    """For fresh ones where nobody sits yet: the numbers begin anywhere."""
    sequence = (random.randrange(FIRST) - media.sequence) & 0xFFFF
    timestamp = (random.randrange(1 << 32) - media.timestamp) & 0xFFFFFFFF
    return Seat(track, media.sequence, Numbers(sequence, timestamp, Shift(), 0))


def suits_fresh(seat: Seat, media: Media) -> bool:
    """Who begins shortly before the numbers wrap, and loses the packets in between, could not decrypt ever after."""
    return (media.sequence + seat.numbers.sequence) & 0xFFFF < WRAPS_SOON


def captured(track: Track, timestamp: int) -> float | None:
    """When the picture or sound of that RTP timestamp was captured, in seconds since 1970; None before a sender report."""
    if track.instant is None:
        return None
    then, known = track.instant
    return then + ((timestamp - known + 0x80000000 & 0xFFFFFFFF) - 0x80000000) / track.reception.clock


def _continued(last: Last, track: Track, media: Media, now: float) -> Numbers:
    elapsed = now - last.arrived_at
    begins = captured(track, media.timestamp)
    if begins is not None and last.captured is not None and abs(begins - last.captured - elapsed) < 1.0:
        elapsed = begins - last.captured
    ticks = max(1, round(elapsed * track.reception.clock))
    picture = tl0 = frame = 0
    if media.ids is not None:
        if last.picture >= 0 and media.ids.picture_id >= 0:
            picture = last.picture + 1 - media.ids.picture_id & 0x7FFF
        if last.tl0 >= 0 and media.ids.tl0 >= 0:
            tl0 = last.tl0 + 1 - media.ids.tl0 & 255
    begun = _frame_number(media.dependency)
    if last.frame >= 0 and begun >= 0:
        frame = last.frame + 1 - begun & 0xFFFF
    return Numbers(
        sequence=(last.sequence + 1 - media.sequence) & 0xFFFF,
        timestamp=(last.timestamp + ticks - media.timestamp) & 0xFFFFFFFF,
        ids=Shift(picture, tl0),
        frame=frame,
    )


def _frame_number(descriptor: bytes) -> int:
    try:
        return parse_dependency(descriptor).frame_number
    except ValueError:
        return -1


def _kept(seat: Seat, number: int) -> Media | None:
    ring = seat.track.ring
    if not ring:
        return None
    sequence = (number - seat.numbers.sequence) & 0xFFFF
    media = ring[sequence & RING_MASK]
    return media if media is not None and media.sequence & 0xFFFF == sequence and media.sequence >= seat.first else None

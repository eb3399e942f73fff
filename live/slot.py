"""A receive slot of a room: one continuous RTP stream, whoever feeds it. SSRC, sequence numbers, timestamps and VP8
picture ids are rewritten, so that a viewer negotiates once and never notices that the publisher changed.

Sequence numbers go through unchanged but for a constant shift per source, so late and repeated packets keep their place.
A viewer that must not get a source (its own voice) or cannot decode it is left out; when it comes back, its own numbers
go on without a gap: viewers with the same payload type and the same number of skipped packets form a `_Group`, and each
group costs one header, each of its viewers one encryption and one send.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from pylibsrtp import Error as SrtpError

from live import rtcp
from live.codecs import CLOCK, Codec, picture_continuity, starts_key_frame
from live.control import SlotStatistics
from live.rtp import HEADER, MARKER
from live.track import Track

RING: Final = 512  # packets kept to answer NACKs: a second and a half of a busy screen
RING_MASK: Final = RING - 1


class Viewer(Protocol):
    """Where a slot's packets go: a peer or a tap."""

    label: str
    protect: Callable[[bytes], bytes]
    sendto: Callable[[bytes, Any], object]
    address: Any
    dropped: int


class Kept(NamedTuple):
    """A packet as it went out, less what differs between groups."""

    sequence: int
    timestamp: int
    flags: int
    marker: int
    codec: Codec
    payload: bytes
    source: Track


class Outlet:
    """A viewer's end of a slot. `skipped`: packets of the slot that it never got, modulo 2**16."""

    __slots__ = ("is_quiet", "payload_types", "quiet_from", "skipped", "viewer")

    def __init__(self, viewer: Viewer, payload_types: dict[Codec, int]) -> None:
        self.viewer, self.payload_types = viewer, payload_types
        self.skipped = self.quiet_from = 0
        self.is_quiet = False


class _Group(NamedTuple):
    payload_type: int
    skipped: int
    viewers: list[Viewer]


class Slot:
    """`source` feeds the slot now; `wanted` shall, from its next key frame on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_audio = name.startswith(("audio", "sound"))
        self.ssrc = random.randrange(1, 1 << 32)
        self.source: Track | None = None
        self.wanted: Track | None = None
        self.outlets: dict[Viewer, Outlet] = {}
        self.packets = self.octets = self.switches = self.resent = 0
        self.sequence = random.randrange(1 << 15)  # the last one sent; RFC 3711 wants the first below 2**15
        self.timestamp = random.randrange(1 << 32)
        self.sent_at = 0.0
        self._sequence_shift = self._timestamp_shift = 0
        self._source_highest = self._since_switch = 0
        self._groups: list[_Group] = []
        self._picture_ids = {codec: ids for codec in CLOCK if (ids := picture_continuity(codec))}
        self._ring: list[Kept | None] = [None] * RING

    # --- who feeds it ---

    def want(self, track: Track | None, now: float) -> None:
        """Decides who shall feed the slot. Sound changes over at once, pictures at the next key frame."""
        if track is self.wanted:
            return
        before = {self.source, self.wanted}
        self.wanted = track
        if track is None:
            self.source = None
            self._regroup()
        elif (
            track.packets > 1 and track is not self.source
        ):  # a track that has just started is about to send its first key frame anyway
            track.request_key_frame(now)
        self._attach(before)

    def forget(self, track: Track) -> None:
        """The track ended."""
        if self.source is track:
            self.source = None
            self._regroup()
        if self.wanted is track:
            self.wanted = None
        track.slots = ()

    def _attach(self, before: set[Track | None]) -> None:
        for track in before | {self.source, self.wanted}:
            if track is not None:
                mine = (self,) if track is self.source or track is self.wanted else ()
                track.slots = (*(slot for slot in track.slots if slot is not self), *mine)

    def tick(self, now: float) -> None:
        """Every 100 ms: a key frame that has not come is asked for again."""
        if self.wanted is not self.source and self.wanted is not None and not self.wanted.key_frame_pending:
            self.wanted.request_key_frame(now)

    # --- who gets it ---

    def join(self, outlet: Outlet, now: float) -> None:
        """A viewer can receive from now on; it needs a key frame."""
        self.outlets[outlet.viewer] = outlet
        self._regroup()
        if self.source is not None:
            self.source.request_key_frame(now)

    def leave(self, viewer: Viewer) -> None:
        if self.outlets.pop(viewer, None):
            self._regroup()

    def _regroup(self) -> None:
        groups: dict[tuple[int, int], _Group] = {}
        source = self.source
        for viewer, outlet in self.outlets.items():
            payload_type = outlet.payload_types.get(source.codec) if source else None
            quiet = payload_type is None or (source is not None and self._is_own(viewer, source))
            if quiet != outlet.is_quiet:
                if quiet:
                    outlet.quiet_from = self.sequence
                else:
                    outlet.skipped = (outlet.skipped + self.sequence - outlet.quiet_from) & 0xFFFF
                outlet.is_quiet = quiet
            if not quiet and payload_type is not None:
                key = payload_type, outlet.skipped
                groups.setdefault(key, _Group(*key, [])).viewers.append(viewer)
        self._groups = list(groups.values())

    def _is_own(self, viewer: Viewer, source: Track) -> bool:
        """Nobody hears their own voice back, on whatever device; nobody sees the picture that the same peer sends."""
        return viewer is source.owner or (self.is_audio and viewer.label == source.label)

    # --- the packet path ---

    def forward(
        self, track: Track, flags: int, marker: int, sequence: int, timestamp: int, payload: bytes, now: float
    ) -> None:
        """Sends one packet of `track` to every viewer. `flags`: the padding bit."""
        newest = True
        if track is not self.source:
            if track is not self.wanted or not starts_key_frame(track.codec, payload):
                return
            self._switch(track, sequence, timestamp, payload, now)
            if self.is_audio:
                marker = MARKER  # a new talkspurt: the player may adapt its delay (RFC 3551, 4.1)
        else:
            step = (sequence - self._source_highest) & 0xFFFF
            if step < 0x8000:
                self._source_highest = sequence
                self._since_switch += step
            elif 0x10000 - step > min(self._since_switch, RING):  # before the switch, or of no more use
                return
            else:
                newest = False
        sequence = (sequence + self._sequence_shift) & 0xFFFF
        timestamp = (timestamp + self._timestamp_shift) & 0xFFFFFFFF
        if newest:
            self.sequence, self.timestamp, self.sent_at = sequence, timestamp, now
        if ids := self._picture_ids.get(track.codec):
            payload = ids.rewrite(payload, newest=newest)
        self.packets += 1
        self.octets += len(payload)
        if not self.is_audio:
            self._ring[sequence & RING_MASK] = Kept(sequence, timestamp, flags, marker, track.codec, payload, track)
        self._send(flags, marker, sequence, timestamp, payload)

    def _send(self, flags: int, marker: int, sequence: int, timestamp: int, payload: bytes) -> None:
        for payload_type, skipped, viewers in self._groups:
            number = (sequence - skipped) & 0xFFFF
            packet = HEADER.pack(0x80 | flags, marker | payload_type, number, timestamp, self.ssrc) + payload
            for viewer in viewers:
                try:
                    viewer.sendto(viewer.protect(packet), viewer.address)
                except (OSError, SrtpError, ValueError):  # no room in the socket, no route, too long
                    viewer.dropped += 1

    def _switch(self, track: Track, sequence: int, timestamp: int, payload: bytes, now: float) -> None:
        """`track` takes over: its packet goes on where the last one ended, in time by the wall clock."""
        elapsed = max(1, int((now - self.sent_at) * CLOCK[track.codec])) if self.packets else 0
        before = {self.source, self.wanted}
        self.source = track
        self.switches += 1
        self._regroup()  # before `sequence` moves: it marks where a viewer fell quiet or came back
        self._attach(before)
        self._sequence_shift = (self.sequence + 1 - sequence) & 0xFFFF
        self._timestamp_shift = (self.timestamp + elapsed - timestamp) & 0xFFFFFFFF
        self._source_highest, self._since_switch = sequence, 0
        if ids := self._picture_ids.get(track.codec):
            ids.switch(payload)

    # --- feedback ---

    def resend(self, viewer: Viewer, lost: tuple[int, ...]) -> int:
        """Answers a NACK from the ring; returns how many packets went out. Numbers are those the viewer knows."""
        outlet = self.outlets.get(viewer)
        if outlet is None:
            return 0
        sent = 0
        for number in lost:
            sequence = (number + outlet.skipped) & 0xFFFF
            kept = self._ring[sequence & RING_MASK]
            if kept is None or kept.sequence != sequence or self._is_own(viewer, kept.source):
                continue
            payload_type = outlet.payload_types.get(kept.codec)
            if payload_type is None:
                continue
            head = HEADER.pack(0x80 | kept.flags, kept.marker | payload_type, number, kept.timestamp, self.ssrc)
            try:
                viewer.sendto(viewer.protect(head + kept.payload), viewer.address)
                sent += 1
            except (OSError, SrtpError, ValueError):
                viewer.dropped += 1
        self.resent += sent
        return sent

    def sender_report(self, now: float, wall: float) -> rtcp.SenderReport | None:
        """Returns the slot's report (RFC 3550, 6.4.1); None while nothing feeds it. `wall`: seconds since 1970, now.

        One moment known in both clocks, best from the source's own report, moved to now and shifted as the packets are:
        that is what lets a player keep lips and voice together."""
        source = self.source
        if source is None or not self.packets:
            return None
        then, timestamp = source.instant or (wall - (now - source.arrived_at), source.timestamp)
        shifted = timestamp + self._timestamp_shift + int((wall - then) * source.clock)
        return rtcp.SenderReport(self.ssrc, ntp_timestamp(wall), shifted & 0xFFFFFFFF, self.packets, self.octets)

    def statistics(self) -> SlotStatistics:
        source = self.source.label if self.source else ""
        return SlotStatistics(source, len(self.outlets), self.packets, self.octets, self.switches, self.resent)


def ntp_timestamp(wall: float) -> int:
    """Seconds since 1970 as a 64-bit NTP timestamp (RFC 5905, 6)."""
    return int((wall + 2_208_988_800) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def ntp_seconds(ntp: int) -> float:
    """A 64-bit NTP timestamp as seconds since 1970."""
    return ntp / (1 << 32) - 2_208_988_800

"""A rung of a slot: one layer of a source, and the viewers who get it or wait for its next key frame.

Neighbours: `slot` puts viewers on rungs, `outlet` keeps their numbers going on, `group` sends.
"""

from __future__ import annotations

from live import rtcp
from live.codecs import starts_key_frame
from live.group import Form, Group
from live.media import Media
from live.outlet import Outlet, Seat, captured, first_seat, suits_fresh
from live.rtp import MARKER
from live.track import Track


class Rung:
    """Nobody on it: its packets go nowhere and cost nothing."""

    __slots__ = ("_groups", "_ssrc", "octets", "outlets", "packets", "track", "waiting")

    def __init__(self, track: Track, ssrc: int) -> None:
        self.track, self._ssrc = track, ssrc
        self.outlets: dict[Outlet, None] = {}  # an ordered set
        self.waiting: dict[Outlet, Rung | None] = {}  # with where each sits until then
        self._groups: list[Group] = []
        self.packets = self.octets = 0

    # --- the packet path ---

    def forward(self, media: Media, now: float, *, late: bool) -> None:
        if self.waiting and starts_key_frame(self.track.codec, media.payload):
            media = self._let_in(media, now)
        if not self._groups:
            return
        self.packets += 1
        self.octets += len(media.payload)
        for group in self._groups:
            if not late or media.sequence >= group.first:
                group.send(media, now)

    def _let_in(self, media: Media, now: float) -> Media:
        """Whoever waits begins with this packet. Sound that changes over is marked as a new talkspurt: the player may adapt
        its delay (RFC 3551, 4.1)."""
        waiting, self.waiting = self.waiting, {}
        fresh = [outlet for outlet in waiting if outlet.is_fresh]
        moved = [outlet for outlet in waiting if not outlet.is_fresh]
        for outlet in moved:
            outlet.sit(self.track, media, now)
            self.outlets[outlet] = None
        for left in {rung for rung in waiting.values() if rung is not None}:
            for outlet in moved:
                left.outlets.pop(outlet, None)
            left.regroup()
        self.regroup()
        if fresh:
            seat = self._seat_of_most(media) or first_seat(self.track, media)
            for outlet in fresh:
                outlet.sit_with(seat)
                self.outlets[outlet] = None
            self.regroup()
        return media._replace(marker=MARKER) if moved and self.track.is_audio else media

    def _seat_of_most(self, media: Media) -> Seat | None:
        if not self._groups:
            return None
        most = max(self._groups, key=lambda group: len(group.viewers))
        seat = next(outlet.seat for outlet in self.outlets if outlet.group is most)
        return seat if seat is not None and suits_fresh(seat, media) else None

    # --- who is on it ---

    def regroup(self) -> None:
        """After anybody came or went."""
        groups: dict[tuple[Form, Seat], Group] = {}
        for outlet in self.outlets:
            form, seat = outlet.form(self.track.codec), outlet.seat
            assert form is not None and seat is not None
            group = groups.get((form, seat))
            if group is None:
                group = groups[form, seat] = Group(self._ssrc, form, seat.numbers, seat.first)
            group.viewers.append(outlet.viewer)
            outlet.group = group
        self._groups = list(groups.values())

    @property
    def is_empty(self) -> bool:
        return not self.outlets and not self.waiting

    # --- feedback ---

    def sender_report(self, shift: int, now: float, wall: float) -> rtcp.SenderReport | None:
        """The report (RFC 3550, 6.4.1) for viewers whose timestamps are shifted by so much; None before the first packet.
        `wall`: seconds since 1970, now.

        One moment known in both clocks, best from the source's own report, moved to now and shifted as the packets are:
        that is what lets a player keep lips and voice together."""
        if not self.packets:
            return None
        heard = self.track.reception
        then = captured(self.track, heard.timestamp)
        if then is None:
            then = wall - (now - heard.arrived_at)
        timestamp = heard.timestamp + shift + int((wall - then) * heard.clock)
        return rtcp.SenderReport(self._ssrc, ntp_timestamp(wall), timestamp & 0xFFFFFFFF, self.packets, self.octets)


def ntp_timestamp(wall: float) -> int:
    """Seconds since 1970 as a 64-bit NTP timestamp (RFC 5905, 6)."""
    return int((wall + 2_208_988_800) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def ntp_seconds(ntp: int) -> float:
    """A 64-bit NTP timestamp as seconds since 1970."""
    return ntp / (1 << 32) - 2_208_988_800

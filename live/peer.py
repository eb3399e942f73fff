"""A peer: one client's connection. Its addresses (ICE), its DTLS session, the tracks it sends, the slots it receives.

Nothing from it is believed before its certificate is verified, and its media counts only from the nominated address.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCCertificate
from pylibsrtp import Error as SrtpError

from live import rtcp
from live.answer import Plan, Sending
from live.control import PeerStatistics
from live.dtls import HandshakeFailed, SecureTransport, Srtp
from live.feedback import ViewerReports, clock_offset
from live.ice import Credentials
from live.limits import Budget, Limits
from live.path import Paths
from live.port import Endpoint
from live.rtp import HEADER_LENGTH, MID, extensions, payload_offset
from live.slot import Outlet, ntp_seconds
from live.switchboard import Switchboard
from live.track import RECEIVER_SSRC, Track

_EMPTY_REPORT: Final = bytes(rtcp.ReceiverReport(RECEIVER_SSRC))  # leads a compound packet (RFC 4585, 3.1)


class Peer:
    """`on_up` once DTLS is complete; `on_down(reason)` when the peer ended by itself."""

    def __init__(
        self,
        peer_id: str,
        label: str,
        room: Switchboard,
        plan: Plan,
        credentials: Credentials,
        certificate: RTCCertificate,
        limits: Limits,
        now: float,
        on_up: Callable[[Peer], None],
        on_down: Callable[[Peer, str], None],
    ) -> None:
        self.id, self.label, self.room, self.plan, self.credentials = peer_id, label, room, plan, credentials
        self._limits = limits
        self.admitted_at = self.seen_at = now
        self._on_up, self._on_down = on_up, on_down
        self._dtls = SecureTransport(certificate, self._send_record, lambda: self._on_down(self, "left"))
        self._handshake: asyncio.Task[None] | None = None
        self._srtp: Srtp | None = None
        self._paths = Paths(self, limits.addresses, self._follow)
        self.endpoint: Endpoint | None = None  # of the nominated path
        self.address: Any = None
        self.is_up = self.is_closed = False
        self._tracks: dict[bytes, Track | None] = {}  # by SSRC; None: belongs to no m-line
        self._outlets = {receiving.slot: Outlet(self, receiving.payload_types) for receiving in plan.receivings}
        self._record_budget = Budget(limits.dtls_records)
        self._resend_budget = Budget(limits.resent)
        self._feedback_budget = Budget(limits.feedback)
        self._clock_offset: float | None = None  # this machine's clock less the peer's, seconds
        self.heard = ViewerReports()
        self.dropped = self.bad = self.nacks = self.plis = 0
        self.sendto: Callable[[bytes, Any], object] = _send_nowhere
        self.protect: Callable[[bytes], bytes] = lambda packet: packet

    @property
    def sends(self) -> bool:
        return bool(self.plan.sendings)

    @property
    def tracks(self) -> list[Track]:
        return [track for track in self._tracks.values() if track is not None]

    # --- ICE ---

    def pass_check(self, endpoint: Endpoint, address: Any, now: float, *, nominates: bool) -> None:
        """An authenticated check came from `address`; with `nominates` it is where media goes and comes from."""
        self.seen_at = now
        self._paths.add(endpoint, address)
        if nominates:
            self._paths.nominate(endpoint, address)
            self._come_up(now)
        if self._handshake is None:
            self._handshake = asyncio.create_task(self._shake_hands())

    def drop_path(self, endpoint: Endpoint, address: Any) -> None:
        """The address is another peer's now, or the connection behind it is gone."""
        self._paths.drop(endpoint, address)

    def _follow(self) -> None:
        """Another path is nominated, or none."""
        self.endpoint, self.address = self._paths.current or (None, None)
        self.sendto = self.endpoint.sendto if self.endpoint else _send_nowhere

    # --- DTLS ---

    def receive_dtls(self, record: bytes, now: float) -> None:
        if self._record_budget.take(1, now):
            self._dtls.receive(record)

    def _send_record(self, record: bytes) -> None:
        if path := self._paths.current or self._paths.newest:
            endpoint, address = path
            try:
                endpoint.sendto(record, address)
            except OSError:
                self.dropped += 1

    async def _shake_hands(self) -> None:
        try:
            self._srtp = await self._dtls.connect(self.plan.fingerprints, self._limits.setup)
        except HandshakeFailed:
            self._on_down(self, "handshake")
            return
        self.protect = self._srtp.protect
        self._come_up(time.monotonic())

    def _come_up(self, now: float) -> None:
        """DTLS is complete and an address nominated: the slots flow from here on."""
        if self.is_up or self.is_closed or self._srtp is None or self.endpoint is None:
            return
        self.is_up = True
        for slot_name, outlet in self._outlets.items():
            self.room.join(slot_name, outlet, now)
        self._on_up(self)

    def leave(self) -> None:
        """Leaves the room and gives up its addresses, at once."""
        self.is_closed = True
        now = time.monotonic()
        self.room.leave(self)
        for track in self.tracks:
            self.room.remove_track(track, now)
        self._tracks.clear()
        self._paths.clear()

    async def say_goodbye(self) -> None:
        """Ends the DTLS session. After `leave`."""
        if self._handshake is not None and self._handshake is not asyncio.current_task():
            self._handshake.cancel()
        await self._dtls.close()

    # --- media ---

    def receive_media(self, data: bytes, now: float) -> None:
        """Takes an SRTP or SRTCP packet from the nominated address."""
        srtp = self._srtp
        if srtp is None or len(data) < HEADER_LENGTH:
            return
        if 192 <= data[1] <= 223:  # RFC 5761, 4
            self._receive_rtcp(srtp, data, now)
            return
        ssrc = data[8:12]
        known = ssrc in self._tracks
        if not known and len(self._tracks) >= self._limits.sources:
            self.bad += 1
            return
        try:
            packet = srtp.unprotect(data)
        except (SrtpError, ValueError):
            self.bad += 1
            return
        self.seen_at = now
        track = self._tracks[ssrc] if known else self._start_track(packet)
        if track is not None:
            track.receive(packet, now)

    def _start_track(self, packet: bytes) -> Track | None:
        """Finds the m-line of a new source: by its SSRC, its mid (RFC 9143), or its payload type if only one has it."""
        ssrc = packet[8:12]
        self._tracks[ssrc] = None
        sending = self._find_sending(packet, int.from_bytes(ssrc, "big"))
        if sending is None:
            return None
        for old, track in list(self._tracks.items()):
            if track is not None and track.mid == sending.mid:  # the client started its source anew
                self.room.remove_track(track, track.arrived_at)
                self._tracks[old] = None
        track = Track(self, self.label, sending, int.from_bytes(ssrc, "big"), self.send_feedback, self._start)
        self._tracks[ssrc] = track
        self.room.add_track(track)
        return track

    def _find_sending(self, packet: bytes, ssrc: int) -> Sending | None:
        sendings = self.plan.sendings
        for sending in sendings:
            if ssrc in sending.ssrcs:
                return sending
        try:
            payload_offset(packet)
            found = dict(extensions(packet))
        except ValueError:
            return None
        for sending in sendings:
            if found.get(sending.extensions.get(MID, 0)) == sending.mid.encode():
                return sending
        fitting = [sending for sending in sendings if sending.payload_type == packet[1] & 127]
        return fitting[0] if len(fitting) == 1 and not fitting[0].ssrcs else None

    def _start(self, track: Track) -> None:
        self.room.arrange(track.arrived_at)
        self._report((track,), track.arrived_at)  # at once: a sender's first estimate decides how fast it gets sharp

    # --- feedback ---

    def _receive_rtcp(self, srtp: Srtp, data: bytes, now: float) -> None:
        if not self._feedback_budget.take(1, now):
            return
        try:
            packets = rtcp.parse(srtp.unprotect_rtcp(data))
        except (SrtpError, ValueError):
            self.bad += 1
            return
        self.seen_at = now
        for packet in packets:
            self._take_feedback(packet, now)

    def _take_feedback(self, packet: rtcp.RtcpPacket, now: float) -> None:
        match packet:
            case rtcp.SenderReport():
                self._take_sender_report(packet, now)
                self.heard.take_blocks(packet.reports, now)
            case rtcp.ReceiverReport():
                self.heard.take_blocks(packet.reports, now)
            case rtcp.Nack():
                self.nacks += 1
                if slot := self.room.by_ssrc.get(packet.media):
                    granted = self._resend_budget.take(len(packet.lost), now)
                    slot.resend(self, packet.lost[:granted])
            case rtcp.PictureLoss():
                self._request_key_frame(packet.media, now)
            case rtcp.FullIntra():
                for ssrc, _ in packet.requests[:8]:
                    self._request_key_frame(ssrc, now)
            case rtcp.Remb():
                self.heard.estimate = packet.bitrate
            case rtcp.Goodbye():
                self._end_sources(packet.ssrcs, now)
            case _:
                pass

    def _take_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        track = self._tracks.get(report.ssrc.to_bytes(4, "big"))
        if track is None:
            return
        track.take_sender_report(report, now)
        self._clock_offset = clock_offset(self._clock_offset, ntp_seconds(report.ntp), self.room.wall(now))
        for each in self.tracks:  # one offset for all of them keeps them in step
            if each.sender_report is not None:
                then = ntp_seconds(each.sender_report.ntp) + self._clock_offset
                each.instant = then, each.sender_report.timestamp

    def _request_key_frame(self, ssrc: int, now: float) -> None:
        slot = self.room.by_ssrc.get(ssrc)
        if slot is not None and slot.name in self._outlets and slot.source is not None:
            self.plis += 1
            slot.source.request_key_frame(now)

    def _end_sources(self, ssrcs: tuple[int, ...], now: float) -> None:
        for ssrc in ssrcs:
            if track := self._tracks.get(ssrc.to_bytes(4, "big")):
                track.arrived_at = float("-inf")
        self.room.arrange(now)

    def send_feedback(self, packet: rtcp.RtcpPacket) -> None:
        """Sends feedback to the publisher that this peer is."""
        self.send_rtcp(_EMPTY_REPORT + bytes(packet))

    def send_rtcp(self, compound: bytes) -> None:
        if self._srtp is None or self.endpoint is None:
            return
        try:
            self.endpoint.sendto(self._srtp.protect_rtcp(compound), self.address)
        except (OSError, SrtpError, ValueError):
            self.dropped += 1

    def report(self, now: float) -> None:
        """Once a second: how what this peer sends arrives, and how much it may send."""
        if live := tuple(track for track in self.tracks if track.is_live(now)):
            self._report(live, now)

    def _report(self, tracks: tuple[Track, ...], now: float) -> None:
        blocks = tuple(track.report_block(now) for track in tracks)
        compound = bytes(rtcp.ReceiverReport(RECEIVER_SSRC, blocks[:31]))
        pictures = tuple(track for track in self.tracks if not track.is_audio and track.is_live(now))
        if pictures:
            bitrate = sum(BITRATES[track.use] for track in pictures)
            compound += bytes(rtcp.Remb(RECEIVER_SSRC, bitrate, tuple(track.ssrc for track in pictures)))
        self.send_rtcp(compound)

    def slot_names(self) -> tuple[str, ...]:
        """The slots that flow to this peer now: those whose report it shall get."""
        return tuple(name for name, outlet in self._outlets.items() if not outlet.is_quiet)

    def statistics(self, now: float) -> PeerStatistics:
        return PeerStatistics(
            peer_id=self.id,
            label=self.label,
            transport=self.endpoint.transport if self.endpoint else "",
            up=self.is_up,
            silent_s=round(now - self.seen_at, 1),
            rtt_ms=0.0,
            loss_up=0.0,
            loss_down=self.heard.fraction_lost,
            estimate_bps=self.heard.estimate,
            sent_bps=0,
            received_bps=0,
            dropped=self.dropped,
            bad=self.bad,
            nacks=self.nacks,
            plis=self.plis,
            resent=0,
            slots={name: "" if outlet.is_quiet else "full" for name, outlet in self._outlets.items()},
            tracks=tuple(track.statistics() for track in self.tracks),
        )


BITRATES: Final = {"camera": 2_500_000, "screen": 4_000_000, "microphone": 0}  # bit/s, what a publisher is told it may use


def _send_nowhere(data: bytes, address: Any) -> None:
    """While no address is nominated."""

"""A peer: one client's connection. Its addresses (ICE), its DTLS session, and between them what it sends (`uplink`) and what
it receives (`downlink`).

Nothing from it is believed before its certificate is verified, and its media counts only from the nominated address.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCCertificate
from pylibsrtp import Error as SrtpError

from live import rtcp
from live.answer import Plan
from live.compiled import CompiledDownlink
from live.downlink import Downlink
from live.dtls import HandshakeFailed, SecureTransport, Srtp
from live.fan import Bursts
from live.ice import Credentials, renew
from live.inbox import Inbox, Told
from live.limits import Budget, Limits
from live.media import Arrived
from live.path import Paths
from live.port import Endpoint
from live.rtp import HEADER_LENGTH
from live.switchboard import Reports, Switchboard
from live.track import Track
from live.uplink import Uplink

HEARD: Final = 5.0  # seconds: who was heard so lately is still there (clients ask for consent as often, RFC 7675, 5.1)


class Peer:
    """`on_up` once DTLS is complete; `on_down(reason)` when the peer ended by itself. `helped`: by the compiled helper, if
    it is used."""

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
        helped: tuple[Bursts, Inbox] | None = None,
    ) -> None:
        self.id, self.label, self.room, self.plan, self.credentials = peer_id, label, room, plan, credentials
        self.renewed: Credentials | None = None  # of an ICE restart, until an address is nominated by them
        self._limits = limits
        self.phase = secrets.randbelow(1 << 16)  # the tick of each second at which it gets reports: not all peers at once
        self.admitted_at = self._seen_at = now
        self._on_up, self._on_down = on_up, on_down
        self._dtls = SecureTransport(certificate, self._send_record, lambda: self._on_down(self, "left"))
        self._handshake: asyncio.Task[None] | None = None
        self._srtp: Srtp | None = None
        self._paths = Paths(self, limits.addresses, self._follow)
        self.endpoint: Endpoint | None = None  # of the nominated path
        self.address: Any = None
        self.is_up = self.is_closed = False
        self.up = Uplink(self, label, room, plan.sendings, limits.sources, self.send_rtcp)
        if helped is None:
            self.down = Downlink(self, label, room, plan.receivings, limits)
            self._feedback_budget = Budget(limits.feedback)
        else:
            self.down = down = CompiledDownlink(*helped, self, label, room, plan.receivings, limits)
            self.up.reader = down.line
            self._feedback_budget = down.feedback_budget
        self._check_budget, self._strange_check_budget = Budget(limits.checks), Budget(limits.checks)
        self._record_budget = Budget(limits.dtls_records)
        self._packet_budget = Budget(limits.packets)
        self._reporters: set[bytes] = set()  # SSRCs of its RTCP packets
        self.dropped = self.bad = 0

    @property
    def sends(self) -> bool:
        return bool(self.plan.sendings)

    @property
    def tracks(self) -> list[Track]:
        return self.up.tracks

    @property
    def seen_at(self) -> float:
        """When something authentic last came from it."""
        return max(self._seen_at, self.down.heard_at)

    @seen_at.setter
    def seen_at(self, moment: float) -> None:
        self._seen_at = moment

    # --- ICE ---

    def may_check(self, endpoint: Endpoint, address: Any, now: float) -> bool:
        """Whether a check by our user name is read at all: so many a second, and from an address at which another peer was
        just heard none, as any client could forge it. Those who only know the user name share a budget of their own."""
        owner = endpoint.checked.get(address)
        if owner is not None and owner is not self and owner.is_heard(now):
            return False
        budget = self._check_budget if owner is self else self._strange_check_budget
        return bool(budget.take(1, now))

    def is_heard(self, now: float) -> bool:
        return self.is_up and now - self.seen_at < HEARD

    def pass_check(self, endpoint: Endpoint, address: Any, ufrag: str, now: float, *, nominates: bool) -> None:
        """A check came from `address`, authenticated by our credentials with `ufrag`; with `nominates` it is where media
        goes and comes from."""
        self.seen_at = now
        self._paths.add(endpoint, address, renewed=self.renewed is not None and ufrag == self.renewed.ufrag)
        if nominates:
            self._paths.nominate(endpoint, address)
            self._come_up(now)
        if self._handshake is None:
            self._handshake = asyncio.create_task(self._shake_hands())

    def restart_ice(self, remote_ufrag: str) -> Credentials:
        """The credentials of a new ICE session. The one before goes on until an address is nominated in this one."""
        if self.renewed is None or self.renewed.remote_ufrag != remote_ufrag:
            self.renewed = renew(self.credentials, remote_ufrag)
            self._paths.restart()
        return self.renewed

    def settle_ice(self) -> None:
        """An address was nominated in the new ICE session: what is only known from the one before is forgotten."""
        assert self.renewed is not None
        self.credentials, self.renewed = self.renewed, None
        self._paths.settle()

    def drop_path(self, endpoint: Endpoint, address: Any) -> None:
        """The address is another peer's now, or the connection behind it is gone."""
        self._paths.drop(endpoint, address)

    def _follow(self) -> None:
        """Another path is nominated, or none."""
        self.endpoint, self.address = self._paths.current or (None, None)
        if not self.is_closed:
            self.down.aim(self.endpoint, self.address)

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
        self.down.secure(self._srtp)
        self._come_up(time.monotonic())

    def _come_up(self, now: float) -> None:
        """DTLS is complete and an address nominated: the slots flow from here on."""
        if self.is_up or self.is_closed or self._srtp is None or self.endpoint is None:
            return
        self.is_up = True
        self.down.join(now)
        self._on_up(self)

    def leave(self) -> None:
        """Leaves the room and gives up its addresses, at once."""
        self.is_closed = True
        self.down.leave()
        self.up.leave(time.monotonic())
        self._paths.clear()

    async def say_goodbye(self) -> None:
        """Ends the DTLS session. After `leave`."""
        if self._handshake is not None and self._handshake is not asyncio.current_task():
            self._handshake.cancel()
            await asyncio.wait([self._handshake])
        await self._dtls.close()
        self._srtp = None

    # --- media ---

    def receive_media(self, data: bytes, now: float) -> None:
        """Takes an SRTP or SRTCP packet from the nominated address."""
        srtp = self._srtp
        if srtp is None or len(data) < HEADER_LENGTH:
            return
        if 192 <= data[1] <= 223:  # RFC 5761, 4
            self._receive_rtcp(srtp, data, now)
            return
        if not self.up.may_come(data[8:12]):
            self.bad += 1
            return
        try:
            packet = srtp.unprotect(data)
        except (SrtpError, ValueError):
            self.bad += 1
            return
        self.take_packet(packet, now)

    def take_packet(self, packet: bytes, now: float) -> None:
        """Takes an RTP packet out of SRTP."""
        self.seen_at = now
        if self._packet_budget.take(1, now):
            self.up.receive(packet, now)
        else:
            self.bad += 1

    def take_media(self, place: int, arrived: Arrived, now: float) -> None:
        """Takes a packet that the compiled helper has read, of the track in that place."""
        self.seen_at = now
        track = self.up.places[place]
        if track is not None and self._packet_budget.take(1, now):
            track.accept(arrived, now)
        else:
            self.bad += 1

    def take_told(self, told: Told, now: float) -> None:
        """Takes what the compiled helper has left of transport-wide feedback."""
        self.down.take_told(told, now)

    # --- feedback ---

    def _receive_rtcp(self, srtp: Srtp, data: bytes, now: float) -> None:
        """The budget is for what is authentic: a stranger who forges the address must not use it up."""
        sender = data[4:8]
        if sender not in self._reporters and len(self._reporters) >= self._limits.reporters:
            self.bad += 1
            return
        try:
            compound = srtp.unprotect_rtcp(data)
        except (SrtpError, ValueError):
            self.bad += 1
            return
        if sender not in self._reporters:
            self._reporters.add(sender)  # libsrtp keeps a state for each
            self.down.know_reporter(sender)
        self.take_rtcp(compound, now)

    def take_rtcp(self, compound: bytes, now: float) -> None:
        """Takes RTCP out of SRTCP."""
        self.seen_at = now
        if not self._feedback_budget.take(1, now):
            return
        try:
            packets = rtcp.parse(compound)
        except ValueError:
            self.bad += 1
            return
        for packet in packets:
            self._take_feedback(packet, now)

    def _take_feedback(self, packet: rtcp.RtcpPacket, now: float) -> None:
        match packet:
            case rtcp.SenderReport():
                self.up.take_sender_report(packet, now)
                self.down.take_reports(packet.reports, now)
            case rtcp.ReceiverReport():
                self.down.take_reports(packet.reports, now)
            case rtcp.TransportFeedback():
                self.down.take_transport_feedback(packet, now)
            case rtcp.Nack():
                self.down.take_nack(packet, now)
            case rtcp.PictureLoss():
                self.down.take_key_frame_request(packet.media, now)
            case rtcp.FullIntra():
                for ssrc, command in packet.requests[:8]:
                    self.down.take_full_intra(ssrc, command, now)
            case rtcp.Remb():
                self.down.take_remb(packet, now)
            case rtcp.Goodbye():
                self.up.end_sources(packet.ssrcs, now)
            case _:
                pass

    def send_rtcp(self, compound: bytes) -> None:
        if self._srtp is None or self.endpoint is None:
            return
        try:
            self.endpoint.sendto(self._srtp.protect_rtcp(compound), self.address)
        except (OSError, SrtpError, ValueError):
            self.dropped += 1

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        self.up.tick(now)
        if self.is_up:
            self.down.steering.tick(now)

    def report(self, reports: Reports, now: float) -> None:
        """Once a second: how what it sends arrives, and what is sent to it."""
        self.up.report(now)
        self.down.report(now)
        if compound := b"".join(reports.of(name, outlet) for name, outlet in self.down.outlets.items()):
            self.send_rtcp(compound)

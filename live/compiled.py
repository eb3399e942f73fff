"""A `Downlink` that the compiled helper serves: what both sides count is kept where both can reach it."""

from __future__ import annotations

from live.agreement import Receiving
from live.downlink import Downlink
from live.fan import Bursts, Served
from live.inbox import Client, Inbox, SentRings
from live.limits import Limits
from live.port import Endpoint
from live.rtp import TRANSPORT_CC
from live.srtp import Srtp
from live.switchboard import Switchboard


class CompiledDownlink(Served, Downlink):
    """One client's."""

    def __init__(
        self,
        bursts: Bursts,
        inbox: Inbox,
        owner: Client,
        label: str,
        room: Switchboard,
        receivings: tuple[Receiving, ...],
        limits: Limits,
    ) -> None:
        Served.__init__(self, bursts, inbox.enter(owner))
        self._inbox = inbox
        numbered = any(TRANSPORT_CC in receiving.extensions for receiving in receivings)
        packets = SentRings(inbox, self.line) if numbered else None
        Downlink.__init__(self, owner, label, room, receivings, limits, packets)

    def secure(self, srtp: Srtp) -> None:
        super().secure(srtp)
        self.line.secure(srtp.outgoing, srtp.incoming)

    def know_reporter(self, ssrc: bytes) -> None:
        self.line.know_reporter(int.from_bytes(ssrc, "big"))

    def leave(self) -> None:
        super().leave()
        self._inbox.leave(self.line)

    def aim(self, endpoint: Endpoint | None, address: object) -> None:
        super().aim(endpoint, address)
        self.line.aim(endpoint.fd if endpoint else -1, self.address)

    @property
    def next_number(self) -> int:
        return self.line.next

    @next_number.setter
    def next_number(self, number: int) -> None:
        self.line.next = number

    @property
    def octets(self) -> int:
        return self.line.octets

    @octets.setter
    def octets(self, octets: int) -> None:
        self.line.octets = octets

    @property
    def dropped(self) -> int:
        return self.line.dropped

    @dropped.setter
    def dropped(self, dropped: int) -> None:
        self.line.dropped = dropped

    @property
    def bad(self) -> int:
        return self.line.raw.bad

    @bad.setter
    def bad(self, bad: int) -> None:
        self.line.raw.bad = bad

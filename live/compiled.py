"""A `Downlink` that the compiled helper serves: what both sides count is kept where both can reach it."""

from __future__ import annotations

from live.agreement import Receiving
from live.compiled_estimate import CompiledEstimator
from live.downlink import Downlink
from live.fan import Bursts, Served
from live.inbox import Client, Inbox
from live.limits import Budget, Limits
from live.native import Line
from live.port import Endpoint
from live.rtp import TRANSPORT_CC
from live.srtp import Srtp
from live.switchboard import Switchboard


class SharedBudget(Budget):
    """Of a client's RTCP: the helper takes from it what it reads by itself."""

    __slots__ = ("_known",)

    def __init__(self, line: Line, rate: float) -> None:
        self._known = line.raw.feedback
        self._known.rate = self._known.left = rate

    def take(self, count: int, now: float) -> int:
        known = self._known
        known.left = min(known.rate, known.left + (now - known.at) * known.rate)
        known.at = now
        granted = min(count, int(known.left))
        known.left -= granted
        return granted


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
        estimator = CompiledEstimator(inbox.calls, self.line) if numbered else None
        self.feedback_budget = SharedBudget(self.line, limits.feedback)
        Downlink.__init__(self, owner, label, room, receivings, limits, estimator)

    def secure(self, srtp: Srtp) -> None:
        """Without libsrtp where the helper can. Then all RTP goes that way: the roll-over counters are in one place."""
        sealer = self._inbox.helper.sealer(srtp.keying)
        super().secure(srtp if sealer is None else srtp._replace(protect=sealer.protect))
        self.line.secure(sealer or srtp.outgoing, srtp.incoming)

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
    def heard_at(self) -> float:
        return self.line.raw.heard_at

    @heard_at.setter
    def heard_at(self, moment: float) -> None:
        self.line.raw.heard_at = moment

    @property
    def bad(self) -> int:
        return self.line.raw.bad

    @bad.setter
    def bad(self, bad: int) -> None:
        self.line.raw.bad = bad

"""What a client receives: its outlets, what it says of how they arrive, and which layer of each picture it gets.

Neighbours: `peer` owns it and hands it the client's feedback, `group` sends to it (it is the `Viewer`), `steering`
chooses the layers.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, Final

from live import rtcp
from live.agreement import Receiving
from live.estimate import NumberedEstimate
from live.feedback import ViewerReports, round_trip
from live.inbox import Told
from live.limits import Budget, Limits
from live.outlet import Outlet
from live.port import Endpoint
from live.rtp import TRANSPORT_CC
from live.rung import ntp_timestamp
from live.slot import Slot
from live.srtp import Srtp
from live.steering import Steering
from live.switchboard import Switchboard

KEY_FRAMES_AT_ONCE: Final = 4  # that a viewer may ask for; then one every few seconds
KEY_FRAMES: Final = 0.4  # a second
REPAIRS: Final = 0.5  # of the estimate may be retransmissions: a path that is full loses more, the more is sent again
REPAIR_OCTETS: Final = 1100
LEAST_RESENT: Final = 10.0  # packets a second


class Downlink:
    """One client's. Nothing goes out until `secure` has said how it is encrypted, and `aim` where to."""

    def __init__(
        self,
        owner: object,
        label: str,
        room: Switchboard,
        receivings: tuple[Receiving, ...],
        limits: Limits,
        estimator: NumberedEstimate | None = None,
    ) -> None:
        self.owner, self.label, self._room = owner, label, room
        self.outlets = {
            receiving.slot: Outlet(self, receiving, room.slots[receiving.slot].ssrc, room.slots[receiving.slot].repair_ssrc)
            for receiving in receivings
        }
        self.sendto: Callable[[bytes, Any], object] = send_nowhere
        self.protect: Callable[[bytes], bytes] = bytes
        self.address: Any = None
        self.next_number = 1
        self.sizes, self.times = array("h"), array("d")  # `steering` has the rings
        self.octets = self.dropped = 0
        self.bad = 0  # of what it sends: counted by the compiled helper
        self.heard_at = 0.0  # when the helper last took feedback by itself
        self.nacks = self.plis = self.resent = 0
        self.heard = ViewerReports()
        self._says_estimate = False
        self.bitrate = 0.0  # bit/s, of the last second
        self._measured = 0, 0.0  # octets, and when
        numbered = any(TRANSPORT_CC in receiving.extensions for receiving in receivings)
        self.steering = Steering(self, room, self.outlets, numbered=numbered, estimator=estimator)
        self._most_resent = limits.resent
        self._resend_budget = Budget(limits.resent)
        self._key_frame_budget = Budget(KEY_FRAMES, KEY_FRAMES_AT_ONCE)
        self._commands: dict[int, int] = {}  # the last FIR that was heeded, by slot

    def secure(self, srtp: Srtp) -> None:
        """DTLS is complete."""
        self.protect = srtp.protect
        if srtp.is_aead:
            for outlet in self.outlets.values():
                outlet.guard_nonces()

    def aim(self, endpoint: Endpoint | None, address: object) -> None:
        """Another path is nominated, or none."""
        self.address = address
        self.sendto = endpoint.sendto if endpoint else send_nowhere

    def know_reporter(self, ssrc: bytes) -> None:
        """The client's RTCP comes from that SSRC: the compiled helper may read it."""

    def join(self, now: float) -> None:
        """The client is up: its slots flow from here on."""
        self.steering.decide(now)
        for slot_name, outlet in self.outlets.items():
            self._room.slots[slot_name].join(outlet, now)

    def leave(self) -> None:
        """The client is gone."""
        for slot_name in self.outlets:
            self._room.slots[slot_name].leave(self)

    # --- feedback ---

    def take_nack(self, packet: rtcp.Nack, now: float) -> None:
        """Sends again what is still kept, as far as its budget and the room's go: one bad network must not tax the rest."""
        self.nacks += 1
        slot = self._room.by_ssrc.get(packet.media)
        if slot is not None:
            worth = self.steering.estimate.estimate * REPAIRS / (8 * REPAIR_OCTETS)
            self._resend_budget.limit(min(self._most_resent, max(worth, LEAST_RESENT)))
            self.resent += slot.resend(self, packet.lost, now, (self._resend_budget, self._room.resend_budget))

    def take_key_frame_request(self, ssrc: int, now: float) -> bool:
        """Returns whether it was heeded. What can lead to nothing costs the room's budget nothing."""
        slot = self._room.by_ssrc.get(ssrc)
        outlet = self.outlets.get(slot.name) if slot is not None else None
        if slot is None or outlet is None:
            return False
        self.plis += 1
        return self._ask(slot, outlet, now)

    def _ask(self, slot: Slot, outlet: Outlet, now: float) -> bool:
        if slot.is_audio or outlet.seat is None:
            return False
        if not (self._key_frame_budget.take(1, now) and self._room.key_frame_budget.take(1, now)):
            return False
        slot.request_key_frame(self, now)
        return True

    def take_full_intra(self, ssrc: int, command: int, now: float) -> None:
        """FIR: the same command number again is the same request (RFC 5104, 4.3.1.2)."""
        if self._commands.get(ssrc) != command and self.take_key_frame_request(ssrc, now):
            self._commands[ssrc] = command  # of a slot of ours: never more than there are

    def take_reports(self, blocks: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        if not blocks:
            return
        self.heard.take_blocks(blocks, now)
        estimate = self.steering.estimate
        for block in blocks:
            if seconds := round_trip(block, ntp_timestamp(self._room.wall(now))):
                estimate.round_trip(seconds)
        fraction = max(block.fraction_lost for block in blocks) / 256
        estimate.loss(fraction, now)
        self.steering.lose(fraction, now)

    def take_remb(self, packet: rtcp.Remb, now: float) -> None:
        self._says_estimate = True
        self.steering.estimate.remb(packet.bitrate, now)

    def take_transport_feedback(self, packet: rtcp.TransportFeedback, now: float) -> None:
        self._says_estimate = True
        if self.steering.acknowledge(packet, now):
            self._begin_anew(now)

    def take_told(self, told: Told, now: float) -> None:
        """What the compiled helper has left of transport-wide feedback."""
        self.steering.heed(now, is_overspent=told.is_overspent, padding=None if told.is_overspent else told.padding)
        if told.is_over:
            self._begin_anew(now)

    def _begin_anew(self, now: float) -> None:
        """An outage is over. What was lost in it would take seconds to send again; a key frame is there at once."""
        for name, outlet in self.outlets.items():
            self._ask(self._room.slots[name], outlet, now)

    @property
    def estimate(self) -> int:
        """bit/s that its network is thought to carry; 0 while it has not told."""
        return self.steering.estimate.estimate if self._says_estimate or self.heard_at else 0

    # --- reports ---

    def report(self, now: float) -> None:
        """Once a second."""
        before, at = self._measured
        self.bitrate = 8 * (self.octets - before) / max(0.1, now - at) if at else 0.0
        self._measured = self.octets, now

    def shown(self) -> dict[str, str]:
        """The layer that each slot gets now; "" none."""
        return {name: self._room.slots[name].shows(outlet) for name, outlet in self.outlets.items()}


def send_nowhere(data: bytes, address: Any) -> None:
    """While no address is nominated."""

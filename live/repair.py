"""Retransmissions from a publisher (RFC 4588): a flow of its own, each packet with the original's number in front.

Neighbours: `uplink` finds out what flow repairs what, `track` takes what was missing.
"""

from __future__ import annotations

from collections.abc import Callable

from live.agreement import Sending
from live.rtp import DEPENDENCY_DESCRIPTOR, MARKER, TRANSPORT_CC, parse
from live.track import Track


class RepairFlow:
    """`of` finds the repaired source; `note_arrival` hears every transport-wide sequence number. Browsers also send padding
    and what came long ago this way, to test the bandwidth: that ends here."""

    __slots__ = ("_dependency_id", "_note_arrival", "_of", "_payload_type", "_transport_id", "bad", "packets")

    def __init__(self, sending: Sending, of: Callable[[], Track | None], note_arrival: Callable[[int, float], None]) -> None:
        self._payload_type = sending.rtx_payload_type
        self._transport_id = sending.extensions.get(TRANSPORT_CC, 0)
        self._dependency_id = sending.extensions.get(DEPENDENCY_DESCRIPTOR, 0)
        self._of, self._note_arrival = of, note_arrival
        self.packets = self.bad = 0

    def receive(self, packet: bytes, now: float) -> None:
        """Takes an RTP packet out of SRTP."""
        try:
            found = parse(packet)
        except ValueError:
            self.bad += 1
            return
        self.packets += 1
        elements = dict(found.extensions)
        number = elements.get(self._transport_id, b"") if self._transport_id else b""
        if len(number) == 2:
            self._note_arrival(number[0] << 8 | number[1], now)
        track = self._of()
        if track is None or found.payload_type != self._payload_type or len(found.payload) < 2:
            return
        original = found.payload[0] << 8 | found.payload[1]
        dependency = elements.get(self._dependency_id, b"") if self._dependency_id else b""
        track.recover(original, found.timestamp, MARKER if found.marker else 0, found.payload[2:], dependency, now)

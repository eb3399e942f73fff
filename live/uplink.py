"""What a client sends: its sources, told apart by SSRC, mid and rid; their retransmissions; and the feedback they get.

Neighbours: `peer` decrypts and owns it, `source` and `track` take the packets, `switchboard` gives the sources a place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from live import rtcp
from live.agreement import Sending
from live.arrivals import Arrivals
from live.feedback import clock_offset
from live.native import FLOWS, Line
from live.repair import RepairFlow
from live.rtp import MID, REPAIRED_RID, RID, extensions, payload_offset
from live.rung import ntp_seconds
from live.source import Source
from live.switchboard import Switchboard
from live.track import RECEIVER_SSRC, Track

BITRATES: Final = {"camera": 2_500_000, "screen": 4_000_000}  # bit/s, what a publisher with REMB alone is told it may use


class Uplink:
    """`send` takes a compound RTCP packet to the client."""

    def __init__(
        self,
        owner: object,
        label: str,
        room: Switchboard,
        sendings: tuple[Sending, ...],
        most: int,
        send: Callable[[bytes], None],
    ) -> None:
        self._owner, self._label, self._room, self._sendings, self._most = owner, label, room, sendings, most
        self._send = send
        self._flows: dict[bytes, Track | RepairFlow | None] = {}  # by SSRC; None: belongs to no m-line
        self.reader: Line | None = None  # the compiled helper's, which reads the tracks' packets
        self.places: list[Track | None] = [None] * FLOWS  # the tracks that it knows
        self._sources: dict[str, Source] = {}  # by mid
        self._clock_offset: float | None = None  # this machine's clock less the client's, seconds
        self._uses_transport_cc = any(sending.feedback == "transport-cc" for sending in sendings)
        self._arrivals: Arrivals | None = None  # from the first packet on
        self._measured = 0, 0.0  # octets, and when
        self.bitrate = 0.0
        self.loss = 0.0  # of the last second, a fraction
        self.bad = 0

    @property
    def tracks(self) -> list[Track]:
        return [flow for flow in self._flows.values() if isinstance(flow, Track)]

    # --- packets ---

    def may_come(self, ssrc: bytes) -> bool:
        """False when the client has sent from too many sources already."""
        return ssrc in self._flows or len(self._flows) < self._most

    def receive(self, packet: bytes, now: float) -> None:
        """Takes an RTP packet out of SRTP."""
        ssrc = packet[8:12]
        flow = self._flows[ssrc] if ssrc in self._flows else self._begin(packet, ssrc)
        if flow is not None:
            flow.receive(packet, now)

    def _begin(self, packet: bytes, ssrc: bytes) -> Track | RepairFlow | None:
        """Finds out what a new SSRC is."""
        self._flows[ssrc] = None
        number = int.from_bytes(ssrc, "big")
        found = _elements(packet)
        if found is None:
            self.bad += 1
            return None
        sending = self._sending_of(number, packet[1] & 127, found)
        if sending is None:
            return None
        if packet[1] & 127 == sending.rtx_payload_type:
            self._flows[ssrc] = flow = self._begin_repair(sending, number, found)
            return flow
        rid = _text(found, sending, RID)
        if sending.rids and rid not in sending.rids:
            if rid or number not in sending.ssrcs:
                return None
            rid = sending.rids[sending.ssrcs.index(number) % len(sending.rids)]
        return self._begin_track(sending, ssrc, rid if sending.rids else "")

    def _sending_of(self, ssrc: int, payload_type: int, found: dict[int, bytes]) -> Sending | None:
        """By its SSRC, its mid (RFC 9143), or its payload type if only one m-line has it."""
        for sending in self._sendings:
            if ssrc in sending.ssrcs or ssrc in sending.rtx_ssrcs:
                return sending
        for sending in self._sendings:
            if _text(found, sending, MID) == sending.mid:
                return sending
        fitting = [each for each in self._sendings if payload_type in (each.payload_type, each.red_payload_type)]
        return fitting[0] if len(fitting) == 1 and not fitting[0].ssrcs else None

    def _begin_track(self, sending: Sending, ssrc: bytes, rid: str) -> Track:
        number = int.from_bytes(ssrc, "big")
        if self._arrivals is None and self._uses_transport_cc:
            self._arrivals = Arrivals(RECEIVER_SSRC, number)
        for old, flow in list(self._flows.items()):  # the client started its source anew
            if isinstance(flow, Track) and (flow.mid, flow.rid) == (sending.mid, rid):
                self._end_track(flow, flow.arrived_at)
                self._flows[old] = None
        track = Track(sending, number, self._send_feedback, self._start, self._note_arrival, rid)
        self._flows[ssrc] = track
        self._make_known(track)
        source = self._sources.get(sending.mid)
        if source is None:
            source = self._sources[sending.mid] = Source(self._owner, self._label, sending)
            self._room.add_source(source)
        source.add(track)
        return track

    def _make_known(self, track: Track) -> None:
        if self.reader is not None and None in self.places:
            place = self.places.index(None)
            self.places[place] = track
            self.reader.know(place, track.ssrc, *track.reading())

    def _begin_repair(self, sending: Sending, ssrc: int, found: dict[int, bytes]) -> RepairFlow | None:
        """Of the source named by the offer (RFC 5576), by rid (RFC 8852), or the m-line's only one."""
        rid = _text(found, sending, REPAIRED_RID)
        repaired = sending.rtx_ssrcs.get(ssrc)

        def of() -> Track | None:
            fitting = [track for track in self.tracks if track.mid == sending.mid]
            if repaired is not None:
                return next((track for track in fitting if track.ssrc == repaired), None)
            if sending.rids:
                return next((track for track in fitting if track.rid == rid), None)
            return fitting[0] if len(fitting) == 1 else None

        return RepairFlow(sending, of, self._note_arrival)

    def _start(self, track: Track) -> None:
        """Its first packet, or the first after a while."""
        self._room.arrange(track.arrived_at)
        self._report((track,), track.arrived_at)  # at once: a sender's first estimate decides how fast it gets sharp

    def _note_arrival(self, sequence: int, now: float) -> None:
        if self._arrivals is not None and self._arrivals.arrived(sequence, now):
            self._tell_arrivals(self._arrivals, now)

    def _end_track(self, track: Track, now: float) -> None:
        if self.reader is not None and track in self.places:
            self.reader.forget(self.places.index(track))
            self.places[self.places.index(track)] = None
        source = self._sources[track.mid]
        source.remove(track)
        self._room.forget_track(track, now)
        if not source.tracks:
            del self._sources[track.mid]
            self._room.remove_source(source, now)

    def leave(self, now: float) -> None:
        """The client is gone."""
        for track in self.tracks:
            self._end_track(track, now)
        self._flows.clear()

    # --- feedback ---

    def take_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        flow = self._flows.get(report.ssrc.to_bytes(4, "big"))
        if not isinstance(flow, Track):
            return
        flow.reception.take_sender_report(report, now)
        self._clock_offset = clock_offset(self._clock_offset, ntp_seconds(report.ntp), self._room.wall(now))
        for each in self.tracks:  # one offset for all of them keeps them in step
            if (heard := each.reception.sender_report) is not None:
                each.instant = ntp_seconds(heard.ntp) + self._clock_offset, heard.timestamp

    def end_sources(self, ssrcs: tuple[int, ...], now: float) -> None:
        """The client said goodbye to them (RFC 3550, 6.6)."""
        for ssrc in ssrcs:
            flow = self._flows.get(ssrc.to_bytes(4, "big"))
            if isinstance(flow, Track):
                flow.end()
        self._room.arrange(now)

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        if self._arrivals is not None:
            self._tell_arrivals(self._arrivals, now)

    def _tell_arrivals(self, arrivals: Arrivals, now: float) -> None:
        live = [track.ssrc for track in self.tracks if track.is_live(now)]
        if live and arrivals.media not in live:  # browsers heed no feedback about a source that they have ended
            arrivals.media = live[0]
        for feedback in arrivals.feedback(now):
            self._send(_EMPTY_REPORT + bytes(feedback))

    def _send_feedback(self, packet: rtcp.RtcpPacket) -> None:
        self._send(_EMPTY_REPORT + bytes(packet))

    def report(self, now: float) -> None:
        """Once a second: how what the client sends arrives, and where it has nothing better, how much it may send."""
        octets = sum(track.reception.bytes for track in self.tracks)
        before, at = self._measured
        self.bitrate = max(0.0, 8 * (octets - before) / max(0.1, now - at)) if at else 0.0
        self._measured = octets, now
        live = tuple(track for track in self.tracks if track.is_live(now))
        self.loss = self._report(live, now) if live else 0.0

    def _report(self, tracks: tuple[Track, ...], now: float) -> float:
        """Returns the greatest fraction that was lost."""
        blocks = tuple(track.reception.report_block(track.ssrc, now) for track in tracks[:31])
        compound = bytes(rtcp.ReceiverReport(RECEIVER_SSRC, blocks))
        pictures = tuple(track for track in self.tracks if not track.is_audio and track.is_live(now))
        if pictures and not self._uses_transport_cc:
            bitrate = sum(BITRATES[track.use] for track in pictures)
            compound += bytes(rtcp.Remb(RECEIVER_SSRC, bitrate, tuple(track.ssrc for track in pictures)))
        self._send(compound)
        return max(block.fraction_lost for block in blocks) / 256


_EMPTY_REPORT: Final = bytes(rtcp.ReceiverReport(RECEIVER_SSRC))  # leads a compound packet (RFC 4585, 3.1)


def _elements(packet: bytes) -> dict[int, bytes] | None:
    """The header extensions by id; None if they cannot be read."""
    try:
        payload_offset(packet)
        return dict(extensions(packet))
    except ValueError:
        return None


def _text(found: dict[int, bytes], sending: Sending, uri: str) -> str:
    return found.get(sending.extensions.get(uri, 0), b"").decode("ascii", "replace")

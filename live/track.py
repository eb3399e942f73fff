"""A publisher's track: what arrives of one source. Counts it, asks again for what is missing, measures how loud it is,
and hands each packet to the slots that it feeds. Neighbours: `peer` owns tracks, `slot` rewrites, `reports` reports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from live import rtcp
from live.answer import Sending
from live.codecs import CLOCK
from live.control import TrackStatistics
from live.rtp import AUDIO_LEVEL, EXTENSION, HEADER, HEADER_LENGTH, MARKER, PADDING, extensions, payload_offset

RECEIVER_SSRC: Final = 1  # ours, in feedback to publishers: we have no source of our own there
KEY_FRAME_INTERVAL: Final = 0.5  # seconds: PLI towards a publisher, from however many viewers
MAX_MISSING: Final = 100  # sequence numbers asked for; more missing at once is an outage, for a key frame to mend
MAX_ASKED: Final = 4  # times for one packet
LOUDNESS_WEIGHT: Final = 0.1  # of a packet in the smoothed level: about 200 ms at 50 packets a second
UNMEASURED_SPEECH: Final = 87.0  # a publisher that sends no RFC 6464 levels: −40 dBov while it sends sound
DTX_PAYLOAD: Final = 3  # octets: Opus sends no more in silence (RFC 6716, 2.1.9)


class Sink(Protocol):
    """Where a track's packets go: a slot."""

    def forward(
        self, track: Track, flags: int, marker: int, sequence: int, timestamp: int, payload: bytes, now: float
    ) -> None: ...

    def forget(self, track: Track) -> None: ...


class Track:
    """One source (SSRC) of a peer. `loudness` is 127 + dBov, smoothed: 0 silence, 127 the loudest."""

    __slots__ = (
        "arrived_at",
        "asked",
        "bad",
        "bytes",
        "clock",
        "codec",
        "first",
        "highest",
        "instant",
        "is_audio",
        "jitter",
        "key_frame_asked_at",
        "key_frame_pending",
        "label",
        "level_id",
        "loudness",
        "mid",
        "missing",
        "nacks",
        "on_start",
        "owner",
        "packets",
        "payload_type",
        "plis",
        "reported_expected",
        "reported_received",
        "send_feedback",
        "sender_report",
        "sender_report_at",
        "slots",
        "ssrc",
        "timestamp",
        "transit",
        "use",
    )

    def __init__(
        self,
        owner: object,
        label: str,
        sending: Sending,
        ssrc: int,
        send_feedback: Callable[[rtcp.RtcpPacket], None],
        on_start: Callable[[Track], None],
    ) -> None:
        self.owner, self.label, self.ssrc = owner, label, ssrc
        self.mid, self.use, self.codec, self.payload_type = sending.mid, sending.use, sending.codec, sending.payload_type
        self.is_audio = sending.use == "microphone"
        self.clock = CLOCK[sending.codec]
        self.level_id = sending.extensions.get(AUDIO_LEVEL, 0)
        self.send_feedback, self.on_start = send_feedback, on_start
        self.slots: tuple[Sink, ...] = ()
        self.packets = self.bytes = self.bad = self.nacks = self.plis = 0
        self.first = self.highest = -1  # extended sequence numbers (RFC 3550, A.1)
        self.timestamp = 0
        self.arrived_at = float("-inf")  # monotonic seconds
        self.transit = self.jitter = 0.0  # in the codec's clock
        self.loudness = 0.0
        self.missing: dict[int, tuple[int, float]] = {}  # extended sequence number: (times asked, when)
        self.key_frame_asked_at = float("-inf")
        self.key_frame_pending = False
        self.sender_report: rtcp.SenderReport | None = None
        self.sender_report_at = 0.0  # monotonic seconds
        self.instant: tuple[float, int] | None = None  # one moment: by this machine's clock, and in RTP time
        self.reported_expected = self.reported_received = 0

    def receive(self, packet: bytes, now: float) -> None:
        """Takes an RTP packet out of SRTP. Malformed ones are counted and dropped."""
        first, second, sequence, timestamp, _ = HEADER.unpack_from(packet)
        if second & 127 != self.payload_type:
            self.bad += 1
            return
        if first & 0x3F:
            try:
                offset = payload_offset(packet)
            except ValueError:
                self.bad += 1
                return
            if first & EXTENSION and self.level_id:
                self._measure(packet)
            payload = packet[offset:]
            if first & PADDING and not 0 < packet[-1] <= len(payload):
                self.bad += 1
                return
        else:
            payload = packet[HEADER_LENGTH:]
        starting = not self.is_live(now)
        self._count(sequence, timestamp, len(packet), now)
        if self.is_audio and not self.level_id:
            target = UNMEASURED_SPEECH if len(payload) > DTX_PAYLOAD else 0.0
            self.loudness += (target - self.loudness) * LOUDNESS_WEIGHT
        if starting:
            self.on_start(self)
        for slot in self.slots:
            slot.forward(self, first & PADDING, second & MARKER, sequence, timestamp, payload, now)

    def _measure(self, packet: bytes) -> None:
        try:
            for identifier, value in extensions(packet):
                if identifier == self.level_id and value:
                    self.loudness += (127 - (value[0] & 127) - self.loudness) * LOUDNESS_WEIGHT
        except ValueError:
            self.bad += 1

    def _count(self, sequence: int, timestamp: int, length: int, now: float) -> None:
        self.packets += 1
        self.bytes += length
        if self.first < 0:
            self.first = self.highest = sequence
        step = (sequence - self.highest) & 0xFFFF
        if step < 0x8000:
            if step > 1 and not self.is_audio:
                self._note_missing(step, now)
            self.highest += step
            self.timestamp = timestamp
        else:
            self.missing.pop(self.highest + step - 0x10000, None)
        transit = now * self.clock - timestamp
        deviation = abs(transit - self.transit)
        if deviation < self.clock * 10:  # the first packet, or a timestamp that wrapped, says nothing
            self.jitter += (deviation - self.jitter) / 16  # RFC 3550, A.8
        self.transit = transit
        self.arrived_at = now

    def _note_missing(self, step: int, now: float) -> None:
        if step > MAX_MISSING:
            self.missing.clear()
            self.request_key_frame(now)
            return
        fresh = range(self.highest + 1, self.highest + step)
        self.missing.update(dict.fromkeys(fresh, (1, now)))
        self._ask_again(tuple(fresh))

    def _ask_again(self, lost: tuple[int, ...]) -> None:
        self.nacks += 1
        self.send_feedback(rtcp.Nack(RECEIVER_SSRC, self.ssrc, tuple(sequence & 0xFFFF for sequence in lost)))

    def is_live(self, now: float) -> bool:
        """False when nothing came for a while: muted, camera off, gone. A still screen is sent about once a second."""
        return now - self.arrived_at < (5.0 if self.use == "screen" else 2.5)

    def request_key_frame(self, now: float) -> None:
        """Asks the publisher for a key frame: at once, or at the end of the running window (`tick`)."""
        if self.is_audio:
            return
        if now - self.key_frame_asked_at < KEY_FRAME_INTERVAL:
            self.key_frame_pending = True
            return
        self.key_frame_asked_at, self.key_frame_pending = now, False
        self.plis += 1
        self.send_feedback(rtcp.PictureLoss(RECEIVER_SSRC, self.ssrc))

    def tick(self, now: float) -> None:
        """Every 100 ms: what is still missing is asked for again, a key frame that had to wait is asked for."""
        if self.key_frame_pending:
            self.request_key_frame(now)
        if self.missing:
            due = {sequence: asked for sequence, (asked, at) in self.missing.items() if now - at >= 0.1}
            for sequence, asked in due.items():
                if asked >= MAX_ASKED:
                    del self.missing[sequence]
                else:
                    self.missing[sequence] = (asked + 1, now)
            if again := tuple(sorted(sequence for sequence, asked in due.items() if asked < MAX_ASKED)):
                self._ask_again(again)
        if self.is_audio and now - self.arrived_at > 0.5:
            self.loudness *= 0.5

    def take_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        self.sender_report, self.sender_report_at = report, now

    @property
    def lost(self) -> int:
        """Packets expected and not (yet) received (RFC 3550, A.3)."""
        return self.highest - self.first + 1 - self.packets if self.first >= 0 else 0

    def report_block(self, now: float) -> rtcp.ReportBlock:
        """How the source arrived since the last call (RFC 3550, 6.4.1, A.3)."""
        expected_now = self.highest - self.first + 1
        expected = expected_now - self.reported_expected
        lost = expected - (self.packets - self.reported_received)
        self.reported_expected, self.reported_received = expected_now, self.packets
        heard = self.sender_report
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=max(0, min(255, (lost << 8) // expected)) if expected > 0 else 0,
            lost=self.lost,
            highest=self.highest & 0xFFFFFFFF,
            jitter=int(self.jitter),
            last_sr=heard.ntp >> 16 & 0xFFFFFFFF if heard else 0,
            delay=int((now - self.sender_report_at) * 65536) if heard else 0,
        )

    def statistics(self) -> TrackStatistics:
        return TrackStatistics(
            mid=self.mid,
            layer="",
            use=self.use,
            codec=self.codec,
            packets=self.packets,
            bytes=self.bytes,
            bitrate_bps=0,
            lost=max(0, self.lost),
            recovered=0,
            bad=self.bad,
            jitter_ms=round(1000 * self.jitter / self.clock, 1),
            height=0,
            key_frames=0,
            nacks=self.nacks,
            plis=self.plis,
            loudness=round(self.loudness, 1),
        )

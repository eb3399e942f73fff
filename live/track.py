"""A publisher's track: what arrives of one SSRC. Counts it, asks again for what is missing, measures how loud it is, keeps
its newest packets, and hands each to the slots that it feeds. Neighbours: `source` holds the tracks of an m-line, `uplink`
owns them, `rung` takes the packets on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from live import rtcp
from live.agreement import Sending
from live.codecs import CLOCK, PictureIds, picture_ids, starts_key_frame
from live.codecs.dimensions import picture_height
from live.codecs.red import primary
from live.control import TrackStatistics
from live.media import RING, RING_MASK, Arrived, Media
from live.reception import Missing, Reception
from live.rtp import (
    AUDIO_LEVEL,
    DEPENDENCY_DESCRIPTOR,
    EXTENSION,
    HEADER,
    HEADER_LENGTH,
    MARKER,
    PADDING,
    TRANSPORT_CC,
    extensions,
    payload_offset,
)

RECEIVER_SSRC: Final = 1  # ours, in feedback to publishers: we have no source of our own there
KEY_FRAME_INTERVAL: Final = 0.5  # seconds: PLI towards a publisher, from however many viewers
LOUDNESS_WEIGHT: Final = 0.1  # of a packet in the smoothed level: about 200 ms at 50 packets a second
UNMEASURED_SPEECH: Final = 87.0  # a publisher that sends no RFC 6464 levels: −40 dBov while it sends sound
DTX_PAYLOAD: Final = 3  # octets: Opus sends no more in silence (RFC 6716, 2.1.9)
SILENT_AFTER: Final = {"screen": 5.0, "screen_sound": 5.0}  # seconds; a still screen is sent about once a second
SILENT_AFTER_OTHERS: Final = 2.5


class Sink(Protocol):
    """Where a track's packets go: a rung of a slot."""

    def forward(self, media: Media, now: float, *, late: bool) -> None: ...


class Track:
    """One SSRC of a peer. `loudness` is 127 + dBov, smoothed: 0 silence, 127 the loudest. `note_arrival` hears every
    transport-wide sequence number."""

    __slots__ = (
        "_dependency_id",
        "_has_ended",
        "_level_id",
        "_missing",
        "_note_arrival",
        "_send_feedback",
        "_silent_after",
        "_transport_id",
        "bad",
        "codec",
        "dependency",
        "height",
        "ids",
        "instant",
        "is_audio",
        "key_frame_asked_at",
        "key_frame_pending",
        "key_frames",
        "loudness",
        "mid",
        "nacks",
        "on_start",
        "payload_type",
        "plis",
        "reception",
        "red_payload_type",
        "rid",
        "ring",
        "sinks",
        "ssrc",
        "use",
    )

    def __init__(
        self,
        sending: Sending,
        ssrc: int,
        send_feedback: Callable[[rtcp.RtcpPacket], None],
        on_start: Callable[[Track], None],
        note_arrival: Callable[[int, float], None] | None = None,
        rid: str = "",
    ) -> None:
        self.ssrc, self.rid = ssrc, rid
        self.mid, self.use, self.codec = sending.mid, sending.use, sending.codec
        self.payload_type, self.red_payload_type = sending.payload_type, sending.red_payload_type
        self.is_audio = sending.codec == "opus"
        self._level_id = sending.extensions.get(AUDIO_LEVEL, 0)
        self._dependency_id = sending.extensions.get(DEPENDENCY_DESCRIPTOR, 0)
        self._transport_id = sending.extensions.get(TRANSPORT_CC, 0)
        self._silent_after = SILENT_AFTER.get(sending.use, SILENT_AFTER_OTHERS)
        self._send_feedback, self.on_start, self._note_arrival = send_feedback, on_start, note_arrival
        self._has_ended = False
        self.sinks: tuple[Sink, ...] = ()
        self.reception = Reception(CLOCK[sending.codec])
        self._missing = Missing()
        self.ring: list[Media | None] = [] if self.is_audio else [None] * RING
        self.bad = self.nacks = self.plis = self.key_frames = 0
        self.ids: PictureIds | None = None  # of the newest picture
        self.dependency = b""  # likewise
        self.height = 0  # of the picture, by its key frames; 0: not known
        self.loudness = 0.0
        self.key_frame_asked_at = float("-inf")
        self.key_frame_pending = False
        self.instant: tuple[float, int] | None = None  # one moment: by this machine's clock, and in RTP time

    # --- packets ---

    def receive(self, packet: bytes, now: float) -> None:
        """Takes an RTP packet out of SRTP. Malformed ones are counted and dropped."""
        first, second, sequence, timestamp, _ = HEADER.unpack_from(packet)
        if second & 127 != self.payload_type and (second & 127 != self.red_payload_type or not self.red_payload_type):
            self.bad += 1
            return
        level, dependency, transport, payload = -1, b"", -1, packet[HEADER_LENGTH:]
        if first & 0x3F:
            try:
                offset = payload_offset(packet)
                if first & EXTENSION:
                    level, dependency, transport = self._read_extensions(packet)
                payload = packet[offset : len(packet) - _padding(packet, offset)]
            except ValueError:
                self.bad += 1
                return
        self.accept(Arrived(sequence, timestamp, second, payload, level, dependency, transport, len(packet)), now)

    def accept(self, arrived: Arrived, now: float) -> None:
        """Takes a packet that has been read."""
        sequence, timestamp, second, payload, level, dependency, transport, length = arrived
        if transport >= 0 and self._note_arrival:
            self._note_arrival(transport, now)
        starting = not self.is_live(now)
        self._has_ended = False
        newest = self.reception.newest
        extended = self.reception.count(sequence, timestamp, length, now)
        if self.is_audio:
            is_red = second & 127 != self.payload_type
            self._listen(level, payload, is_red=is_red)
            media = Media(extended, timestamp, second & MARKER, payload, is_red, None, level)
        else:
            if extended > newest + 1 and newest >= 0:
                self._ask_for(newest + 1, extended, now)
            elif extended < newest:
                self._missing.came(extended)
            media = self._keep(extended, timestamp, second & MARKER, payload, dependency)
        if starting:
            self.on_start(self)
        self._pass_on(media, now, late=extended < newest)

    def recover(self, sequence: int, timestamp: int, marker: int, payload: bytes, dependency: bytes, now: float) -> bool:
        """Takes the content of a retransmission (RFC 4588). Returns False if the packet was not missing: publishers also
        send again what came, to test the bandwidth."""
        extended = self.reception.extend(sequence)
        if not self._missing.came(extended):
            return False
        self.reception.recovered += 1
        self._pass_on(self._keep(extended, timestamp, marker, payload, dependency), now, late=True)
        return True

    def _keep(self, extended: int, timestamp: int, marker: int, payload: bytes, dependency: bytes) -> Media:
        ids = picture_ids(self.codec, payload)
        media = Media(extended, timestamp, marker, payload, False, ids, -1, dependency)
        self.ring[extended & RING_MASK] = media
        if extended == self.reception.newest:
            self.ids, self.dependency = ids or self.ids, dependency or self.dependency
        if starts_key_frame(self.codec, payload):
            self.key_frames += 1
            self.key_frame_pending = False  # whoever asked has it
            self.height = picture_height(self.codec, payload) or self.height
        return media

    def _pass_on(self, media: Media, now: float, *, late: bool) -> None:
        if late and media.sequence <= self.reception.newest - RING:  # of no more use to anybody
            return
        for sink in self.sinks:
            sink.forward(media, now, late=late)

    def _read_extensions(self, packet: bytes) -> tuple[int, bytes, int]:
        """Returns level (-1: none), dependency descriptor (b"": none) and transport-wide number (-1: none)."""
        level, dependency, transport = -1, b"", -1
        for identifier, value in extensions(packet):
            if identifier == self._transport_id and len(value) == 2:
                transport = value[0] << 8 | value[1]
            elif identifier == self._level_id and value:
                level = value[0]
            elif identifier == self._dependency_id:
                dependency = value
        return level, dependency, transport

    def reading(self) -> tuple[tuple[int, int], tuple[int, int, int]]:
        """What whoever reads its packets has to know: payload types, and ids of extensions (`Line.know`)."""
        return (self.payload_type, self.red_payload_type), (self._transport_id, self._level_id, self._dependency_id)

    def _listen(self, level: int, payload: bytes, *, is_red: bool) -> None:
        if level >= 0:
            target = 127.0 - (level & 127)
        elif self._level_id:
            return
        else:
            try:
                length = len(primary(payload) if is_red else payload)
            except ValueError:
                length = 0
            target = UNMEASURED_SPEECH if length > DTX_PAYLOAD else 0.0
        self.loudness += (target - self.loudness) * LOUDNESS_WEIGHT

    # --- state ---

    @property
    def layer(self) -> str:
        """Its name among the layers of its source."""
        return self.rid or "full"

    @property
    def arrived_at(self) -> float:
        return self.reception.arrived_at

    def is_live(self, now: float) -> bool:
        """False when nothing came for a while: muted, camera off, gone."""
        return not self._has_ended and now - self.reception.arrived_at < self._silent_after

    def end(self) -> None:
        """The publisher said goodbye to it."""
        self._has_ended = True

    # --- feedback ---

    def _ask_for(self, first: int, end: int, now: float) -> None:
        lost = self._missing.note(first, end, now)
        if lost is None:
            self.request_key_frame(now)
        else:
            self._send_nack(lost)

    def _send_nack(self, lost: tuple[int, ...]) -> None:
        self.nacks += 1
        self._send_feedback(rtcp.Nack(RECEIVER_SSRC, self.ssrc, tuple(extended & 0xFFFF for extended in lost)))

    def request_key_frame(self, now: float) -> None:
        """Asks the publisher for a key frame: at once, or at the end of the running window (`tick`)."""
        if self.is_audio:
            return
        if now - self.key_frame_asked_at < KEY_FRAME_INTERVAL:
            self.key_frame_pending = True
            return
        self.key_frame_asked_at, self.key_frame_pending = now, False
        self.plis += 1
        self._send_feedback(rtcp.PictureLoss(RECEIVER_SSRC, self.ssrc))

    def tick(self, now: float) -> None:
        """Every 100 ms: what is still missing is asked for again, a key frame that had to wait is asked for."""
        if self.key_frame_pending:
            self.request_key_frame(now)
        if self._missing and (again := self._missing.due(now)):
            self._send_nack(again)
        if self.is_audio and now - self.arrived_at > 0.5:
            self.loudness *= 0.5

    def statistics(self) -> TrackStatistics:
        heard = self.reception
        return TrackStatistics(
            mid=self.mid,
            layer=self.rid,
            use=self.use,
            codec=self.codec,
            packets=heard.packets,
            bytes=heard.bytes,
            bitrate_bps=int(heard.bitrate),
            lost=heard.lost,
            recovered=heard.recovered,
            bad=self.bad,
            jitter_ms=round(1000 * heard.jitter / heard.clock, 1),
            height=self.height,
            key_frames=self.key_frames,
            nacks=self.nacks,
            plis=self.plis,
            loudness=round(self.loudness, 1),
        )


def _padding(packet: bytes, offset: int) -> int:
    """How many octets at the end are padding. Raises `ValueError` if that is not so."""
    if not packet[0] & PADDING:
        return 0
    if not 0 < packet[-1] <= len(packet) - offset:
        raise ValueError("RTP padding is longer than the packet")
    return packet[-1]

"""From datagrams to the file: one recording's tap, heard. The part of the recorder that needs no sockets and no clock.

Memory is bounded by `Reorder`'s windows, `Pictures`' largest picture and `cmaf`'s largest fragment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from live import rtcp
from live.control import TapFormat
from recordings.cmaf import Recording
from recordings.frames import Pictures, Sounds
from recordings.packets import Gap, Packet, Reorder, is_rtcp, parse
from recordings.timeline import Sample, Timeline
from recordings.vp8 import Vp8Pictures

KEY_FRAME_EVERY: Final = 2.0  # seconds; where a player may seek to, and where a live segment will begin
OUR_SSRC: Final = 1  # in RTCP; nobody checks it
ASK_AT_MOST_EVERY: Final = 0.25  # seconds, however much is lost


class Result(Struct, frozen=True):
    """What a recorder reports when it ends. `error` is "" or one of `disk_full`, `write_failed`, `busy`, `bad_request`."""

    duration: float = 0.0  # seconds
    frames: int = 0  # pictures written
    sounds: int = 0  # Opus packets written, silence not counted
    lost: int = 0  # packets that never came
    dropped: int = 0  # pictures and sounds that could not be used
    foreign: int = 0  # datagrams that were no RTP, or not the tap's
    error: str = ""


class Reception:
    """Feeds `recording` from one tap at a time. Times are seconds since this recording began, `begin` at the start."""

    def __init__(self, recording: Recording, begin: float) -> None:
        self._recording = recording
        self._timeline = Timeline(recording.slate, begin)
        self._pictures, self._sounds = Pictures(), Sounds()
        self._lost = self._foreign = self._dropped = 0
        self._asked_at = -KEY_FRAME_EVERY
        self._tap: TapFormat | None = None
        self.retap(None)

    def retap(self, tap: TapFormat | None) -> None:
        """What arrives from now on is of this format, perhaps of another worker's tap: order and pictures start afresh. The
        first one decides about the file's codec; of a tap with another one the sound alone is written."""
        self._tap = tap
        if tap is not None:
            self._recording.settle(tap.video)
            self._timeline.slate = self._recording.slate
        self._orders = {"video": Reorder(), "audio": Reorder()}
        self._senders: dict[str, tuple[tuple[str, int], int]] = {}
        self._dropped += self._pictures.dropped + self._sounds.dropped
        self._pictures = Vp8Pictures() if self._recording.codec == "VP8" else Pictures()
        self._sounds = Sounds()
        self._timeline.restart(tap.video_clock if tap else 90_000)

    def receive(self, kind: str, data: bytes, source: tuple[str, int], now: float) -> None:
        """Takes a datagram that came to the `kind` ("video", "audio") port. Only the tap's own are heard: those of the first
        source that sent RTP of the right type. `OSError` if the file cannot be written."""
        try:
            if is_rtcp(data):
                self._report(kind, data, source)
                return
            packet = parse(data, now)
        except ValueError:
            self._foreign += 1
            return
        if not self._is_expected(kind, packet, source):
            self._foreign += 1
            return
        self._senders[kind] = source, packet.ssrc
        self._write(self._take(kind, self._orders[kind].push(packet)))

    def tick(self, now: float) -> None:
        """To be called ten times a second: gives up on lost packets, fills in what did not come."""
        for kind, order in self._orders.items():
            self._write(self._take(kind, order.pull(now)))
        self._write(self._timeline.tick(now))

    def key_frame_request(self, now: float) -> tuple[bytes, tuple[str, int]] | None:
        """A PLI and where to send it, if one is due: at the start, after a loss, and every `KEY_FRAME_EVERY`."""
        wants_now = self._pictures.wants_key or self._timeline.wants_key
        if "video" not in self._senders or now - self._asked_at < (ASK_AT_MOST_EVERY if wants_now else KEY_FRAME_EVERY):
            return None
        self._asked_at = now
        source, ssrc = self._senders["video"]
        return bytes(rtcp.PictureLoss(OUR_SSRC, ssrc)), source

    def end(self, now: float) -> None:
        """Takes what still waits and fills up to `now`."""
        for kind, order in self._orders.items():
            self._write(self._take(kind, order.pull(float("inf"))))
        self._write(self._timeline.end(now))

    def result(self, duration: float, error: str = "") -> Result:
        dropped = self._dropped + self._pictures.dropped + self._sounds.dropped + self._timeline.dropped
        written = self._timeline.pictures, self._timeline.sounds
        return Result(duration, *written, self._lost, dropped, self._foreign, error)

    def _is_sender(self, kind: str, source: tuple[str, int]) -> bool:
        return kind in self._senders and self._senders[kind][0] == source

    def _is_expected(self, kind: str, packet: Packet, source: tuple[str, int]) -> bool:
        if self._tap is None:
            return False
        expected = self._tap.video_payload_type if kind == "video" else self._tap.audio_payload_type
        is_written = self._tap.video == self._recording.codec if kind == "video" else self._tap.audio.lower() == "opus"
        is_known = kind not in self._senders or self._is_sender(kind, source)
        return is_written and is_known and packet.payload_type == expected

    def _take(self, kind: str, items: Iterable[Packet | Gap]) -> Iterable[Sample]:
        for item in items:
            if isinstance(item, Gap):
                self._lost += item.packets
            if kind == "video":
                for picture in self._pictures.push(item):
                    yield from self._timeline.picture(picture)
            else:
                for sound in self._sounds.push(item):
                    yield from self._timeline.sound(sound)

    def _report(self, kind: str, data: bytes, source: tuple[str, int]) -> None:
        if not self._is_sender(kind, source):
            return
        depayloader, clock = (
            (self._pictures, self._timeline.video) if kind == "video" else (self._sounds, self._timeline.audio)
        )
        for packet in rtcp.parse(data):
            is_ours = isinstance(packet, rtcp.SenderReport) and packet.ssrc == self._senders[kind][1]
            if isinstance(packet, rtcp.SenderReport) and is_ours and depayloader.unwrap.last is not None:
                clock.report(packet.ntp / 2**32, depayloader.unwrap.peek(packet.timestamp))

    def _write(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self._recording.add(sample)

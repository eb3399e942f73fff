"""What goes into the file, and when: samples of one picture track and one sound track that never stop.

Players keep time by the sound, so where none came silence is written: ready-made Opus packets, nothing is encoded. Where no
picture has come yet, or none for a while, a slate is shown. So every recording has both tracks, whatever was sent.
Pure. Before: `frames`, `clock`. Next: `cmaf`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from recordings.boxes import SOUND_RATE, VIDEO_RATE
from recordings.clock import MediaClock, align
from recordings.frames import Picture, Sound

WAIT_FOR_SOUND: Final = 0.8  # seconds; longer than packets wait for lost ones
WAIT_FOR_FIRST_PICTURE: Final = 1.5
WAIT_FOR_PICTURE: Final = 5.0
SLATE_EVERY: Final = 10.0  # seconds; players seek to key frames only
OVERLAP: Final = 1920  # samples a sound may come before its place is free; more is dropped

# Silence of so many samples: CELT, full band, the silence flag set (RFC 6716, 4.3), the longest being six frames of 20 ms.
SILENCE: Final = (
    (5760, b"\xfb\x06" + b"\xff\xfe" * 6),
    (960, b"\xf8\xff\xfe"),
    (480, b"\xf0\xff\xfe"),
    (240, b"\xe8\xff\xfe"),
    (120, b"\xe0\xff\xfe"),
)


class Sample(NamedTuple):
    """`time` and `duration` are in the track's own rate. A picture's duration is 0: it lasts until the next."""

    is_picture: bool
    time: int
    duration: int
    nals: tuple[bytes, ...]  # one for a sound
    is_key: bool

    @property
    def seconds(self) -> float:
        return self.time / (VIDEO_RATE if self.is_picture else SOUND_RATE)


class Timeline:
    """Times are seconds since the recording began; `begin` is later than 0 where one is gone on with."""

    def __init__(self, slate: tuple[bytes, ...], begin: float = 0.0) -> None:
        self.slate = slate
        self.video, self.audio = MediaClock(VIDEO_RATE), MediaClock(SOUND_RATE)
        self.wants_key = True
        self.pictures = self.sounds = self.dropped = 0
        self._begin = begin
        self._has_picture = False
        self._last_picture = 0
        self._last_seen = (
            begin + WAIT_FOR_FIRST_PICTURE - WAIT_FOR_PICTURE
        )  # when a picture last came, or the slate was shown
        self._shows_slate = False
        self._end_of_sound = round(begin * SOUND_RATE)

    def restart(self, video_rate: int) -> None:
        """Timestamps begin anew (another tap); pictures go on with a key frame."""
        self.video, self.audio, self.wants_key = MediaClock(video_rate), MediaClock(SOUND_RATE), True

    def picture(self, picture: Picture) -> Iterator[Sample]:
        """Yields `picture` at its place. After a slate only a key frame can follow."""
        if self.wants_key and not picture.is_key:
            self.dropped += 1
            return
        align(self.video, self.audio)
        at = round(self.video.place(picture.timestamp, picture.arrival) * VIDEO_RATE)
        self.wants_key, self._shows_slate, self._last_seen = False, False, picture.arrival
        self.pictures += 1
        yield self._show(at, picture.nals, picture.is_key)

    def sound(self, sound: Sound) -> Iterator[Sample]:
        """Yields `sound`, and the silence before it where packets are missing."""
        at = round(self.audio.place(sound.timestamp, sound.arrival) * SOUND_RATE)
        if at < self._end_of_sound - OVERLAP:
            self.dropped += 1
            return
        yield from self._silence(at)
        self.sounds += 1
        yield self._play(sound.samples, sound.data)

    def tick(self, now: float) -> Iterator[Sample]:
        """Yields what stands for the sound and the pictures that did not come until `now`."""
        yield from self._silence(round((now - WAIT_FOR_SOUND) * SOUND_RATE))
        if now - self._last_seen > (SLATE_EVERY if self._shows_slate else WAIT_FOR_PICTURE):
            yield self._show_slate(now)

    def end(self, now: float) -> Iterator[Sample]:
        """Yields what the recording lacks until `now`, when it stops."""
        if not self._has_picture:
            yield self._show_slate(now)
        yield from self._silence(round(now * SOUND_RATE))

    @property
    def duration(self) -> float:
        """Seconds of sound and silence."""
        return self._end_of_sound / SOUND_RATE

    def _show_slate(self, now: float) -> Sample:
        self._shows_slate, self._last_seen, self.wants_key = True, now, True
        return self._show(round((now - WAIT_FOR_SOUND) * VIDEO_RATE), self.slate, True)

    def _show(self, at: int, nals: tuple[bytes, ...], is_key: bool) -> Sample:
        """The first picture is shown from the beginning on, for both tracks must begin together; the others one after the
        other, whatever their times say."""
        self._last_picture = max(at, self._last_picture + 1) if self._has_picture else round(self._begin * VIDEO_RATE)
        self._has_picture = True
        return Sample(True, self._last_picture, 0, nals, is_key)

    def _silence(self, until: int) -> Iterator[Sample]:
        for samples, data in SILENCE:
            while until - self._end_of_sound >= samples:
                yield self._play(samples, data)

    def _play(self, samples: int, data: bytes) -> Sample:
        at, self._end_of_sound = self._end_of_sound, self._end_of_sound + samples
        return Sample(False, at, samples, (data,), True)

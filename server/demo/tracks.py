"""The synthetic speaker's tracks: the picture 15 times a second, and a few soft chords. Neighbours: `picture`, `speaker`."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from fractions import Fraction
from typing import Any, Final

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from server.demo.picture import Picture

PICTURES_PER_SECOND: Final = 15
SAMPLE_RATE: Final = 48_000
SAMPLES: Final = 960  # of one audio frame: 20 ms
CHORD_SECONDS: Final = 8
LOUDNESS: Final = 0.022  # root mean square of full scale: about −33 dBov, quiet but above what the engine takes for silence

# Hz, from low to high: D, B minor, G and A, each with an added note that takes the hardness out of it
_CHORDS: Final = (
    (146.8, 220.0, 293.7, 370.0, 659.3),
    (123.5, 185.0, 293.7, 370.0, 554.4),
    (98.0, 196.0, 246.9, 293.7, 440.0),
    (110.0, 220.0, 277.2, 329.6, 493.9),
)
_LATE: Final = 0.5  # seconds behind after which pictures are left out rather than hurried

Samples = NDArray[np.int16]


class _Paced(MediaStreamTrack):
    """A track with a frame every `period` seconds."""

    def __init__(self, period: float) -> None:
        super().__init__()
        self._period = period
        self._due: float | None = None  # by the loop's clock
        self._began = 0.0

    async def _next_time(self) -> float:
        """Waits for the next frame's moment; seconds since the first. Raises `MediaStreamError` at the end."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = self._began = now
        else:
            self._due += self._period
            if now - self._due > _LATE:
                self._due = now
            await asyncio.sleep(self._due - now)
        return self._due - self._began


class PictureTrack(_Paced):
    kind = "video"

    def __init__(self, picture: Picture, zone: tzinfo) -> None:
        super().__init__(1 / PICTURES_PER_SECOND)
        self._picture = picture
        self._zone = zone

    async def recv(self) -> VideoFrame:
        seconds = await self._next_time()
        frame = await asyncio.to_thread(self._draw)
        frame.pts, frame.time_base = int(seconds * 90_000), Fraction(1, 90_000)
        return frame

    def _draw(self) -> VideoFrame:
        return VideoFrame.from_ndarray(np.asarray(self._picture.draw(datetime.now(self._zone))), format="rgb24")


class SoundTrack(_Paced):
    kind = "audio"

    def __init__(self, samples: Samples) -> None:
        """`samples` are repeated for ever; their number is a multiple of `SAMPLES`."""
        super().__init__(SAMPLES / SAMPLE_RATE)
        self._blocks = samples.reshape(-1, 1, SAMPLES)

    async def recv(self) -> AudioFrame:
        number = round(await self._next_time() / self._period)
        frame = AudioFrame.from_ndarray(self._blocks[number % len(self._blocks)], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * SAMPLES, Fraction(1, SAMPLE_RATE)
        return frame


def chords() -> Samples:
    """Half a minute of slow chords that can be repeated without a seam."""
    length = CHORD_SECONDS * SAMPLE_RATE
    total: NDArray[Any] = np.zeros(length * len(_CHORDS), dtype=np.float32)
    # Each chord swells and fades over twice its time, so that one flows into the next and it is never silent.
    times = np.arange(2 * length, dtype=np.float32) / SAMPLE_RATE
    swell = 0.5 - 0.5 * np.cos(np.float32(np.pi / CHORD_SECONDS) * times)
    for number, chord in enumerate(_CHORDS):
        places = (np.arange(2 * length) + number * length) % len(total)
        total[places] += swell * sum(_tone(pitch, times) for pitch in chord)
    total *= LOUDNESS / float(np.sqrt(np.mean(total**2)))
    return (total * 32_767).astype(np.int16)


def _tone(pitch: float, times: NDArray[Any]) -> NDArray[Any]:
    """A soft tone: higher ones fainter, with a breath of the octave."""
    angle = np.float32(2 * np.pi * pitch) * times
    return np.asarray((np.sin(angle) + np.float32(0.12) * np.sin(2 * angle)) * np.float32(130 / pitch))

"""A recording on disk: samples in, one fragmented MP4 out that plays at every moment, also after SIGKILL and a power cut.

PyAV writes the head, once: both tracks are declared from the start, H.264 as `avc3` (parameter sets in the stream, ISO/IEC
14496-15, 5.3.3), so that every key frame may change the picture's size (docs/decisions/0001-one-file-per-recording.md). VP8
needs nothing for that; its entry in the head is put in here, for the muxer has none. A file has one codec: its first tap's.
Fragments of half a second, or shorter where a key frame begins one, are appended as they come. At the end an index is put
into the room that was kept for it; a file without one plays too, only seeking is slower.
"""

from __future__ import annotations

import fcntl
import io
import itertools
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from recordings import boxes
from recordings.boxes import SOUND_RATE, VIDEO_RATE
from recordings.timeline import Sample
from recordings.vp8 import sample_entry, size_of

FRAGMENT_SECONDS: Final = 0.5
LONGEST_PICTURE: Final = VIDEO_RATE // 2  # what the last picture of a fragment is said to last, at most
LARGEST_FRAGMENT: Final = 16 << 20  # bytes held in memory; a fragment ends early rather than grow beyond


class Busy(Exception):
    """The recording is being written by another process."""


_ENCODERS: Final = {
    "H264": ("libx264", {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline"}),
    "VP8": ("libvpx", {"deadline": "realtime", "lag-in-frames": "0"}),
}
CODECS: Final = tuple(_ENCODERS)  # that pictures may be in, best first


def slates() -> dict[str, tuple[bytes, ...]]:
    """One black picture in each of `CODECS`."""
    return {codec: slate(codec) for codec in CODECS}


def slate(name: str = "H264", width: int = 640, height: int = 360) -> tuple[bytes, ...]:
    """One black picture: as H.264 units, with its parameter sets, or as a VP8 frame."""
    import av  # late: the server needs this module, and never FFmpeg

    encoder, options = _ENCODERS[name]
    codec = av.CodecContext.create(encoder, "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.framerate, codec.time_base = Fraction(30), Fraction(1, 30)
    codec.options = dict(options)
    black = av.VideoFrame(width, height, "yuv420p")
    for plane, level in zip(black.planes, (16, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    data = b"".join(bytes(packet) for packet in [*codec.encode(black), *codec.encode(None)])
    return tuple(nal for nal in split(data) if nal[0] & 31 in (5, 7, 8)) if name == "H264" else (data,)


def split(annex_b: bytes) -> list[bytes]:
    """The units of a byte stream (H.264, annex B) without start codes."""
    return [nal for part in annex_b.split(b"\0\0\1")[1:] if (nal := part.rstrip(b"\0"))]


def head(nals: tuple[bytes, ...]) -> bytes:
    """ftyp and moov for a recording whose first picture is `nals`. Raises `av.FFmpegError` where that is no picture."""
    import av  # late, as in `slate`

    sink = io.BytesIO()
    annex_b = b"".join(b"\0\0\0\1" + nal for nal in nals)
    with av.open(io.BytesIO(annex_b), format="h264") as source:
        options = {"movflags": "empty_moov+default_base_moof+frag_custom+skip_trailer"}
        with av.open(_WriteOnly(sink), "w", format="mp4", options=options) as output:
            video = output.add_stream_from_template(source.streams.video[0])
            video.time_base, video.codec_tag = Fraction(1, VIDEO_RATE), "avc3"
            sound = output.add_stream("libopus", rate=SOUND_RATE, layout="stereo")
            sound.time_base = Fraction(1, SOUND_RATE)
            output.start_encoding()
    return sink.getvalue()


class _WriteOnly:
    """Without `seek`, so that the muxer never tries to go back."""

    def __init__(self, sink: io.BytesIO) -> None:
        self.write = sink.write


class Recording:
    """The file `path`, made or gone on with. One writer at a time, by an advisory lock. `Busy` and `OSError` are raised;
    after an `OSError` of `add` or `flush` nothing more can be written, and `finish` cuts off what is not whole."""

    def __init__(self, path: Path, slates: Mapping[str, tuple[bytes, ...]]) -> None:
        self._slates = slates
        self._file = open_locked(path)
        self._written_at = os.fstat(self._file.fileno()).st_mtime
        self._layout = boxes.scan(self._file)
        self._sequence = max((each.sequence for each in self._layout.fragments), default=0)
        self._has_head = self._layout.index_offset is not None
        self.codec = boxes.pictures_in(boxes.read_head(self._file)) if self._has_head else ""  # "": not known yet
        self._end = self._layout.end if self._has_head else 0
        self._file.truncate(self._end)
        if self._has_head:
            _write_at(self._file, self._layout.index_offset or 0, boxes.reserved())
        self._pictures: list[Sample] = []
        self._sounds: list[Sample] = []
        self._bytes = 0

    def begins_at(self, now: float) -> float:
        """Where on the recording's time `now` (Unix time) lies: 0 for a new one, else after what was on the disk, later by
        the time since that was written."""
        on_disk = boxes.duration(self._layout)
        return on_disk + max(0.0, now - self._written_at) if on_disk else 0.0

    def settle(self, codec: str) -> None:
        """A new recording's pictures are in this codec if they can be written at all, else there is the slate alone."""
        self.codec = self.codec or (codec if codec in self._slates else CODECS[0])

    @property
    def slate(self) -> tuple[bytes, ...]:
        return self._slates[self.codec or CODECS[0]]

    @property
    def file_number(self) -> int:
        return self._file.fileno()

    def add(self, sample: Sample) -> None:
        """Takes a sample; writes a fragment when one is complete."""
        if self._is_complete(sample):
            self.flush()
        (self._pictures if sample.is_picture else self._sounds).append(sample)
        self._bytes += sum(map(len, sample.nals))

    def _is_complete(self, sample: Sample) -> bool:
        if not self._has_head and not self._pictures:
            return False  # the head waits for the first picture, at most as long as `timeline` waits with the slate
        first = [samples[0].seconds for samples in (self._pictures, self._sounds) if samples]
        starts_stretch = sample.is_picture and sample.is_key and bool(self._pictures)
        is_long = bool(first) and sample.seconds - min(first) >= FRAGMENT_SECONDS
        return starts_stretch or is_long or self._bytes > LARGEST_FRAGMENT

    def flush(self) -> None:
        """Writes what there is as a fragment."""
        if not self._pictures and not self._sounds:
            return
        if not self._has_head:
            self.settle("")
            self._append(self._head())
            self._has_head = True
        self._sequence += 1
        runs = [
            run(boxes.VIDEO_TRACK, self._pictures, is_prefixed=self.codec == "H264"),
            run(boxes.SOUND_TRACK, self._sounds),
        ]
        self._pictures, self._sounds, self._bytes = [], [], 0
        self._append(boxes.fragment(self._sequence, runs))

    def _head(self) -> bytes:
        from av import FFmpegError  # late, as in `slate`

        first = self._pictures[0].nals if self._pictures else self.slate
        if self.codec == "VP8":
            made = boxes.with_pictures(head(self._as_large(first[0])), sample_entry(first[0]))
        else:
            try:
                made = head(first)
            except (FFmpegError, ValueError, IndexError):
                made = head(self.slate)  # parameter sets that cannot be read; `avc3` does not need the right ones here
        return made + boxes.reserved()

    def _as_large(self, frame: bytes) -> tuple[bytes, ...]:
        """An H.264 picture of a VP8 key frame's size: the muxer writes that into the head too."""
        width, height = size_of(frame) or (640, 360)
        return slate("H264", width + width % 2, height + height % 2)

    def _append(self, data: bytes) -> None:
        _write_at(self._file, self._end, data)
        self._end += len(data)

    def finish(self) -> float:
        """Writes the rest and the index, makes all of it durable, and returns the duration in seconds."""
        self.flush()
        return finish(self._file)

    def close(self) -> None:
        self._file.close()


def run(track: int, samples: list[Sample], *, is_prefixed: bool = False) -> boxes.Run:
    """Samples as a track's run; units with their lengths where that is asked for. A picture lasts until the next; the last
    one as long as the one before it."""
    times = [sample.time for sample in samples]
    lengths = [after - before for before, after in itertools.pairwise(times)]
    last = min(lengths[-1], LONGEST_PICTURE) if lengths else VIDEO_RATE // 30
    made = [
        (sample.duration or length, _length_prefixed(sample) if is_prefixed else b"".join(sample.nals), sample.is_key)
        for sample, length in zip(samples, [*lengths, last], strict=False)
    ]
    return boxes.Run(track, times[0] if times else 0, made)


def _length_prefixed(sample: Sample) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in sample.nals)


def open_locked(path: Path) -> BinaryIO:
    """Opens `path` for reading and writing, made if need be, with an exclusive lock. Raises `Busy`."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "r+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Busy(path.name) from None
    return file


def finish(file: BinaryIO) -> float:
    """Cuts off what is not whole, writes the index, makes it durable. Returns its seconds, 0 where nothing plays."""
    layout = boxes.scan(file)
    if layout.index_offset is None or not layout.fragments:
        return 0.0
    file.truncate(layout.end)
    if layout.fragments[0].offset - layout.index_offset == boxes.INDEX_SIZE:  # else the room was kept by another version
        _write_at(file, layout.index_offset, boxes.index(layout))
    os.fsync(file.fileno())
    return boxes.duration(layout)


def _write_at(file: BinaryIO, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, offset)
        offset += written
        view = view[written:]

"""The boxes of fragmented MP4 (ISO/IEC 14496-12), built and read: fragments of two tracks, and the index over them.

Pure but for `scan`, which reads an open file. The file's head is made by PyAV (`cmaf`); fragments are made here, because
where they begin, at what time and how soon they are on the disk is what a recording is about.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

VIDEO_TRACK, SOUND_TRACK = 1, 2
VIDEO_RATE: Final = 90_000  # ticks a second of each track
SOUND_RATE: Final = 48_000
SYNC, NOT_SYNC = 0x02000000, 0x01010000  # sample flags (8.8.3.1): depends on no other; depends, and is no sync sample
INDEX_SIZE: Final = 256 << 10  # kept free for the index: 21,800 fragments, three hours at half a second each
LARGEST_HEAD: Final = 1 << 20  # a moof or moov beyond this is not ours


class Run(NamedTuple):
    """One track's samples in a fragment: its decode time, and each sample's duration, bytes and whether it is a key."""

    track: int
    time: int
    samples: Sequence[tuple[int, bytes, bool]]


class Fragment(NamedTuple):
    """Where a moof with its mdat lies. `times` maps tracks to (first decode time, total duration)."""

    offset: int
    size: int
    sequence: int
    times: dict[int, tuple[int, int]]
    starts_with_key: bool


class Layout(NamedTuple):
    """A scanned file: the index's place, the whole fragments, and where the last one ends."""

    index_offset: int | None
    fragments: list[Fragment]
    end: int


def box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack("!I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def fragment(sequence: int, runs: Iterable[Run]) -> bytes:
    """A moof and its mdat. Offsets are relative to the moof (default-base-is-moof), so it can be moved about."""
    runs = [run for run in runs if run.samples]
    size = len(_moof(sequence, runs, 0))
    data = b"".join(data for run in runs for _, data, _ in run.samples)
    return _moof(sequence, runs, size + 8) + box(b"mdat", data)


def _moof(sequence: int, runs: Sequence[Run], data_offset: int) -> bytes:
    tracks = []
    for run in runs:
        samples = b"".join(struct.pack("!III", d, len(data), SYNC if key else NOT_SYNC) for d, data, key in run.samples)
        tfhd = box(b"tfhd", struct.pack("!II", 0x020000, run.track))
        tfdt = box(b"tfdt", struct.pack("!IQ", 0x01000000, run.time))
        trun = box(b"trun", struct.pack("!IIi", 0x000701, len(run.samples), data_offset), samples)
        tracks.append(box(b"traf", tfhd, tfdt, trun))
        data_offset += sum(len(data) for _, data, _ in run.samples)
    return box(b"moof", box(b"mfhd", struct.pack("!II", 0, sequence)), *tracks)


_WITHIN: Final = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl"))
_PICTURES: Final = {b"avc1": "H264", b"avc3": "H264", b"vp08": "VP8"}


def with_pictures(head: bytes, entry: bytes) -> bytes:
    """A head (ftyp, moov, or what is in them) whose picture track has this sample entry instead of its own."""
    made = []
    for kind, content in children(head):
        if kind in _WITHIN:
            content = with_pictures(content, entry)
        elif kind == b"stsd" and content[12:16] in _PICTURES:
            content = content[:8] + entry
        made.append(box(kind, content))
    return b"".join(made)


def pictures_in(head: bytes) -> str:
    """The codec of the picture track of a head: "H264", "VP8", or "" where there is none that is known."""
    for kind, content in children(head):
        found = pictures_in(content) if kind in _WITHIN else _PICTURES.get(content[12:16], "") if kind == b"stsd" else ""
        if found:
            return found
    return ""


def read_head(file: BinaryIO) -> bytes:
    """The moov of a file, b"" where there is none."""
    for offset, size, kind in _top_level(file, os.fstat(file.fileno()).st_size):
        if kind == b"moov":
            return box(kind, _content(file, offset, size))
    return b""


def reserved() -> bytes:
    """Room for the index. Until the recording is finished players skip it."""
    return box(b"free", bytes(INDEX_SIZE - 8))


def index(layout: Layout) -> bytes:
    """Free space and a sidx (8.16.3), `INDEX_SIZE` together: one entry for each fragment, a stream access point where a key
    frame begins one. It saves players from reading the whole file before they know how long it is; a recording that is too
    long for it goes without.

    Never an entry for several fragments: after a seek, FFmpeg's demuxer (Chromium's too) would deliver their packets twice
    and the decoder give up. It is an index of the pictures and touches the first fragment: Chromium disregards others."""
    references = list(_references(layout.fragments))
    if len(references) > (INDEX_SIZE - 48) // 12:
        return reserved()
    start = references[0][1] if references else 0
    ends = [time for _, time, _ in references[1:]] + [round(duration(layout) * VIDEO_RATE)]
    entries = b"".join(
        struct.pack("!III", size, end - time, 0x90000000 if is_key else 0)
        for (size, time, is_key), end in zip(references, ends[: len(references)], strict=True)
    )
    head = struct.pack("!IIIQQHH", 0x01000000, VIDEO_TRACK, VIDEO_RATE, start, 0, 0, len(references))
    sidx = box(b"sidx", head, entries)
    return box(b"free", bytes(INDEX_SIZE - len(sidx) - 8)) + sidx


def _references(fragments: Sequence[Fragment]) -> Iterator[tuple[int, int, bool]]:
    """(bytes, time of the first picture, whether it is a key frame) of each."""
    time = 0
    for each in fragments:
        time = each.times.get(VIDEO_TRACK, (time, 0))[0]
        yield each.size, time, each.starts_with_key


def duration(layout: Layout) -> float:
    """Seconds until the last sample of the longer track ends."""
    ends = [
        (time + length) / (VIDEO_RATE if track == VIDEO_TRACK else SOUND_RATE)
        for each in layout.fragments
        for track, (time, length) in each.times.items()
    ]
    return max(ends, default=0.0)


def scan(file: BinaryIO) -> Layout:
    """Reads the order of boxes, not the media. A last fragment that is cut off is left out. Never raises on bad content:
    what cannot be understood ends the recording."""
    total, position, index_offset = os.fstat(file.fileno()).st_size, 0, None
    fragments: list[Fragment] = []
    moof: tuple[int, Fragment] | None = None
    end = 0
    for offset, size, kind in _top_level(file, total):
        position = offset + size
        if kind == b"free" and index_offset is None:
            index_offset = offset
        if kind == b"moof":
            moof = (offset, parsed) if (parsed := _parse_moof(_content(file, offset, size), offset)) else None
            if moof is None:
                break
            continue
        if kind == b"mdat" and moof is not None:
            fragments.append(moof[1]._replace(size=position - moof[0]))
        moof = None
        end = position
    return Layout(index_offset, fragments, end)


def _top_level(file: BinaryIO, total: int) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + 8 <= total:
        file.seek(position)
        size, kind = struct.unpack("!I4s", file.read(8))
        if size < 8 or position + size > total:
            return
        yield position, size, kind
        position += size


def _content(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset + 8)
    return file.read(min(size - 8, LARGEST_HEAD))


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields (kind, content) of the boxes in `data`; stops at the first that does not fit."""
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from("!I4s", data, position)
        if size < 8 or position + size > len(data):
            return
        yield kind, data[position + 8 : position + size]
        position += size


def _parse_moof(data: bytes, offset: int) -> Fragment | None:
    times: dict[int, tuple[int, int]] = {}
    sequence, starts_with_key = 0, False
    try:
        for kind, content in children(data):
            if kind == b"mfhd":
                sequence = struct.unpack_from("!I", content, 4)[0]
            elif kind == b"traf":
                parts = dict(children(content))
                track = struct.unpack_from("!I", parts[b"tfhd"], 4)[0]
                times[track] = struct.unpack_from("!Q", parts[b"tfdt"], 4)[0], _run_duration(parts[b"trun"])
                starts_with_key |= track == VIDEO_TRACK and struct.unpack_from("!I", parts[b"trun"], 20)[0] == SYNC
    except (struct.error, KeyError):
        return None
    return Fragment(offset, 0, sequence, times, starts_with_key)


def _run_duration(trun: bytes) -> int:
    count = struct.unpack_from("!I", trun, 4)[0]
    if len(trun) < 12 + 12 * count:
        raise struct.error("truncated run")
    return sum(struct.unpack_from("!I", trun, 12 + 12 * i)[0] for i in range(count))

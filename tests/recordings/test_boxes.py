from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import boxes
from recordings.boxes import SOUND_TRACK, VIDEO_TRACK, Run
from recordings.cmaf import finish


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    with (tmp_path / "f").open("w+b") as opened:
        yield opened


def fragments(count: int, *, every: int = 4) -> list[bytes]:
    """Half a second each, a key frame at the start of every fourth."""
    return [
        boxes.fragment(
            n + 1,
            [
                Run(VIDEO_TRACK, n * 45_000, [(45_000, b"p" * 50, n % every == 0)]),
                Run(SOUND_TRACK, n * 24_000, [(12_000, b"s" * 5, True)] * 2),
            ],
        )
        for n in range(count)
    ]


def scanned(file: BinaryIO, data: bytes) -> boxes.Layout:
    file.write(data)
    file.flush()
    return boxes.scan(file)


def test_what_is_written_is_read_again(file: BinaryIO) -> None:
    parts = fragments(6)
    head = boxes.box(b"ftyp", b"iso6") + boxes.box(b"moov")
    layout = scanned(file, head + boxes.reserved() + b"".join(parts))
    assert layout.index_offset == len(head)
    assert [each.size for each in layout.fragments] == [len(part) for part in parts]
    assert layout.fragments[5].times == {VIDEO_TRACK: (225_000, 45_000), SOUND_TRACK: (120_000, 24_000)}
    assert [each.starts_with_key for each in layout.fragments] == [True, False, False, False, True, False]
    assert boxes.duration(layout) == 3.0


def test_a_fragment_cut_off_anywhere_is_left_out(tmp_path: Path) -> None:
    whole, last = boxes.reserved() + b"".join(fragments(2)), fragments(3)[2]
    path = tmp_path / "cut"
    for cut in range(0, len(last), 5):
        path.write_bytes(whole + last[:cut])
        with path.open("rb") as file:
            layout = boxes.scan(file)
        assert (len(layout.fragments), layout.end) == (2, len(whole))


@pytest.mark.parametrize("count", [1, 7, 9_000])
def test_the_index_covers_all_and_has_its_fixed_size(file: BinaryIO, count: int) -> None:
    """9,000 fragments: an hour and a quarter with a key frame each second and a half. One entry each: where one covered
    several, demuxers delivered packets twice after a seek."""
    layout = scanned(file, boxes.reserved() + b"".join(fragments(count, every=3)))
    made = boxes.index(layout)
    assert len(made) == boxes.INDEX_SIZE
    (_, _), (kind, sidx) = boxes.children(made)
    assert kind == b"sidx"
    entries = [sidx[i : i + 12] for i in range(32, len(sidx), 12)]
    assert int.from_bytes(sidx[30:32], "big") == len(entries)
    assert sum(int.from_bytes(e[:4], "big") for e in entries) == layout.end - boxes.INDEX_SIZE
    assert sum(int.from_bytes(e[4:8], "big") for e in entries) == count * 45_000
    assert [e[8:] for e in entries] == [b"\x90\0\0\0" if n % 3 == 0 else bytes(4) for n in range(count)]


def test_a_recording_too_long_for_the_index_has_none_rather_than_a_coarse_one(file: BinaryIO) -> None:
    layout = scanned(file, boxes.reserved() + b"".join(fragments(22_000)))
    assert boxes.index(layout) == boxes.reserved()


def test_an_index_that_does_not_fit_the_room_kept_for_it_overwrites_no_media(file: BinaryIO) -> None:
    data = boxes.box(b"free", bytes(1000)) + b"".join(fragments(4))
    file.write(data)
    file.flush()
    assert finish(file) == 2.0
    file.seek(0)
    assert file.read() == data


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=8))
def test_any_file_is_scanned_without_a_crash(junk: bytes, position: int, patch: bytes) -> None:
    data = bytearray(b"".join(fragments(2)))
    data[position : position + len(patch)] = patch
    for content in (junk, bytes(data), junk + bytes(data)):
        with tempfile.TemporaryFile() as file:
            layout = scanned(file, content)
        assert 0 <= layout.end <= len(content)
        assert all(each.offset + each.size <= len(content) for each in layout.fragments)


def test_no_samples_no_run() -> None:
    with tempfile.TemporaryFile() as file:
        layout = scanned(file, boxes.fragment(1, [Run(VIDEO_TRACK, 0, []), Run(SOUND_TRACK, 0, [(960, b"s", True)])]))
    assert layout.fragments[0].times == {SOUND_TRACK: (0, 960)}

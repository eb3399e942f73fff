"""VP8's payload descriptor."""

from __future__ import annotations

import pytest

from live.codecs.vp8 import picture_ids, starts_key_frame


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x10\x00\x00\x00", True),  # first partition, key frame
        (b"\x10\x01\x00\x00", False),  # interframe
        (b"\x00\x00\x00\x00", False),  # not the start of a partition
        (b"\x11\x00\x00\x00", False),  # a later partition
        (b"\x90\x80\x81\x02\x00", True),  # with a picture id of 15 bits
        (b"\x90\x80", False),
        (b"\x10", False),
        (b"", False),
    ],
)
def test_it_starts_with_the_first_partition_of_a_key_frame(payload: bytes, expected: bool) -> None:
    assert starts_key_frame(payload) is expected


def test_ids_are_found() -> None:
    assert picture_ids(b"\x90\x80\x05\x00") == (5, 2, False, -1, -1, 3)
    assert picture_ids(b"\x90\xf0\x81\x02\x09\x20\x00") == (258, 2, True, 9, 4, 6)
    assert picture_ids(b"\x10\x00") == (-1, -1, False, -1, -1, 1)

"""Dependency descriptors: read, and going on over a switch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs.dependency import parse, shifted

KEY = bytes.fromhex("c0000180011ea85141010c09")  # as Chromium sends it with L1T2, cut off
DELTA = bytes.fromhex("c10002")


def test_what_chromium_sends_is_read() -> None:
    assert parse(KEY) == (True, True, 0, 1, True)
    assert parse(DELTA) == (True, True, 1, 2, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x80\x00\x01\x80\x00", True),
        (b"\x80\x00\x01\x40\x00", False),  # decode targets only
        (b"\x80\x00\x01", False),
    ],
)
def test_a_template_structure_is_noticed(value: bytes, expected: bool) -> None:
    assert parse(value).has_structure is expected


def test_one_that_is_too_short_is_a_value_error() -> None:
    for length in range(3):
        with pytest.raises(ValueError, match="too short"):
            parse(KEY[:length])
        assert shifted(KEY[:length], 7) == KEY[:length]


@given(st.binary(min_size=3, max_size=40), st.integers(-70_000, 70_000))
def test_shifting_changes_the_number_alone(value: bytes, shift: int) -> None:
    out = shifted(value, shift)
    assert (out[0], out[3:]) == (value[0], value[3:])
    assert parse(out).frame_number == (parse(value).frame_number + shift) % 65536
    assert shifted(out, -shift) == value

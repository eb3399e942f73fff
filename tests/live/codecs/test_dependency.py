"""Dependency descriptors: read, and going on over a switch."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs.dependency import FrameContinuity, parse, shifted, starts_key_frame

KEY = bytes.fromhex("c0000180011ea85141010c09")  # as Chromium sends it with L1T2, cut off
DELTA = bytes.fromhex("c10002")


def test_what_chromium_sends_is_read() -> None:
    assert parse(KEY) == (True, True, 0, 1, True) and starts_key_frame(KEY)
    assert parse(DELTA) == (True, True, 1, 2, False) and not starts_key_frame(DELTA)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x80\x00\x01\x80\x00", True),
        (b"\x40\x00\x01\x80\x00", False),  # not the frame's first packet
        (b"\x80\x00\x01\x40\x00", False),  # decode targets only
        (b"\x80\x00\x01", False),
        (b"\x80", False),
        (b"", False),
    ],
)
def test_a_key_frame_has_a_template_structure_in_its_first_packet(value: bytes, expected: bool) -> None:
    assert starts_key_frame(value) is expected


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


def descriptor(number: int) -> bytes:
    return bytes([0xC0, number >> 8 & 255, number & 255])


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(1, 20)), min_size=1, max_size=20))
def test_frame_numbers_go_on_over_any_switches(sources: list[tuple[int, int]]) -> None:
    continuity = FrameContinuity()
    out: list[int] = []
    for first, count in sources:
        continuity.switch(descriptor(first))
        for number in range(first, first + count):
            for _ in range(2):  # a frame's packets have one number
                value = continuity.rewrite(descriptor(number), newest=True)
            out.append(parse(value).frame_number)
    assert all((b - a) % 65536 == 1 for a, b in itertools.pairwise(out))


def test_a_late_packet_does_not_set_the_number_back() -> None:
    continuity = FrameContinuity()
    for number, newest in ((5, True), (6, True), (5, False)):
        continuity.rewrite(descriptor(number), newest=newest)
    continuity.switch(descriptor(900))
    assert parse(continuity.rewrite(descriptor(900), newest=True)).frame_number == 7

"""Where key frames start, and VP8's picture ids over a switch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs import Vp8Continuity, starts_key_frame, vp8_descriptor


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x67\x42\xe0\x1f", True),  # SPS alone
        (b"\x78\x00\x04\x67\x42\xe0\x1f\x00\x02\x68\xce", True),  # STAP-A: SPS, PPS
        (b"\x78\x00\x02\x09\xf0\x00\x04\x67\x42\xe0\x1f", True),  # STAP-A: delimiter, SPS
        (b"\x7c\x87\x42", True),  # FU-A that starts an SPS
        (b"\x7c\x07\x42", False),  # FU-A in the middle of one
        (b"\x65\x88", False),  # IDR without parameter sets: nobody could decode it
        (b"\x61\x9a", False),  # not a key frame
        (b"\x78\x00", False),  # STAP-A cut short
        (b"\x7c", False),
        (b"", False),
    ],
)
def test_h264_starts_with_parameter_sets(payload: bytes, expected: bool) -> None:
    assert starts_key_frame("H264", payload) is expected


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
def test_vp8_starts_with_the_first_partition_of_a_key_frame(payload: bytes, expected: bool) -> None:
    assert starts_key_frame("VP8", payload) is expected


@given(st.sampled_from(["H264", "VP8", "opus"]), st.binary(max_size=40))
def test_no_payload_does_harm(codec: str, payload: bytes) -> None:
    starts_key_frame(codec, payload)  # type: ignore[arg-type]
    continuity = Vp8Continuity()
    continuity.switch(payload)
    assert len(continuity.rewrite(payload, newest=True)) == len(payload)


def vp8(picture_id: int, tl0: int) -> bytes:
    return bytes([0x90, 0xC0, 0x80 | picture_id >> 8, picture_id & 255, tl0, 0])


def test_picture_ids_go_on_over_a_switch() -> None:
    continuity = Vp8Continuity()
    for picture_id in (0x7FFE, 0x7FFF):
        continuity.rewrite(vp8(picture_id, 255), newest=True)
    continuity.switch(vp8(900, 17))
    out = [vp8_descriptor(continuity.rewrite(vp8(900 + n, 17 + n), newest=True)) for n in range(2)]
    assert [(d.picture_id, d.tl0) for d in out if d] == [(0, 0), (1, 1)]

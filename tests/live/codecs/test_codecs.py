"""What is asked of any codec."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from live.codecs import CLOCK, Codec, Shift, picture_ids, starts_key_frame
from live.codecs.continuity import shifted

codecs = st.sampled_from(get_args(Codec))


@given(codecs, st.binary(max_size=60))
def test_no_payload_does_harm(codec: Codec, payload: bytes) -> None:
    starts_key_frame(codec, payload)
    ids = picture_ids(codec, payload)
    if ids is not None:
        assert 0 < ids.length <= len(payload)
        assert len(shifted(payload, ids, Shift(1, 1))) == len(payload)


@given(st.sampled_from(["H264", "VP8", "VP9", "AV1"]), st.integers(0, 255), st.integers(1, 255))
def test_padding_is_no_key_frame(codec: Codec, last: int, length: int) -> None:
    """Chromium probes with packets of nothing else: zeros, and how many."""
    assert not starts_key_frame(codec, bytes(length - 1) + bytes([length]))


def test_every_codec_has_a_clock_and_sound_begins_anywhere() -> None:
    assert set(CLOCK) == set(get_args(Codec))
    assert starts_key_frame("opus", b"\x78")


def test_ids_are_found_where_the_codec_has_them() -> None:
    assert picture_ids("VP8", b"\x90\x80\x05\x00") and picture_ids("VP9", b"\x80\x05\x00")
    assert all(picture_ids(codec, b"\x90\x80\x05\x00") is None for codec in get_args(Codec) if codec[:2] != "VP")

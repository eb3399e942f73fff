"""Picture ids shifted, in every width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs import Codec, PictureIds, picture_ids
from live.codecs.continuity import Shift, shifted


def vp8(picture_id: int, tl0: int, *, long: bool = True) -> bytes:
    ids = [0x80 | picture_id >> 8 & 127, picture_id & 255] if long else [picture_id & 127]
    return bytes([0x90, 0xC0, *ids, tl0 & 255, 0])


def vp9(picture_id: int, tl0: int, *, long: bool = True) -> bytes:
    ids = [0x80 | picture_id >> 8 & 127, picture_id & 255] if long else [picture_id & 127]
    return bytes([0xA8, *ids, 0, tl0 & 255, 0x82])


codecs: st.SearchStrategy[Codec] = st.sampled_from(["VP8", "VP9"])
shifts = st.builds(Shift, st.integers(-0x8000, 0x8000), st.integers(-256, 256))


def ids_of(codec: Codec, payload: bytes) -> PictureIds:
    found = picture_ids(codec, payload)
    assert found
    return found


@given(codecs, st.integers(0, 0x7FFF), st.integers(0, 255), st.booleans(), shifts)
def test_ids_are_shifted_within_their_width_and_nothing_else_is(
    codec: Codec, picture_id: int, tl0: int, long: bool, shift: Shift
) -> None:
    payload = (vp8 if codec == "VP8" else vp9)(picture_id, tl0, long=long)
    before = ids_of(codec, payload)
    out = shifted(payload, before, shift)
    after = ids_of(codec, out)
    assert after.picture_id == (before.picture_id + shift.picture) % (0x8000 if long else 0x80)
    assert after.tl0 == (before.tl0 + shift.tl0) % 256
    assert after[1:3] == before[1:3] and after.length == before.length
    assert shifted(out, after, Shift(-shift.picture, -shift.tl0)) == payload


@pytest.mark.parametrize(
    ("codec", "payload"),
    [("VP8", b"\x10\x00"), ("VP8", b"\x90\x20\x05\x00"), ("VP9", b"\x08\x82"), ("VP9", b"\x30\x02\x82")],
)
def test_a_payload_without_ids_stays_as_it_is(codec: Codec, payload: bytes) -> None:
    assert shifted(payload, ids_of(codec, payload), Shift(5, 7)) == payload


def test_no_shift_leaves_the_very_same_bytes() -> None:
    payload = vp8(1, 1)
    assert shifted(payload, ids_of("VP8", payload), Shift()) is payload

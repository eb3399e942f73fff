"""Picture ids over switches, in every width."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from live.codecs import picture_continuity, picture_ids
from live.codecs.continuity import Continuity, Shift, shifted


def vp8(picture_id: int, tl0: int, *, long: bool = True) -> bytes:
    ids = [0x80 | picture_id >> 8 & 127, picture_id & 255] if long else [picture_id & 127]
    return bytes([0x90, 0xC0, *ids, tl0 & 255, 0])


def vp9(picture_id: int, tl0: int, *, long: bool = True) -> bytes:
    ids = [0x80 | picture_id >> 8 & 127, picture_id & 255] if long else [picture_id & 127]
    return bytes([0xA8, *ids, 0, tl0 & 255, 0x82])


MAKERS = {"VP8": vp8, "VP9": vp9}
codecs = st.sampled_from(["VP8", "VP9"])


def continuity_of(codec: str) -> Continuity:
    found = picture_continuity(codec)  # type: ignore[arg-type]
    assert found
    return found


def ids_of(codec: str, payload: bytes) -> tuple[int, int]:
    found = picture_ids(codec, payload)  # type: ignore[arg-type]
    assert found
    return found.picture_id, found.tl0


@given(
    codecs, st.booleans(), st.lists(st.tuples(st.integers(0, 0x7FFF), st.integers(0, 255), st.integers(1, 9)), min_size=1)
)
def test_ids_go_on_over_any_switches(codec: str, long: bool, sources: list[tuple[int, int, int]]) -> None:
    make, continuity = MAKERS[codec], continuity_of(codec)
    out = []
    for picture_id, tl0, count in sources:
        continuity.switch(make(picture_id, tl0, long=long))
        for n in range(count):
            payload = make(picture_id + n, tl0 + n, long=long)
            rewritten = continuity.rewrite(payload, newest=True)
            assert len(rewritten) == len(payload) and rewritten[-1] == payload[-1]
            out.append(ids_of(codec, rewritten))
    modulus = 0x8000 if long else 0x80
    assert all((b[0] - a[0]) % modulus == 1 and (b[1] - a[1]) % 256 == 1 for a, b in itertools.pairwise(out))


@given(codecs)
def test_a_late_packet_does_not_set_the_ids_back(codec: str) -> None:
    make, continuity = MAKERS[codec], continuity_of(codec)
    for n, newest in ((5, True), (6, True), (5, False)):
        continuity.rewrite(make(n, n), newest=newest)
    continuity.switch(make(900, 90))
    assert ids_of(codec, continuity.rewrite(make(900, 90), newest=True)) == (7, 7)


@given(codecs)
def test_a_source_of_seven_bits_after_one_of_fifteen(codec: str) -> None:
    """Its field stays as wide as it is: the id goes on in the bits that there are."""
    make, continuity = MAKERS[codec], continuity_of(codec)
    continuity.rewrite(make(0x1234, 1), newest=True)
    continuity.switch(make(77, 1, long=False))
    assert ids_of(codec, continuity.rewrite(make(77, 1, long=False), newest=True)) == (0x35, 2)


@given(codecs)
def test_a_source_without_ids_leaves_them_for_the_next(codec: str) -> None:
    make, continuity = MAKERS[codec], continuity_of(codec)
    plain = b"\x10\x00" if codec == "VP8" else b"\x08\x82"
    continuity.rewrite(make(41, 3), newest=True)
    continuity.switch(plain)
    assert continuity.rewrite(plain, newest=True) == plain
    continuity.switch(make(900, 90))
    assert ids_of(codec, continuity.rewrite(make(900, 90), newest=True)) == (42, 4)


def test_no_shift_leaves_the_very_same_bytes() -> None:
    payload = vp8(1, 1)
    ids = picture_ids("VP8", payload)
    assert ids and shifted(payload, ids, Shift()) is payload

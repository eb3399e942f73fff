"""What a room's viewers can decode between them, as they come and go."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.agreement import Receiving, common_codecs
from live.answer import offers_better, plan
from live.codecs import Codec
from live.repertoire import COMMON, Repertoire, lacking
from tests.live.test_answer import SENDS, WIDE_STAGE
from tests.live.test_sdp import FIREFOX, GSTREAMER, SIMULCAST


def slots(*codecs: Codec) -> tuple[Receiving, ...]:
    """A viewer's: one for pictures, one for sound."""
    return (
        Receiving("0", "video0", dict(zip(codecs, range(96, 127), strict=False))),
        Receiving("1", "audio0", {"opus": 111}),
    )


@pytest.mark.parametrize(
    ("viewers", "taps", "expected"),
    [
        ([], (), ("H264", "VP8")),
        ([slots("H264", "VP8", "VP9")], (), ("H264", "VP8")),
        ([slots("H264", "VP8"), slots("VP8", "AV1")], (), ("VP8",)),
        ([slots("H264"), slots("VP8")], (), ()),
        ([slots("VP9", "AV1")], (), ()),  # no WebRTC client: nobody changes codec for it
        ([slots("H264", "VP8")[1:]], (), ("H264", "VP8")),  # it only listens
        ([slots("H264", "VP8")], ("H264",), ("H264",)),
        ([slots("VP8")], ("H264",), ()),  # what is recorded goes before what one viewer is shown
        ([], ("H264", "VP8"), ()),
    ],
)
def test_what_all_can_decode(
    viewers: list[tuple[Receiving, ...]], taps: tuple[str, ...], expected: tuple[Codec, ...]
) -> None:
    repertoire = Repertoire()
    for viewer in viewers:
        repertoire.add(viewer)
    assert repertoire.common(taps) == expected


def test_who_leaves_no_longer_counts() -> None:
    repertoire = Repertoire()
    for _ in range(2):
        repertoire.add(slots("VP8"))
    repertoire.remove(slots("VP8"))
    assert repertoire.common() == ("VP8",)
    repertoire.remove(slots("VP8"))
    assert repertoire.common() == ("H264", "VP8")


def test_who_comes_and_goes_changes_the_codec_once() -> None:
    repertoire = Repertoire()
    repertoire.add(slots("VP8"))
    repertoire.hold()
    repertoire.remove(slots("VP8"))
    assert repertoire.common() == ("VP8",)


codecs: st.SearchStrategy[Codec] = st.sampled_from(("H264", "VP8", "VP9", "AV1"))
viewers = st.lists(st.sets(codecs, min_size=1).map(lambda found: slots(*found)))


@given(viewers, viewers)
def test_counting_comes_to_the_same_as_asking_everybody(
    stay: list[tuple[Receiving, ...]], go: list[tuple[Receiving, ...]]
) -> None:
    repertoire = Repertoire()
    for viewer in stay + go:
        repertoire.add(viewer)
    for viewer in go:
        repertoire.remove(viewer)
    asked: Iterable[Receiving] = (each for viewer in stay for each in viewer)
    assert repertoire.common() == tuple(codec for codec in common_codecs(asked) if codec in COMMON)


def test_firefox_before_its_plugin_lacks_h264() -> None:
    assert lacking(plan(FIREFOX, WIDE_STAGE, may_send=False, may_receive=True).receivings) == ("H264",)
    assert lacking(plan(SIMULCAST, WIDE_STAGE, may_send=False, may_receive=True).receivings) == ()


def test_a_publisher_that_could_send_what_all_can_decode_is_known() -> None:
    page = plan(SIMULCAST, SENDS, may_send=True, may_receive=False)
    assert page.is_page and page.sendings[1].codec == "H264"
    vp8: tuple[Codec, ...] = ("VP8",)
    assert offers_better(page, vp8)
    assert not offers_better(page, ("H264", "VP8"))
    assert not offers_better(page, ())
    encoder = plan(GSTREAMER, None, may_send=True, may_receive=False)  # has nothing but H.264
    assert not encoder.is_page and not offers_better(encoder, vp8)
    microphone = plan(SIMULCAST, {"0": "microphone"}, may_send=True, may_receive=False)
    assert not offers_better(microphone, vp8)

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.cmaf import split
from recordings.frames import LARGEST_PICTURE, Picture, Pictures, Sounds, opus_samples
from recordings.packets import Gap, Packet
from recordings.timeline import SILENCE
from tests.recordings.media import payloads, pictures, sounds

SPS, PPS, IDR, SLICE = b"\x67\x42\0\x1f", b"\x68\xce", b"\x65\x88\x80", b"\x41\x9a\x10"


def packet(payload: bytes, timestamp: int = 0, *, marker: bool = True) -> Packet:
    return Packet(0, timestamp, 1, 96, marker, payload, 0.0)


def made(depayloader: Pictures, items: list[Packet | Gap]) -> list[Picture]:
    return [picture for item in items for picture in depayloader.push(item)]


def key_frame(timestamp: int) -> list[Packet | Gap]:
    return [packet(nal, timestamp, marker=nal is IDR) for nal in (SPS, PPS, IDR)]


def test_what_was_packetised_comes_out_again() -> None:
    units = pictures(640, 360, 10)
    sent: list[Packet | Gap] = [
        packet(payload, n * 3000, marker=payload is parts[-1])
        for n, unit in enumerate(units)
        for parts in [payloads(unit)]
        for payload in parts
    ]
    out = made(Pictures(), sent)
    assert [list(picture.nals) for picture in out] == [split(unit) for unit in units]
    assert [picture.timestamp for picture in out] == [n * 3000 for n in range(10)]
    assert [picture.is_key for picture in out] == [True] + [False] * 9
    assert split(out[0].annex_b) == split(units[0])


def test_nothing_leaves_before_the_first_key_frame() -> None:
    depayloader = Pictures()
    assert made(depayloader, [packet(SLICE, 0)]) == [] and depayloader.wants_key and depayloader.dropped == 1
    assert len(made(depayloader, key_frame(3000))) == 1 and not depayloader.wants_key


def test_after_a_gap_nothing_leaves_until_a_key_frame() -> None:
    depayloader = Pictures()
    out = made(depayloader, [*key_frame(0), Gap(1), packet(SLICE, 3000), packet(SLICE, 6000), *key_frame(9000)])
    assert [picture.timestamp for picture in out] == [0, 9000] and depayloader.dropped == 2


def test_after_a_gap_a_picture_that_is_whole_still_lacks_what_it_refers_to() -> None:
    items = [*key_frame(0), Gap(1), packet(b"\x09\xf0", 3000, marker=False), packet(SLICE, 3000)]
    assert [picture.timestamp for picture in made(Pictures(), items)] == [0]


def test_a_key_frame_whose_beginning_may_be_lost_is_not_trusted() -> None:
    depayloader = Pictures()
    assert len(made(depayloader, [*key_frame(0), Gap(1), packet(IDR, 3000)])) == 1
    assert depayloader.wants_key


def test_a_picture_ends_with_its_timestamp_where_the_marker_is_missing() -> None:
    items = [packet(nal, 0, marker=False) for nal in (SPS, PPS, IDR)]
    assert len(made(Pictures(), [*items, packet(SLICE, 3000)])) == 2


def test_a_key_frame_without_parameter_sets_gets_the_last_ones() -> None:
    (_, second) = made(Pictures(), [*key_frame(0), packet(IDR, 3000)])
    assert second.nals == (SPS, PPS, IDR)


def test_parameter_sets_of_their_own_belong_to_the_next_key_frame() -> None:
    items: list[Packet | Gap] = [packet(SPS, 0, marker=False), packet(PPS, 0), packet(IDR, 3000)]
    (picture,) = made(Pictures(), items)
    assert picture.nals == (SPS, PPS, IDR) and picture.is_key


def test_padding_does_not_end_a_picture() -> None:
    items = [packet(SPS, 0, marker=False), packet(b"", 1, marker=False), packet(PPS, 0, marker=False), packet(IDR, 0)]
    assert len(made(Pictures(), list(items))) == 1


@pytest.mark.parametrize(
    "payload",
    [b"\x78\x00", b"\x78\x00\x09abc", b"\x78\x00\x00", b"\x7c\x85", b"\x7c\x05abc", b"\x7d\x00abc", b"\x60", b"\x7e\x01"],
    ids=["STAP-A short", "STAP-A truncated", "STAP-A empty unit", "FU-A empty", "FU-A no start", "MTAP", "type 0", "30"],
)
def test_a_malformed_payload_costs_its_picture(payload: bytes) -> None:
    depayloader = Pictures()
    items = [*key_frame(0), packet(payload, 3000), packet(SLICE, 6000), *key_frame(9000)]
    assert [picture.timestamp for picture in made(depayloader, items)] == [0, 9000]


def test_a_fragmented_unit_without_its_end_is_no_picture() -> None:
    items = [*key_frame(0), packet(b"\x7c\x81abc", 3000), packet(SLICE, 6000)]
    assert [picture.timestamp for picture in made(Pictures(), items)] == [0]


def test_a_picture_larger_than_any_is_dropped_and_not_kept() -> None:
    depayloader = Pictures()
    made(depayloader, [packet(b"\x7c\x85", 0, marker=False)])
    for _ in range(LARGEST_PICTURE // 60_000 + 2):
        made(depayloader, [packet(b"\x7c\x05" + bytes(60_000), 0, marker=False)])
    assert depayloader._fragments is None and not depayloader._nals
    assert made(depayloader, [packet(b"\x7c\x45x", 0)]) == []


PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda head, rest: head + rest,
        st.sampled_from([b"\x78", b"\x7c\x85", b"\x7c\x05", b"\x7c\x45", SPS, IDR]),
        st.binary(max_size=20),
    ),
)


@given(
    st.lists(
        st.one_of(st.builds(Gap, st.integers(0, 9)), st.builds(packet, PAYLOADS, st.integers(0, 3), marker=st.booleans()))
    )
)
def test_any_payloads_make_whole_pictures_or_none(items: list[Packet | Gap]) -> None:
    depayloader = Pictures()
    first = True
    for picture in made(depayloader, items):
        assert picture.nals and all(picture.nals)
        assert picture.is_key or not first
        first = False


@given(st.lists(st.binary(max_size=1500)))
def test_any_bytes_are_a_sound_of_sane_length_or_dropped(datas: list[bytes]) -> None:
    depayloader = Sounds()
    out = [sound for data in datas for sound in depayloader.push(packet(data))]
    assert all(0 < sound.samples <= 5760 for sound in out)
    assert len(out) + depayloader.dropped == sum(bool(data) for data in datas)


@given(st.binary(min_size=1, max_size=60))
def test_lengths_agree_with_the_opus_decoder(data: bytes) -> None:
    if samples := opus_samples(data):
        codec = av.CodecContext.create("libopus", "r")
        assert isinstance(codec, av.AudioCodecContext)
        codec.sample_rate, codec.layout = 48_000, "stereo"
        try:
            frames = codec.decode(av.Packet(data))
        except av.FFmpegError:
            return  # its rules for padding and code 3 are not checked here
        assert sum(frame.samples for frame in frames) == samples


def test_real_opus_and_ready_made_silence_have_their_lengths() -> None:
    assert {opus_samples(data) for data in sounds(10)} == {960}
    assert [opus_samples(data) for _, data in SILENCE] == [samples for samples, _ in SILENCE]

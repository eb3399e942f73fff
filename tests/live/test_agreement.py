"""What is agreed on one m-line, by the offers of real browsers and by single changes to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.agreement import (
    VIDEO_CODECS,
    Abilities,
    Receiving,
    agree_receiving,
    agree_sending,
    choose,
    common_codecs,
    decodable,
    viewable,
)
from live.codecs import Codec
from live.rtp import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    DEPENDENCY_DESCRIPTOR,
    MID,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
)
from live.sdp import Section, parse_offer

OFFERS = Path(__file__).parent / "offers"
CHROMIUM = parse_offer((OFFERS / "chromium_simulcast.sdp").read_text()).sections
FIREFOX = parse_offer((OFFERS / "firefox_stage.sdp").read_text()).sections
SAFARI = parse_offer((OFFERS / "safari_composed.sdp").read_text()).sections
AV1 = parse_offer((OFFERS / "chromium_av1.sdp").read_text()).sections
EVERYTHING = Abilities()
NOTHING = Abilities(simulcast=False, rtx_in=False, rtx_out=False, transport_cc_in=False, transport_cc_out=False, red=False)
abilities = st.builds(
    Abilities,
    simulcast=st.booleans(),
    rtx_in=st.booleans(),
    rtx_out=st.booleans(),
    transport_cc_in=st.booleans(),
    transport_cc_out=st.booleans(),
    red=st.booleans(),
)
# The m-lines of a stage: 0 microphone, 1 camera, 2 screen, 3 its sound, 4-6 audio, 7-10 video, 11 screen.
CAMERA, AUDIO_SLOT, VIDEO_SLOT = 1, 4, 7


def format_of(section: Section, payload_type: int) -> dict[str, str]:
    return next(codec.parameters for codec in section.codecs if codec.payload_type == payload_type)


# --- codecs ---


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (CHROMIUM[CAMERA], ["H264", "VP8", "VP9", "AV1"]),
        (FIREFOX[CAMERA], ["VP8", "VP9", "AV1"]),  # before it has fetched its H.264 plugin
        (SAFARI[1], ["H264", "VP8", "VP9"]),
        (CHROMIUM[0], ["opus"]),
    ],
)
def test_codecs_are_taken_best_first(section: Section, expected: list[str]) -> None:
    assert [codec for codec, _ in choose(section)] == expected


@pytest.mark.parametrize("section", [CHROMIUM[CAMERA], SAFARI[1]])
def test_h264_is_constrained_baseline_in_mode_1(section: Section) -> None:
    _, offered = choose(section)[0]
    assert offered.parameters["profile-level-id"] == "42e01f" and offered.parameters["packetization-mode"] == "1"


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (("42001f", "42c01f"), "42c01f"),  # constrained baseline, written without its third flag
        (("640c1f", "4d001f"), "4d001f"),
        (("4d001f", "42001f"), "42001f"),
        (("640c1f",), "640c1f"),
    ],
)
def test_of_h264_the_profile_that_most_can_decode_is_taken(offered: tuple[str, ...], taken: str) -> None:
    template = next(codec for codec in SAFARI[1].codecs if codec.name == "H264")
    codecs = tuple(
        replace(template, payload_type=96 + n, format=f"packetization-mode=1;profile-level-id={profile}")
        for n, profile in enumerate(offered)
    )
    ((_, chosen),) = choose(replace(SAFARI[1], codecs=codecs))
    assert chosen.parameters["profile-level-id"] == taken


def test_vp9_and_av1_are_taken_in_profile_0_alone() -> None:
    ten_bits = [c for c in SAFARI[1].codecs if c.name == "VP9" and c.parameters["profile-id"] == "2"]
    assert ten_bits and choose(replace(SAFARI[1], codecs=tuple(ten_bits))) == []
    (professional,) = [replace(c, format="profile=2") for c in AV1[0].codecs if c.name == "AV1"]
    assert choose(replace(AV1[0], codecs=(professional,))) == []


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (None, "H264"),
        (("VP8", "VP9"), "VP8"),
        (("AV1", "VP9"), "VP9"),  # our order, not the caller's
        (("AV1",), "AV1"),
        ((), "H264"),  # nothing suits everybody: rather a picture for some than for nobody
    ],
)
def test_a_publisher_is_held_to_what_the_room_can_decode(allowed: tuple[Codec, ...] | None, expected: str) -> None:
    sending = agree_sending(CHROMIUM[CAMERA], "camera", EVERYTHING, allowed)
    assert sending and sending.codec == expected
    assert sending.rtx_payload_type and format_of(CHROMIUM[CAMERA], sending.rtx_payload_type)["apt"] == str(
        sending.payload_type
    )


def test_sound_is_not_held_to_video_codecs() -> None:
    restriction: tuple[Codec, ...] = ("VP8",)
    sending = agree_sending(CHROMIUM[0], "microphone", EVERYTHING, restriction)
    assert sending and sending.codec == "opus"


def receiving(section: Section, slot: str = "video0", abilities: Abilities = EVERYTHING) -> Receiving:
    found = agree_receiving(section, slot, abilities)
    assert found
    return found


def test_a_room_decodes_what_each_viewer_does() -> None:
    chromium, firefox = receiving(CHROMIUM[VIDEO_SLOT]), receiving(FIREFOX[VIDEO_SLOT])
    assert decodable(chromium, "H264") and not decodable(firefox, "H264") and decodable(firefox, "VP8")
    assert common_codecs([]) == VIDEO_CODECS
    assert common_codecs([chromium, chromium]) == ("H264", "VP8", "VP9", "AV1")
    assert common_codecs([chromium, firefox]) == ("VP8", "VP9", "AV1")
    assert common_codecs([receiving(CHROMIUM[AUDIO_SLOT], "audio0"), firefox]) == ("VP8", "VP9", "AV1")
    assert common_codecs([firefox, replace(chromium, payload_types={"H264": 96})]) == ()


def test_what_a_viewer_can_be_shown_is_noticed_at_its_offer() -> None:
    slot, camera = FIREFOX[VIDEO_SLOT], FIREFOX[CAMERA]
    assert viewable([slot, FIREFOX[AUDIO_SLOT]]) == ("VP8", "VP9", "AV1")
    assert viewable([slot, CHROMIUM[VIDEO_SLOT]]) == ("VP8", "VP9", "AV1")
    assert viewable([FIREFOX[AUDIO_SLOT], camera]) == VIDEO_CODECS  # it only listens, and sends
    unknown = replace(slot, codecs=tuple(replace(codec, name="H265") for codec in slot.codecs))
    assert viewable([slot, unknown]) == ()


# --- retransmission, redundancy ---


def test_each_codec_has_its_own_retransmissions() -> None:
    slot = receiving(CHROMIUM[VIDEO_SLOT])
    assert set(slot.rtx) == set(slot.payload_types.values())
    for payload_type, rtx in slot.rtx.items():
        assert format_of(CHROMIUM[VIDEO_SLOT], rtx) == {"apt": str(payload_type)}


def test_repair_flows_are_known_by_the_source_that_they_repair() -> None:
    sending = agree_sending(FIREFOX[CAMERA], "camera", EVERYTHING)
    assert sending and len(sending.ssrcs) == 3 and set(sending.rtx_ssrcs.values()) == set(sending.ssrcs)
    assert not set(sending.rtx_ssrcs) & set(sending.ssrcs)


def test_a_nonsensical_apt_is_no_retransmission() -> None:
    section = CHROMIUM[CAMERA]
    for apt in ("", "x", "999999", "-1", "²"):
        codecs = tuple(replace(c, format=f"apt={apt}") if c.name == "rtx" else c for c in section.codecs)
        sending = agree_sending(replace(section, codecs=codecs), "camera", EVERYTHING)
        assert sending and sending.rtx_payload_type == 0 and not sending.rtx_ssrcs


def test_red_is_taken_if_it_carries_opus_alone() -> None:
    section = CHROMIUM[0]
    sending = agree_sending(section, "microphone", EVERYTHING)
    assert sending and (sending.payload_type, sending.red_payload_type) == (111, 63)
    for format in ("111/0", "9/9", ""):
        codecs = tuple(replace(c, format=format) if c.name == "red" else c for c in section.codecs)
        sending = agree_sending(replace(section, codecs=codecs), "microphone", EVERYTHING)
        assert sending and sending.red_payload_type == 0


def test_red_of_pictures_is_forward_error_correction_and_not_taken() -> None:
    assert any(codec.name == "red" for codec in CHROMIUM[CAMERA].codecs)
    assert receiving(CHROMIUM[VIDEO_SLOT]).red_payload_type == 0


# --- simulcast ---


@pytest.mark.parametrize("section", [CHROMIUM[CAMERA], FIREFOX[CAMERA], SAFARI[1]])
def test_a_camera_in_three_sizes(section: Section) -> None:
    sending = agree_sending(section, "camera", EVERYTHING)
    assert sending and sending.rids == ("h", "m", "l")
    assert {MID, RID, REPAIRED_RID} <= set(sending.extensions)


@pytest.mark.parametrize(
    ("rids", "simulcast", "expected"),
    [
        ("a=rid:h send\na=rid:m send\na=rid:l send", "send l;~m;h", ("l", "m", "h")),
        ("a=rid:h send\na=rid:m send\na=rid:l send", "recv x send h,m;l", ("h", "l")),
        ("a=rid:h send\na=rid:m send\na=rid:l recv", "send h;m;l", ("h", "m")),
        ("a=rid:h send pt=108,96\na=rid:m send max-width=640;pt=108\na=rid:l send pt=96", "send h;m;l", ("h", "m")),
        ("a=rid:1 send\na=rid:2 send\na=rid:3 send\na=rid:4 send", "send 1;2;3;4", ("1", "2", "3")),
        ("a=rid:h send", "send h;m;l", ()),  # one is left: no simulcast
        ("a=rid:h send\na=rid:h send", "send h;h", ()),
        ("a=rid:h send\na=rid:m send\na=rid:m recv", "send h;m", ("h", "m")),  # of two that are alike the first
        ("a=rid:h send\na=rid:m send", "send", ()),
        ("a=rid:h send\na=rid:m send", "", ()),
        ("a=rid:ö send\na=rid: send\na=rid", "send ö;;", ()),
    ],
)
def test_layers_that_do_not_fit_are_left_out(rids: str, simulcast: str, expected: tuple[str, ...]) -> None:
    text = (OFFERS / "chromium_simulcast.sdp").read_text()
    text = text.replace("a=rid:h send\na=rid:m send\na=rid:l send", rids).replace("send h;m;l", simulcast)
    sending = agree_sending(parse_offer(text).sections[CAMERA], "camera", EVERYTHING)
    assert sending and sending.codec == "H264" and sending.rids == expected


# --- header extensions, feedback ---


def test_extensions_go_by_the_way_of_estimating_bandwidth() -> None:
    whole = agree_sending(CHROMIUM[CAMERA], "camera", EVERYTHING)
    assert whole and whole.feedback == "transport-cc" and TRANSPORT_CC in whole.extensions
    assert ABS_SEND_TIME not in whole.extensions
    less = agree_sending(CHROMIUM[CAMERA], "camera", NOTHING)
    assert less and less.feedback == "goog-remb" and ABS_SEND_TIME in less.extensions
    assert TRANSPORT_CC not in less.extensions


def test_transport_wide_feedback_needs_its_header_extension() -> None:
    without = {uri: number for uri, number in CHROMIUM[VIDEO_SLOT].extensions.items() if uri != TRANSPORT_CC}
    assert receiving(replace(CHROMIUM[VIDEO_SLOT], extensions=without)).feedback == "goog-remb"


def test_a_player_without_any_gets_no_feedback() -> None:
    codecs = tuple(replace(codec, feedback=("nack",)) for codec in CHROMIUM[VIDEO_SLOT].codecs)
    assert receiving(replace(CHROMIUM[VIDEO_SLOT], codecs=codecs)).feedback == ""


def test_dependency_descriptors_are_for_av1() -> None:
    av1 = agree_sending(AV1[0], "camera", EVERYTHING)
    h264 = agree_sending(CHROMIUM[CAMERA], "camera", EVERYTHING)
    assert av1 and DEPENDENCY_DESCRIPTOR in av1.extensions
    assert h264 and DEPENDENCY_DESCRIPTOR not in h264.extensions
    assert DEPENDENCY_DESCRIPTOR in receiving(CHROMIUM[VIDEO_SLOT]).extensions
    assert DEPENDENCY_DESCRIPTOR not in receiving(FIREFOX[VIDEO_SLOT]).extensions  # it offers them /sendonly


def test_levels_are_agreed_both_ways() -> None:
    sending = agree_sending(CHROMIUM[0], "microphone", EVERYTHING)
    assert sending and AUDIO_LEVEL in sending.extensions
    assert AUDIO_LEVEL in receiving(CHROMIUM[AUDIO_SLOT], "audio0").extensions


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=extmap:5 uri:x", {"uri:x": 5}),
        ("a=extmap:255/sendonly uri:x attributes", {"uri:x": 255}),  # two-byte header
        ("a=extmap:5/recvonly uri:x", {}),
        ("a=extmap:5/inactive uri:x", {}),
        ("a=extmap:0 uri:x", {}),
        ("a=extmap:4096 uri:x", {}),  # more than there are ids for: the answerer may pick, and does not
        ("a=extmap:5", {}),
        ("a=extmap:5 uri:x\na=extmap:6 uri:x", {"uri:x": 5}),
    ],
)
def test_ids_and_directions_of_extensions(line: str, expected: dict[str, int]) -> None:
    text = f"v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=sendonly\n{line}\n"
    assert parse_offer(text).sections[0].extensions == expected


def test_what_the_engine_does_not_do_is_not_agreed() -> None:
    camera = agree_sending(CHROMIUM[CAMERA], "camera", NOTHING)
    assert camera and (camera.rids, camera.rtx_payload_type, camera.feedback) == ((), 0, "goog-remb")
    screen = agree_sending(CHROMIUM[2], "screen", NOTHING)
    assert screen and CHROMIUM[2].repairs and not screen.rtx_ssrcs
    slot = receiving(CHROMIUM[VIDEO_SLOT], abilities=NOTHING)
    assert (slot.rtx, slot.feedback) == ({}, "goog-remb")
    assert receiving(CHROMIUM[AUDIO_SLOT], "audio0", NOTHING).red_payload_type == 0


def test_the_wrong_direction_is_not_agreed() -> None:
    assert agree_sending(CHROMIUM[VIDEO_SLOT], "camera", EVERYTHING) is None
    assert agree_receiving(CHROMIUM[CAMERA], "video0", EVERYTHING) is None
    assert agree_receiving(CHROMIUM[VIDEO_SLOT], "", EVERYTHING) is None  # no slot is left


@given(st.sampled_from([*CHROMIUM, *FIREFOX, *SAFARI]), st.sets(st.sampled_from(VIDEO_CODECS)), abilities)
def test_what_is_agreed_was_offered(section: Section, allowed: set[Codec], able: Abilities) -> None:
    offered = {codec.payload_type for codec in section.codecs}
    sending = agree_sending(section, "camera", able, allowed)
    if sending:
        assert {sending.payload_type, sending.rtx_payload_type, sending.red_payload_type} - {0} <= offered
        assert sending.extensions.items() <= section.extensions.items()
    slot = agree_receiving(section, "video0", able)
    if slot:
        assert {*slot.payload_types.values(), *slot.rtx.values(), slot.red_payload_type} - {0} <= offered
        assert slot.extensions.items() <= section.extensions.items()

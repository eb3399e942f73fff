"""Answers to real offers: who may send what, which slots there are, and that clients can read them."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st

from live.answer import Local, Plan, answer_text, plan
from live.control import MediaRefused, Use
from live.sdp import parse_offer
from tests.live.test_sdp import CHROMIUM, GSTREAMER

LOCAL = Local("ufrag", "password-password-password", ":".join(["AB"] * 32), ("1 1 udp 2130706431 127.0.0.1 9 typ host",))
STAGE: dict[str, Use] = {
    "0": "microphone",
    "1": "camera",
    "2": "screen",
    **dict.fromkeys(("3", "4", "5"), "audio"),
    **dict.fromkeys(("6", "7", "8", "9"), "video"),
    "10": "screen_slot",
}


def slot_ssrc(slot: str) -> int:
    return 1000 + sum(slot.encode())


def slot_sources(slot: str) -> tuple[int, int]:
    return slot_ssrc(slot), 10_000 + slot_ssrc(slot)


def answer(agreed: Plan) -> str:
    return answer_text(agreed, LOCAL, slot_sources)


def directions(text: str) -> list[str]:
    return re.findall(r"^a=(sendonly|recvonly|inactive|sendrecv)\r$", text, re.MULTILINE)


def refused(offer: str, uses: dict[str, Use] | None = None, *, may_send: bool = True) -> str:
    with pytest.raises(MediaRefused) as refusal:
        plan(offer, uses, may_send=may_send, may_receive=True)
    assert refusal.value.code == "bad_offer"
    return str(refusal.value)


def test_chromium_on_stage_sends_three_and_gets_every_slot() -> None:
    agreed = plan(CHROMIUM, STAGE, may_send=True, may_receive=True)
    assert [(s.use, s.codec) for s in agreed.sendings] == [("microphone", "opus"), ("camera", "H264"), ("screen", "H264")]
    slots = ["audio0", "audio1", "audio2", "video0", "video1", "video2", "video3", "screen0"]
    assert [receiving.slot for receiving in agreed.receivings] == slots
    assert all(
        list(r.payload_types) == ["H264", "VP8", "VP9", "AV1"] for r in agreed.receivings if r.slot.startswith("video")
    )
    text = answer(agreed)
    assert directions(text) == ["recvonly"] * 3 + ["sendonly"] * 8
    assert text.count("a=setup:passive") == 11 and text.count("a=ice-lite") == 1
    assert f"a=ssrc:{slot_ssrc('video2')} cname:plenum" in text


def test_chromium_publishes_constrained_baseline_in_mode_1() -> None:
    agreed = plan(CHROMIUM, STAGE, may_send=True, may_receive=True)
    section = parse_offer(CHROMIUM).sections[1]
    chosen = next(c for c in section.codecs if c.payload_type == agreed.sendings[1].payload_type)
    assert chosen.parameters["packetization-mode"] == "1" and chosen.parameters["profile-level-id"].startswith("42e0")


def test_who_may_not_send_is_answered_inactive() -> None:
    agreed = plan(CHROMIUM, STAGE, may_send=False, may_receive=True)
    assert not agreed.sendings
    assert directions(answer(agreed)) == ["inactive"] * 3 + ["sendonly"] * 8


def test_who_may_not_receive_is_answered_inactive() -> None:
    agreed = plan(CHROMIUM, STAGE, may_send=True, may_receive=False)
    assert directions(answer(agreed)) == ["recvonly"] * 3 + ["inactive"] * 8


def test_who_may_do_nothing_is_refused() -> None:
    with pytest.raises(MediaRefused):
        plan(CHROMIUM, STAGE, may_send=False, may_receive=False)


def test_gstreamer_is_a_whip_publisher() -> None:
    agreed = plan(GSTREAMER, None, may_send=True, may_receive=False)
    assert [(s.mid, s.use, s.codec) for s in agreed.sendings] == [
        ("video0", "camera", "H264"),
        ("audio1", "microphone", "opus"),
    ]
    assert "a=group:BUNDLE video0 audio1" in answer(agreed)


def test_whep_gets_programme_and_its_sound() -> None:
    offer = GSTREAMER.replace("a=sendonly", "a=recvonly")
    agreed = plan(offer, None, may_send=False, may_receive=True)
    assert [(r.mid, r.slot) for r in agreed.receivings] == [("video0", "programme"), ("audio1", "sound")]


async def test_aiortc_accepts_the_answer() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    agreed = plan(connection.localDescription.sdp, None, may_send=False, may_receive=True)
    await connection.setRemoteDescription(RTCSessionDescription(answer(agreed), "answer"))
    assert [t.currentDirection for t in connection.getTransceivers()] == ["recvonly", "recvonly"]
    await connection.close()


def test_a_publisher_without_h264_publishes_vp8() -> None:
    offer = GSTREAMER.replace("96 H264/90000", "96 VP8/90000")
    assert plan(offer, None, may_send=True, may_receive=False).sendings[0].codec == "VP8"


def test_h264_in_mode_0_alone_is_not_taken() -> None:
    offer = GSTREAMER.replace("packetization-mode=1", "packetization-mode=0")
    agreed = plan(offer, None, may_send=True, may_receive=False)
    assert [sending.use for sending in agreed.sendings] == ["microphone"]


def test_slots_beyond_the_last_are_inactive() -> None:
    uses: dict[str, Use] = {str(n): "video" for n in range(6, 11)}
    agreed = plan(CHROMIUM, uses, may_send=False, may_receive=True)
    assert [r.slot for r in agreed.receivings] == ["video0", "video1", "video2", "video3"]


def test_a_use_of_the_wrong_kind_or_direction_is_inactive() -> None:
    uses: dict[str, Use] = {"0": "camera", "3": "microphone", "4": "video", "6": "video"}
    agreed = plan(CHROMIUM, uses, may_send=True, may_receive=True)
    assert not agreed.sendings and [r.mid for r in agreed.receivings] == ["6"]


def test_what_is_no_sound_or_picture_is_rejected() -> None:
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:data\n"
    agreed = plan(GSTREAMER + data, None, may_send=True, may_receive=False)
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in answer(agreed)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a=setup:actpass", "a=setup:passive", "DTLS client"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:sha-1 ", "fingerprint"),
        ("a=ice-ufrag:", "a=x-ufrag:", "ICE"),
        ("a=rtcp-mux\n", "", "bundled"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "bundled"),
    ],
)
def test_an_offer_without_what_security_needs_is_refused(old: str, new: str, reason: str) -> None:
    assert reason in refused(GSTREAMER.replace(old, new))


def test_an_unknown_mid_is_refused() -> None:
    assert "mid" in refused(GSTREAMER, {"nowhere": "camera"})


def test_nonsense_is_refused() -> None:
    for text in ("", "hello", "v=0\n", "\x00" * 100, "v=0\nm=\n"):
        refused(text)


@given(st.integers(0, len(GSTREAMER) - 1), st.text(max_size=8), st.integers(0, 60))
def test_an_offer_with_any_change_is_answered_or_refused(position: int, text: str, cut: int) -> None:
    try:
        agreed = plan(GSTREAMER[:position] + text + GSTREAMER[position + cut :], None, may_send=True, may_receive=True)
    except MediaRefused as refusal:
        assert refusal.code == "bad_offer"
    else:
        parse_offer(answer(agreed))

"""Answers to real offers: who may send what, which slots there are, and that clients can read them."""

from __future__ import annotations

import re
import time

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st

from live.answer import Abilities, Plan, common_codecs, decodable, plan
from live.answer_text import Local, answer_text
from live.control import MediaRefused, RoomKind, Use
from live.sdp import MAX_LINE, MAX_OFFER, parse_offer
from tests.live.test_sdp import ALL, CHROMIUM, FIREFOX, GSTREAMER, SAFARI, SIMULCAST

LOCAL = Local("ufrag", "password-password-password", ":".join(["AB"] * 32), ("1 1 udp 2130706431 127.0.0.1 9 typ host",))
STAGE: dict[str, Use] = {
    "0": "microphone",
    "1": "camera",
    "2": "screen",
    **dict.fromkeys(("3", "4", "5"), "audio"),
    **dict.fromkeys(("6", "7", "8", "9"), "video"),
    "10": "screen_slot",
}


SENDS: dict[str, Use] = {"0": "microphone", "1": "camera", "2": "screen", "3": "screen_sound"}
WIDE_STAGE: dict[str, Use] = {
    **SENDS,
    **dict.fromkeys(("4", "5", "6"), "audio"),
    **dict.fromkeys(("7", "8", "9", "10"), "video"),
    "11": "screen_slot",
}


def m_lines(text: str) -> list[str]:
    """The answer's m-lines with their attributes."""
    return re.split(r"^(?=m=)", text.replace("\r\n", "\n"), flags=re.MULTILINE)[1:]


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


@pytest.mark.parametrize("offer", [SIMULCAST, FIREFOX])
def test_a_stage_is_answered_line_by_line(offer: str) -> None:
    text = answer(plan(offer, WIDE_STAGE, may_send=True, may_receive=True))
    assert directions(text) == ["recvonly"] * 4 + ["sendonly"] * 8
    microphone, camera, screen, sound, *slots = m_lines(text)
    assert re.findall("a=fmtp:.* (minptime.*)", microphone) == ["minptime=10;useinbandfec=1;usedtx=1"]
    assert re.findall("a=fmtp:.* (minptime.*)", sound) == ["minptime=10;useinbandfec=1;stereo=1"]
    assert "a=rid:h recv\na=rid:m recv\na=rid:l recv\na=simulcast:recv h;m;l\n" in camera
    assert "simulcast" not in screen
    for video in (camera, screen):
        (head,) = re.findall(r"^m=video 9 UDP/TLS/RTP/SAVPF (\d+) (\d+)$", video, re.MULTILINE)
        assert f"a=fmtp:{head[1]} apt={head[0]}\n" in video
        for value in ("nack", "nack pli", "ccm fir", "transport-cc"):
            assert f"a=rtcp-fb:{head[0]} {value}\n" in video
        assert "goog-remb" not in video and "max-fs" not in video
    assert "a=ssrc-group:FID" not in "".join(slots[:3])
    repair = 10_000 + slot_ssrc("video1")
    assert f"a=ssrc-group:FID {slot_ssrc('video1')} {repair}\n" in slots[4] and f"a=ssrc:{repair} cname:" in slots[4]


def test_firefox_is_answered_in_its_own_directions_and_codecs() -> None:
    text = answer(plan(FIREFOX, WIDE_STAGE, may_send=True, may_receive=True))
    microphone, camera, *_ = m_lines(text)
    assert microphone.startswith("m=audio 9 UDP/TLS/RTP/SAVPF 109\n")  # no RED, so nothing has the payload type 0
    assert "a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n" in camera
    assert "H264" not in text and "a=rtpmap:120 VP8/90000\n" in camera
    assert text.count("a=extmap-allow-mixed") == 12  # where it says so: in each m-line


def test_safari_is_answered() -> None:
    uses: dict[str, Use] = {"0": "microphone", "1": "camera", "2": "audio", "3": "programme"}
    agreed = plan(SAFARI, uses, may_send=True, may_receive=True)
    camera = m_lines(answer(agreed))[1]
    assert "a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n" in camera
    assert "a=simulcast:recv h;m;l" in camera and "H265" not in camera
    assert [r.slot for r in agreed.receivings] == ["audio0", "programme"]


def test_firefox_is_a_player() -> None:
    """Its session-wide a=sendrecv does not make a publisher of it."""
    text = "".join(["v=0\n", *re.split(r"(?m)^(?=[a-z]=)", FIREFOX)[2:]])
    session, *lines = re.split(r"(?m)^(?=m=)", text)
    session = re.sub(r"BUNDLE .*", "BUNDLE 4 7", session)
    agreed = plan(session + lines[4].replace("audio 0", "audio 9") + lines[7], None, may_send=True, may_receive=True)
    assert not agreed.sendings and [r.slot for r in agreed.receivings] == ["sound", "programme"]


def test_red_is_sent_by_every_publisher_that_has_it() -> None:
    for offer in (SIMULCAST, SIMULCAST.replace("SAVPF 111 63 ", "SAVPF 63 111 ")):
        microphone = m_lines(answer(plan(offer, SENDS, may_send=True, may_receive=False)))[0]
        assert microphone.startswith("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\n")
        assert "a=fmtp:63 111/111\n" in microphone


def test_a_room_with_a_viewer_without_h264_is_published_to_in_vp8() -> None:
    viewers = plan(FIREFOX, WIDE_STAGE, may_send=False, may_receive=True).receivings
    agreed = plan(SIMULCAST, SENDS, may_send=True, may_receive=False, video_codecs=common_codecs(viewers))
    assert [s.codec for s in agreed.sendings] == ["opus", "VP8", "VP8", "opus"]
    assert all(decodable(r, "VP8") for r in viewers if r.slot.startswith("video"))


def test_what_the_engine_does_not_do_is_not_answered() -> None:
    able = Abilities(simulcast=False, rtx_in=False, rtx_out=False, transport_cc_in=False, transport_cc_out=False, red=False)
    text = answer(plan(SIMULCAST, WIDE_STAGE, may_send=True, may_receive=True, abilities=able))
    for word in ("simulcast", "rid:", "rtx", "FID", "transport-", " red/"):
        assert word not in text
    assert "goog-remb" in text


def test_what_a_publisher_says_of_itself_does_not_come_back() -> None:
    offer = GSTREAMER.replace("packetization-mode=1;", "packetization-mode=1;x-mine=1;sprop-parameter-sets=Z0I=;")
    text = answer(plan(offer, None, may_send=True, may_receive=False))
    assert "mine" not in text and "sprop" not in text and "packetization-mode=1" in text


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x85", "\u2028", "\x00"])
def test_what_might_be_another_line_to_a_reader_is_refused(end: str) -> None:
    assert "form" in refused(GSTREAMER.replace("profile-level-id=42c016", f"profile-level-id=42c016{end}a=evil:1"))


def test_nonsense_is_refused() -> None:
    for text in ("", "hello", "v=0\n", "\x00" * 100, "v=0\nm=\n"):
        refused(text)


@given(st.sampled_from(ALL), st.integers(0, 40_000), st.text(max_size=8), st.integers(0, 60), st.booleans())
def test_an_offer_with_any_change_is_answered_or_refused(
    offer: str, position: int, text: str, cut: int, is_stage: bool
) -> None:
    position %= len(offer)
    uses = STAGE if is_stage else None
    try:
        agreed = plan(offer[:position] + text + offer[position + cut :], uses, may_send=True, may_receive=True)
    except MediaRefused as refusal:
        assert refusal.code == "bad_offer"
    else:
        parse_offer(answer(agreed))


def test_the_worst_offer_is_answered_in_bounded_time() -> None:
    """24 m-lines, all payload types each, and as much of a format as is allowed."""
    codecs = "".join(f"a=rtpmap:{n} H264/90000\na=rtcp-fb:{n} nack\n" for n in range(96, 128))
    lines = "m=video 9 UDP/TLS/RTP/SAVPF " + " ".join(map(str, range(96, 128))) + "\na=rtcp-mux\na=sendonly\n" + codecs
    head = "v=0\na=group:BUNDLE " + " ".join(map(str, range(24))) + "\na=ice-ufrag:abcd\na=ice-pwd:" + "p" * 24 + "\n"
    head += "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\na=setup:actpass\n"
    lines += "a=fmtp:127 " + "packetization-mode=1;" * ((MAX_LINE - 20) // 21) + "\n"
    offer = head + lines * 24
    assert len(offer) < MAX_OFFER
    begun = time.process_time()
    agreed = plan(offer, None, may_send=True, may_receive=True)
    answer(agreed)
    assert {s.payload_type for s in agreed.sendings} == {127}
    assert time.process_time() - begun < 2.0  # CPU of this process; some 100 ms


@pytest.mark.parametrize(("kind", "most"), [("stage", 4), ("circle", 12)])
def test_a_rooms_kind_says_how_many_pictures_there_are(kind: RoomKind, most: int) -> None:
    picture = m_lines(CHROMIUM)[6]
    head = CHROMIUM.replace("\r\n", "\n").partition("m=")[0]
    mids = [str(n) for n in range(14)]
    sections = [re.sub(r"^a=mid:\S+$", f"a=mid:{mid}", picture, flags=re.MULTILINE) for mid in mids]
    offer = re.sub(r"^a=group:BUNDLE.*$", f"a=group:BUNDLE {' '.join(mids)}", head, flags=re.MULTILINE) + "".join(sections)
    agreed = plan(offer, dict.fromkeys(mids, "video"), may_send=True, may_receive=True, kind=kind)
    assert [each.slot for each in agreed.receivings if each.slot] == [f"video{n}" for n in range(most)]

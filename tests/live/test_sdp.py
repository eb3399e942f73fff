"""Reading offers: real ones are understood, no text whatever does harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.sdp import MAX_SECTIONS, parse_offer

OFFERS = Path(__file__).parent / "offers"
CHROMIUM = (OFFERS / "chromium_stage.sdp").read_text()
GSTREAMER = (OFFERS / "gstreamer_whip.sdp").read_text()


def test_chromium_is_understood() -> None:
    offer = parse_offer(CHROMIUM)
    assert [section.kind for section in offer.sections] == ["audio", "video", "video"] + ["audio"] * 3 + ["video"] * 5
    assert offer.bundle == tuple(str(n) for n in range(11))
    camera = offer.sections[1]
    assert camera.direction == "sendonly" and camera.setup == "actpass" and camera.rtcp_mux
    assert len(camera.ssrcs) == 1  # the retransmission flow is not counted
    assert any(codec.name == "H264" and codec.parameters["packetization-mode"] == "1" for codec in camera.codecs)
    assert offer.sections[0].extensions["urn:ietf:params:rtp-hdrext:ssrc-audio-level"] > 0


def test_gstreamer_is_understood() -> None:
    video, audio = parse_offer(GSTREAMER).sections
    assert (video.mid, audio.mid) == ("video0", "audio1")
    assert video.ssrcs == (2814521091,)
    assert audio.codecs[0].name == "OPUS" and audio.codecs[0].channels == 2
    assert video.fingerprints[0][0] == "sha-256"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v=0", "v=1"),
        ("m=video 9 ", "m=video nine "),
        ("m=video 9 ", "m=video 70000 "),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9"),
        ("a=mid:audio1", "a=mid:video0"),
        ("a=mid:video0", "a=mid:vi deo"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H264"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H264/-1"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:ninety-six H264/90000"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 <script>/90000"),
        ("a=ice-ufrag:kq7", "a=ice-ufrag:\x00kq7"),
        ("a=ice-pwd:GZt0", "a=ice-pwd: "),
        ("sha-256 7E:20", "sha-256 7E20"),
        ("a=ssrc:2814521091 msid", "a=ssrc:28145210910 msid"),
        ("t=0 0", "t"),
    ],
)
def test_a_malformed_offer_is_a_value_error(old: str, new: str) -> None:
    assert old in GSTREAMER
    with pytest.raises(ValueError):
        parse_offer(GSTREAMER.replace(old, new))


def test_too_many_sections_are_refused() -> None:
    section = "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:{}\n"
    fine = "v=0\n" + "".join(section.format(n) for n in range(MAX_SECTIONS))
    assert len(parse_offer(fine).sections) == MAX_SECTIONS
    with pytest.raises(ValueError, match="too many"):
        parse_offer(fine + section.format(MAX_SECTIONS))


def test_an_oversized_offer_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="too large"):
        parse_offer("v=0\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\n" * 10_000)


@given(st.text(max_size=300))
def test_any_text_is_an_offer_or_a_value_error(text: str) -> None:
    for candidate in (text, "v=0\n" + text, "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\n" + text):
        try:
            parse_offer(candidate)
        except ValueError:
            continue


@given(st.integers(0, len(GSTREAMER) - 1), st.text(max_size=8), st.integers(0, 30))
def test_a_real_offer_with_any_change_is_an_offer_or_a_value_error(position: int, text: str, cut: int) -> None:
    try:
        parse_offer(GSTREAMER[:position] + text + GSTREAMER[position + cut :])
    except ValueError:
        return

"""Reading offers: real ones are understood, no text whatever does harm."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.sdp import MAX_OFFER, MAX_SECTIONS, parse_offer

OFFERS = Path(__file__).parent / "offers"
CHROMIUM = (OFFERS / "chromium_stage.sdp").read_text()
GSTREAMER = (OFFERS / "gstreamer_whip.sdp").read_text()
SIMULCAST = (OFFERS / "chromium_simulcast.sdp").read_text()
FIREFOX = (OFFERS / "firefox_stage.sdp").read_text()
SAFARI = (OFFERS / "safari_composed.sdp").read_text()  # from the formats; no Safari runs here
ALL = (CHROMIUM, GSTREAMER, SIMULCAST, FIREFOX, SAFARI)


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


def test_firefox_is_understood() -> None:
    offer = parse_offer(FIREFOX)
    assert not offer.extmap_allow_mixed and all(section.extmap_allow_mixed for section in offer.sections)
    # It says sendrecv for the session, and what holds in each m-line.
    assert [section.direction for section in offer.sections] == ["sendonly"] * 4 + ["recvonly"] * 8
    camera = offer.sections[1]
    assert camera.simulcast == ("h", "m", "l") and [rid.id for rid in camera.rids] == ["h", "m", "l"]
    assert len(camera.ssrcs) == 3 and set(camera.repairs.values()) == set(camera.ssrcs)
    assert "sendonly" in camera.extension_directions.values()
    assert all(section.fingerprints for section in offer.sections)  # of the session


def test_chromium_in_three_sizes_is_understood() -> None:
    camera, screen = parse_offer(SIMULCAST).sections[1:3]
    assert camera.simulcast == ("h", "m", "l") and camera.ssrcs == () and camera.repairs == {}
    assert screen.simulcast == () and list(screen.repairs.values()) == list(screen.ssrcs)


def test_m_lines_whose_codecs_are_alike_but_for_one_line_are_told_apart() -> None:
    slot = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 H264/90000\n"
    others = [
        slot.replace(" 96\n", " 96 97\n", 1) + "a=rtpmap:97 VP8/90000\n",
        slot.replace("H264", "VP8"),
        slot + "a=fmtp:96 packetization-mode=1\n",
        slot + "a=rtcp-fb:96 nack\n",
        slot,
    ]
    text = "v=0\n" + "".join(f"{section}a=mid:{mid}\n" for mid, section in enumerate([slot, *others]))
    found = [section.codecs for section in parse_offer(text).sections]
    assert found == [parse_offer("v=0\n" + section).sections[0].codecs for section in (slot, *others)]
    assert len(set(found)) == len(others)


def test_restrictions_of_an_encoding_are_kept() -> None:
    text = "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:h send pt=96,97;max-width=1280; max-fps=30\na=rid:x both\n"
    (rid,) = parse_offer(text).sections[0].rids
    assert (rid.id, rid.direction, rid.payload_types) == ("h", "send", (96, 97))
    assert rid.restrictions == "max-width=1280;max-fps=30"


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
        ("a=mid:video0", "a=mid:video0\na=extmap:many uri:x"),
        ("a=mid:video0", "a=mid:video0\na=extmap:4352 uri:x"),
        ("a=mid:video0", "a=mid:video0\na=ssrc-group:FID 1 4294967296"),
        ("a=mid:video0", "a=mid:video0\na=rid:h send pt=video"),
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


@pytest.mark.parametrize(
    "text",
    [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\n" * 3000,
        "m=x\n" * 10_000,
        "\n" * MAX_OFFER,
        "m=video 9 UDP/TLS/RTP/SAVPF " + "96 " * 40_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=simulcast:send " + ";" * 100_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=simulcast:send " + ",".join(["a"] * 50_000),
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:h send " + ";" * 100_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\n" + "a=ssrc:1 a:b\n" * 5000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=group:BUNDLE" + " 1" * 50_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=fingerprint:sha-256 " + "AB:" * 40_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 " + "/" * 100_000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\na=fmtp:96 " + ";=" * 50_000,
    ],
    ids=lambda text: text[-20:].strip() or "empty lines",
)
def test_what_is_made_to_take_long_does_not(text: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(ValueError):
        parse_offer("v=0\n" + text)
    assert time.process_time() - begun < 1.0  # CPU of this process; some 10 ms


@given(st.text(max_size=300))
def test_any_text_is_an_offer_or_a_value_error(text: str) -> None:
    for candidate in (text, "v=0\n" + text, "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\n" + text):
        try:
            parse_offer(candidate)
        except ValueError:
            continue


@given(st.sampled_from(ALL), st.integers(0, 40_000), st.text(max_size=8), st.integers(0, 30))
def test_a_real_offer_with_any_change_is_an_offer_or_a_value_error(offer: str, position: int, text: str, cut: int) -> None:
    position %= len(offer)
    try:
        parse_offer(offer[:position] + text + offer[position + cut :])
    except ValueError:
        return


attributes = st.sampled_from(
    ["rid", "simulcast", "extmap", "ssrc", "ssrc-group", "rtpmap", "fmtp", "rtcp-fb", "mid", "group", "setup", "ice-ufrag"]
)


@given(st.lists(st.tuples(attributes, st.text(st.characters(codec="ascii"), max_size=30)), max_size=20))
def test_any_attributes_are_an_offer_or_a_value_error(lines: list[tuple[str, str]]) -> None:
    body = "".join(f"a={name}:{value}\n" for name, value in lines)
    try:
        parse_offer("v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\n" + body)
    except ValueError:
        return

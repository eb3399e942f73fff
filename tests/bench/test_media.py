"""The media benchmark: that it offers what it says, and that it runs. No test looks at how long anything takes."""

from __future__ import annotations

import argparse
import shutil
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from bench.media import native, sdp
from bench.media.__main__ import Most, compare, report, summary
from bench.media.contest import Figures
from bench.media.janus import configure
from bench.media.network import client_address, network
from bench.media.publisher import FIRST, LENGTH, PER_FRAME, Stamps, Stream
from bench.media.viewers import Result
from live.answer import plan
from live.codecs import starts_key_frame
from live.rtp import AUDIO_LEVEL, TRANSPORT_CC, parse

LOCAL = sdp.Local("ufrag", "p" * 24, ":".join(["AB"] * 32), "10.200.1.7", 4000)


def test_a_publishers_offer_is_agreed_to_with_everything_a_browser_offers() -> None:
    agreed = plan(sdp.offer(LOCAL, sends=True), {"0": "camera", "1": "microphone"}, may_send=True, may_receive=False)
    video, audio = agreed.sendings
    assert (video.codec, video.payload_type, video.ssrcs) == ("H264", sdp.H264, (sdp.ssrc(sdp.VIDEO),))
    assert audio.extensions[AUDIO_LEVEL] == sdp.EXTENSIONS[AUDIO_LEVEL]


def test_a_viewers_offer_is_agreed_to() -> None:
    agreed = plan(sdp.offer(LOCAL, sends=False), {"0": "video", "1": "audio"}, may_send=False, may_receive=True)
    assert [receiving.slot for receiving in agreed.receivings] == ["video0", "audio0"]


JANUS = """v=0
o=- 1 1 IN IP4 10.199.0.1
s=bench
t=0 0
a=group:BUNDLE 0 1
a=ice-lite
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 10.199.0.1
a=sendonly
a=mid:0
a=rtcp-mux
a=ice-ufrag:xyz1
a=ice-pwd:secret
a=fingerprint:sha-256 CD:EF
a=setup:actpass
a=rtpmap:96 H264/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=ssrc-group:FID 5 6
a=ssrc:5 cname:janus
a=ssrc:6 cname:janus
a=candidate:1 1 udp 2015363327 10.199.0.1 20123 typ host
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=sendonly
a=mid:1
a=rtpmap:111 opus/48000/2
a=ssrc:9 cname:janus
a=end-of-candidates
"""


def test_an_offer_of_janus_is_read() -> None:
    remote = sdp.read(JANUS)
    assert (remote.ufrag, remote.password, remote.setup) == ("xyz1", "secret", "actpass")
    assert (remote.addresses, remote.fingerprints) == ([("10.199.0.1", 20123)], [("sha-256", "CD:EF")])
    assert (remote.ssrcs, remote.payload_types) == ({sdp.VIDEO: 5, sdp.AUDIO: 9}, {sdp.VIDEO: 96, sdp.AUDIO: 111})
    assert remote.extensions == {sdp.VIDEO: {TRANSPORT_CC: 3}, sdp.AUDIO: {}}


def test_the_answer_takes_all_that_janus_sends_and_gives_our_side_of_the_transport() -> None:
    answer = sdp.answer(JANUS, LOCAL)
    remote = sdp.read(answer)
    assert (remote.ufrag, remote.setup, remote.addresses[0], remote.ssrcs) == ("ufrag", "active", ("10.200.1.7", 4000), {})
    assert answer.count("a=recvonly") == 2 and "a=sendonly" not in answer
    assert "a=rtpmap:97 rtx/90000" in answer


def stream(which: int) -> Stream:
    extensions = {which: dict(sdp.EXTENSIONS)}
    return Stream(which, sdp.Remote(payload_types={which: 100 + which}, extensions=extensions))


def test_video_begins_with_a_key_frame_and_every_packet_has_the_length_and_its_number() -> None:
    video = stream(sdp.VIDEO)
    octets = [video.packet(n) for n in range(3 * PER_FRAME)]
    packets = [parse(data) for data in octets]
    assert {len(data) for data in octets} == {LENGTH}
    assert [starts_key_frame("H264", packet.payload) for packet in packets] == [True] + [False] * (3 * PER_FRAME - 1)
    assert [int.from_bytes(packet.payload[-4:], "big") for packet in packets] == list(range(FIRST, FIRST + len(packets)))
    assert [packet.marker for packet in packets[:PER_FRAME]] == [False] * (PER_FRAME - 1) + [True]
    assert len({packet.timestamp for packet in packets}) == 3


def test_a_key_frame_that_is_asked_for_comes_with_the_next_picture() -> None:
    video = stream(sdp.VIDEO)
    for n in range(PER_FRAME + 3):
        video.packet(n)
    video.wants_key = True
    rest = [starts_key_frame("H264", parse(video.packet(n)).payload) for n in range(PER_FRAME)]
    assert rest.index(True) == PER_FRAME - 3


def test_only_extensions_that_were_agreed_on_are_sent() -> None:
    audio = stream(sdp.AUDIO)
    assert {number for number, _ in parse(audio.packet(7)).extensions} == {1, 2, 4}  # no abs-send-time beside transport-cc
    bare = Stream(sdp.AUDIO, sdp.Remote(payload_types={sdp.AUDIO: 111}))
    assert parse(bare.packet(0)).extensions == ()


def test_stamps_are_seen_by_whoever_has_the_file(tmp_path: Path) -> None:
    ours, theirs = Stamps(tmp_path / "stamps"), Stamps(tmp_path / "stamps")
    ours.set_next(sdp.AUDIO, 70_000)
    assert (theirs.next(sdp.AUDIO), theirs.next(sdp.VIDEO)) == (70_000, 0)


def test_janus_gets_one_room_and_no_thread_pool_unless_asked(tmp_path: Path) -> None:
    configure(tmp_path, "10.199.0.1", 0)
    assert "event_loops" not in (tmp_path / "janus.jcfg").read_text()
    assert "room-1:" in (tmp_path / "janus.plugin.videoroom.jcfg").read_text()
    configure(tmp_path, "10.199.0.1", 2)
    assert "event_loops = 2" in (tmp_path / "janus.jcfg").read_text()


def test_clients_have_addresses_of_their_own() -> None:
    assert client_address(IPv4Address("10.200.0.0"), 256 + 1000) == "10.200.4.232"


def figures(name: str, cpu: float, floor: float) -> Figures:
    result = Result(expected=1000, counted=999, repeated=0, strange=0, forwarded=1000, cpu=cpu, p50=0.001, p99=0.01)
    return Figures(name, 150, [result, result], [floor, floor], set_up=0.001, kib=100)


def test_the_last_line_has_ratios_by_round() -> None:
    most = Most()
    for viewers, in_time, in_pictures in ((600, True, False), (1000, True, True), (1000, False, False)):
        most.take(viewers, in_time=in_time, in_pictures=in_pictures)
    told = summary([figures("Plenum", 0.004, 1.0), figures("Janus 1.1.2", 0.008, 1.0)], most)
    assert told == {
        "us_per_packet": 4.0,
        "vs_janus": 0.5,
        "vs_c_floor": 4.0,
        "loss": 0.001,
        "p99_ms": 10.0,
        "max_viewers": 600,
        "max_viewers_in_pictures": 1000,
        "max_viewers_without_loss": 1000,
    }


def test_without_janus_the_last_line_says_so() -> None:
    assert summary([figures("Plenum", 0.004, 2.0)], Most())["vs_janus"] is None
    assert report([figures("Plenum", 0.004, 2.0)]).row_count == 1


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.timeout(300)
def test_two_viewers_on_the_loopback_get_what_the_publisher_sends(tmp_path: Path) -> None:
    options = argparse.Namespace(viewers=[2], rounds=1, seconds=1.0, event_loops=0, no_janus=True, pure=False, both=False)
    with network(use_loopback=True) as net:
        assert net.note == "loopback (asked for)"
        (own,) = compare(net, native.build(tmp_path), tmp_path, options)
    (result,) = own.results
    assert (own.name, own.viewers, result.expected) == ("Plenum", 2, 2 * (300 + 50))
    assert 0 < result.counted <= result.expected  # all of it, on a machine that is not swamped
    assert result.strange == 0
    assert result.forwarded > 0 and result.cpu > 0

"""Anything at all from a peer that is up, without a network or keys: nothing raises, and the figures can be read."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from live import ice
from live.agreement import Receiving, Sending
from live.answer import Plan, plan
from live.control import RoomStatistics
from live.dtls import Certificate
from live.limits import Limits
from live.peer import Peer
from live.peer_statistics import peer_statistics
from live.rtp import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, MID, REPAIRED_RID, RID, TRANSPORT_CC, RtpPacket
from live.srtp import Srtp
from live.switchboard import Switchboard
from live.transport_cc import TransportFeedback
from tests.live.sources import KEY, PAYLOAD_TYPES
from tests.live.test_ice import request
from tests.live.test_rtcp import packets as compound_packets
from tests.live.test_sdp import CHROMIUM

IDS = {MID: 1, RID: 2, REPAIRED_RID: 3, TRANSPORT_CC: 4, AUDIO_LEVEL: 5, DEPENDENCY_DESCRIPTOR: 6}
CAMERA = Sending("0", "camera", "VP8", 96, (7,), IDS, rtx_payload_type=97, rtx_ssrcs={8: 7}, feedback="transport-cc")
LAYERED = Sending("1", "camera", "H264", 102, (), IDS, rtx_payload_type=103, rids=("q", "f"), feedback="transport-cc")
VOICE = Sending("2", "microphone", "opus", 111, (9,), IDS, red_payload_type=63)
SCREEN = Sending("3", "screen", "AV1", 45, (10,), IDS)
RECEIVING = tuple(
    Receiving(
        str(n), slot, dict(PAYLOAD_TYPES), rtx={102: 103}, extensions={TRANSPORT_CC: 4, MID: 1}, feedback="transport-cc"
    )
    for n, slot in enumerate(("video0", "video1", "audio0", "screen0"), 4)
)


class Peers:
    """A room with two peers that are up: a hostile one, and one that watches. No keys: packets are taken as they are."""

    def __init__(self) -> None:
        self.board = Switchboard("room", lambda notification: None)
        agreed = plan(CHROMIUM, {"6": "video"}, may_send=False, may_receive=True)
        self.hostile, self.watching = (self._peer(name, agreed) for name in ("mallory", "bo"))
        self.now = 100.0

    def _peer(self, label: str, agreed: Plan) -> Peer:
        sendings = (CAMERA, LAYERED, VOICE, SCREEN) if label == "mallory" else ()
        agreed = replace(agreed, sendings=sendings, receivings=RECEIVING)
        peer = Peer(
            label, label, self.board, agreed, ice.make_credentials("them"), CERTIFICATE, Limits(), 100.0, nobody, nobody
        )
        outgoing: Any = None
        peer._srtp = Srtp(bytes, bytes, bytes, bytes, outgoing)
        peer.is_up = True
        peer.down.protect = bytes
        peer.down.join(100.0)
        return peer

    def step(self) -> None:
        self.now += 0.1
        self.board.tick(self.now)
        reports = self.board.reports(self.now)
        for peer in (self.hostile, self.watching):
            peer.tick(self.now)
            peer.report(reports, self.now)

    def told(self) -> bytes:
        peers = {peer.id: peer_statistics(peer, self.now) for peer in (self.hostile, self.watching)}
        return msgspec.json.encode(RoomStatistics(self.board.statistics(), peers, {}))


def nobody(*_: Any) -> None:
    """Who is told of a peer's coming and going."""


CERTIFICATE = Certificate.generateCertificate()
ssrcs = st.sampled_from([1, 7, 8, 9, 10, 11, 12, 0xFFFFFFFF])
values = st.binary(max_size=20) | st.sampled_from([b"0", b"1", b"2", b"3", b"q", b"f", b"x", b"\0\0"])
payloads = st.binary(max_size=40) | st.sampled_from([*KEY.values(), b"\x18\xff\xff", b"\x80\xff\xff\xff\x6f", b"\xff" * 9])
rtp_packets = st.builds(
    RtpPacket,
    payload_type=st.sampled_from([45, 63, 96, 97, 102, 103, 111, 0, 127]),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=ssrcs,
    payload=payloads,
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 9), max_size=15).map(tuple),
    extensions=st.lists(st.tuples(st.integers(1, 7), values), max_size=4).map(tuple),
    padding=st.integers(0, 9),
).map(bytes)
feedback = st.builds(
    TransportFeedback,
    sender=ssrcs,
    media=ssrcs,
    base=st.integers(0, 0xFFFF),
    reference=st.integers(0, 0xFFFFFF),
    count=st.integers(0, 255),
    arrivals=st.lists(st.none() | st.integers(0, 0x7FFF), min_size=1, max_size=60).map(tuple),
).map(bytes)
reports = st.lists(compound_packets.map(bytes) | feedback, min_size=1, max_size=3).map(b"".join)
changed = st.tuples(rtp_packets | reports, st.integers(2, 200), st.binary(max_size=4)).map(
    lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + len(each[2]) :]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(rtp_packets | reports | changed | st.none(), max_size=40))
def test_nothing_that_a_peer_sends_raises_or_makes_the_figures_unreadable(packets: list[bytes | None]) -> None:
    room = Peers()
    for packet in packets:
        if packet is None:
            room.step()
        else:
            room.hostile.receive_media(packet, room.now)
    for _ in range(12):
        room.step()
    told = msgspec.json.decode(room.told(), type=RoomStatistics)
    assert set(told.peers) == {"mallory", "bo"}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0x0001, 0x0006, 0x0008, 0x0009, 0x0020, 0x0024, 0x8028, 0x802A]), values), max_size=5
    )
)
def test_no_attributes_whatever_raise_under_a_known_user_name(attributes: list[tuple[int, bytes]]) -> None:
    """The user name is in clear on the network: who has read it gets as far as the parser."""
    known = ice.Credentials("ours", "a-password-of-some-length", "theirs")
    body = request()[20:40] + b"".join(
        struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes
    )
    data = struct.pack("!HHI12s", 1, len(body), 0x2112A442, bytes(12)) + body
    assert ice.check(data, ("192.0.2.1", 5), lambda ufrag: known) is None


def test_only_so_many_packets_a_second_are_read() -> None:
    room = Peers()
    for n in range(6000):
        room.hostile.receive_media(bytes(RtpPacket(111, n, 960 * n, 9, b"\x78voice")), room.now)
    (track,) = room.hostile.tracks
    assert track.reception.packets == Limits().packets and room.hostile.bad == 1000

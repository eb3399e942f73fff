"""What authenticated peers may say, without a network: whatever it is, nothing raises, grows or takes long, and nothing of
it is at the others' cost. The same attacks on a real worker: `test_hostile_worker`."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import ice, rtcp
from live.agreement import Receiving, Sending
from live.answer import Plan, plan
from live.arrivals import KEPT, MAX_TOLD, Arrivals
from live.control import MediaRefused, RoomStatistics
from live.dtls import Certificate
from live.limits import Limits
from live.peer import Peer
from live.reception import MAX_FRESH, Missing
from live.rtp import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, MID, REPAIRED_RID, RID, TRANSPORT_CC, RtpPacket
from live.srtp import Srtp
from live.switchboard import Switchboard
from live.transport_cc import TransportFeedback
from tests.live.sources import KEY, PAYLOAD_TYPES, Publisher
from tests.live.test_ice import request
from tests.live.test_rtcp import packets as compound_packets
from tests.live.test_sdp import CHROMIUM
from tests.live.test_steering import Room

# --- feedback at the others' cost ---


def asks(room: Room, ssrc: int, *commands: int) -> None:
    for command in commands:
        room.viewer.take_full_intra(ssrc, command, room.now)


def test_a_repeated_fir_is_the_same_request() -> None:
    """RFC 5104, 4.3.1.2: a new request has another command number."""
    room, anna = Room(), Publisher("anna")
    room.enter(anna)
    room.run(1)
    ssrc, left = room.board.slots["video0"].ssrc, room.board.key_frame_budget._left
    before = anna.key_frames_asked
    asks(room, ssrc, *[7] * 20)
    assert anna.key_frames_asked == before + 1
    assert room.board.key_frame_budget._left > left - 1.5
    room.run(1)
    asks(room, ssrc, 8)
    assert anna.key_frames_asked == before + 2


def test_a_fir_that_was_refused_may_be_repeated() -> None:
    room, anna = Room(), Publisher("anna")
    room.enter(anna)
    room.run(1)
    asks(room, room.board.slots["video0"].ssrc, *range(1, 20))
    before = anna.key_frames_asked
    room.run(5)
    asks(room, room.board.slots["video0"].ssrc, 19)
    assert anna.key_frames_asked == before + 1


def test_key_frames_that_can_come_of_nothing_cost_the_room_nothing() -> None:
    """Asked for of a sound, of a slot that nobody feeds, of a slot that the viewer has not, of no slot at all."""
    room = Room()
    room.enter(Publisher("anna"))
    room.enter(Publisher("anna", "microphone", "opus"))
    room.run(1)
    left = room.board.key_frame_budget._left
    for name in ("audio0", "video1", "screen0"):
        for _ in range(50):
            room.viewer.take_key_frame_request(room.board.slots[name].ssrc, room.now)
    room.viewer.take_key_frame_request(12345, room.now)
    assert room.board.key_frame_budget._left == left


def test_numbers_that_are_not_kept_cost_the_room_nothing_and_those_that_are_no_more_than_the_budget() -> None:
    room = Room()
    room.enter(Publisher("anna"))
    room.run(3)
    ssrc, sent = room.board.slots["video0"].ssrc, len(room.got)
    known = {packet.sequence for packet in room.got}
    unknown = tuple(number for number in range(65536) if number not in known)
    room.board.resend_budget.take(0, room.now)
    left = room.board.resend_budget._left
    for begin in range(0, len(unknown), 1000):
        room.viewer.take_nack(rtcp.Nack(1, ssrc, unknown[begin : begin + 1000]), room.now)
    assert len(room.got) == sent and room.board.resend_budget._left == left
    room.viewer.take_nack(rtcp.Nack(1, ssrc, tuple(sorted(known)) * 100), room.now)
    assert 0 < len(room.got) - sent <= Limits().resent
    assert room.board.resend_budget._left == left - (len(room.got) - sent)


def test_another_viewers_slot_is_not_resent() -> None:
    room = Room()
    room.enter(Publisher("anna"))
    room.run(1)
    left = room.board.resend_budget._left
    for name in ("video2", "programme"):  # not among the viewer's
        room.viewer.take_nack(rtcp.Nack(1, room.board.slots[name].ssrc, tuple(range(1000))), room.now)
    assert room.viewer.resent == 0 and room.board.resend_budget._left == left


# --- what is said in few octets and costs many steps ---


def test_only_so_many_packets_a_second_are_read() -> None:
    room = Peers()
    for n in range(6000):
        room.hostile.receive_media(bytes(RtpPacket(111, n, 960 * n, 9, b"\x78voice")), room.now)
    (track,) = room.hostile.tracks
    assert track.reception.packets == Limits().packets and room.hostile.bad == 1000


def test_a_datagram_that_names_too_much_is_not_read() -> None:
    """Every packet that feedback names is work: 24 octets of it may name 2,048, and there is room for 79 such in one."""
    everything_lost = struct.pack("!BBHIIHHI", 0x8F, 205, 5, 1, 2, 0, 2048, 0) + struct.pack("!HH", 0x1FFF & 2048, 0)
    assert isinstance(rtcp.parse(everything_lost)[0], TransportFeedback)
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(everything_lost * 2)
    all_numbers = rtcp.Nack(1, 2, tuple(range(0, 17 * 60)))
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(bytes(all_numbers) * 3)
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(bytes(rtcp.PictureLoss(1, 2)) * (rtcp.MAX_PACKETS + 1))
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(b"\x80\xcc\x00\x00" * 400)  # of no known type


def test_a_publisher_that_skips_numbers_is_not_told_of_them_all() -> None:
    arrivals = Arrivals(1, 2)
    sequence = told = feedbacks = 0
    for packet in range(3000):  # 300 ms
        sequence = sequence + 2047 & 0xFFFF
        if arrivals.arrived(sequence, packet / 10_000):
            for feedback in arrivals.feedback(packet / 10_000):
                feedbacks += 1
                told += len(feedback.arrivals)
    assert feedbacks <= 8 * (KEPT // MAX_TOLD + 2) and told <= 8 * (KEPT + MAX_TOLD)


def test_a_publisher_that_skips_numbers_is_not_asked_for_them_all() -> None:
    missing, newest, outages = Missing(), 0, 0
    for n in range(1000):
        outages += missing.note(newest + 1, newest + 99, 1 + n / 1000) is None
        newest += 99
        assert len(missing) <= 2 * MAX_FRESH
    assert outages > 980


# --- what an offer puts into every packet ---


def test_a_long_mid_is_in_no_packet() -> None:
    """A mid of 256 octets once made the packets of everybody in the room unsendable."""
    longer = CHROMIUM.replace("a=mid:6\n", f"a=mid:{'m' * 40}\n").replace(" 6 ", f" {'m' * 40} ")
    assert longer.count("m" * 40) == 2
    agreed = plan(longer, {"m" * 40: "video", "7": "video"}, may_send=False, may_receive=True)
    assert [MID in receiving.extensions for receiving in agreed.receivings] == [False, True]
    with pytest.raises(MediaRefused, match="mid is no token"):
        plan(longer.replace("m" * 40, "m" * 65), None, may_send=False, may_receive=True)


# --- what somebody on the way may add to a check ---


def test_nothing_after_the_integrity_counts() -> None:
    """The fingerprint is no secret: who has seen a check could have it nominate an address (RFC 8489, 14.5)."""
    known = ice.Credentials("ours", "a-password-of-some-length", "theirs")
    check = request(nominate=False)[:-8] + struct.pack("!HH", 0x0025, 0)  # USE-CANDIDATE
    check = check[:2] + struct.pack("!H", len(check) - 20 + 8) + check[4:]
    check += struct.pack("!HHI", 0x8028, 4, zlib.crc32(check) ^ 0x5354554E)
    found = ice.check(check, ("192.0.2.1", 5), lambda ufrag: known)
    assert found is not None and found.succeeded and not found.nominates


# --- anything at all, from a peer that is up ---

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
        peers = {peer.id: peer.statistics(self.now) for peer in (self.hostile, self.watching)}
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

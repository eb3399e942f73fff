"""A slot is one continuous stream for every viewer, whoever feeds it."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import rtcp
from live.agreement import Receiving
from live.codecs import Codec, picture_ids
from live.downlink import Downlink
from live.limits import Limits
from live.rtp import ABS_SEND_TIME, TRANSPORT_CC
from live.rung import ntp_seconds, ntp_timestamp
from live.slot import Slot
from live.srtp import Srtp
from live.switchboard import Switchboard
from tests.live.sources import Publisher, Receiver


def joined(slot: Slot, *viewers: Receiver) -> Slot:
    for viewer in viewers:
        slot.join(viewer.outlet(slot), 0.0)
    return slot


def report_of(slot: Slot, viewer: Receiver, now: float, wall: float) -> rtcp.SenderReport | None:
    outlet = slot.outlets[viewer]
    rung = slot.rung_of(outlet)
    return rung.sender_report(outlet.seat.numbers.timestamp, now, wall) if rung and outlet.seat else None


def assert_gap_free(sequences: list[int]) -> None:
    steps = {(later - earlier) & 0xFFFF for earlier, later in pairwise(sequences)}
    assert steps <= {1}, steps


def test_a_stream_begins_with_a_key_frame() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0)
    anna.send(0.1, key=True)
    anna.send(0.2)
    assert [packet.payload[0] & 31 for packet in viewer.packets] == [7, 1]
    assert {packet.ssrc for packet in viewer.packets} == {slot.ssrc}
    assert {packet.payload_type for packet in viewer.packets} == {102}


def test_a_switch_waits_for_the_key_frame_and_asks_for_it() -> None:
    slot, viewer = Slot("video0"), Receiver()
    anna, bo = Publisher("anna"), Publisher("bo", sequence=40_000, timestamp=2**32 - 5)
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    bo.send(0.0)
    bo.send(0.01)
    slot.want(bo.source, 0.1)
    assert bo.key_frames_asked == 1
    anna.send(0.2)
    bo.send(0.2)  # not a key frame: still anna
    seat = slot.outlets[viewer].seat
    assert seat is not None and seat.track is anna.track
    bo.send(0.3, key=True)
    anna.send(0.4)
    bo.send(0.4)
    assert len(viewer.packets) == 4
    assert_gap_free(viewer.sequences)


def test_time_goes_on_by_the_clock_over_a_switch() -> None:
    slot, viewer = Slot("video0"), Receiver()
    anna, bo = Publisher("anna", timestamp=7), Publisher("bo", timestamp=2**31)
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(10.0, key=True)
    slot.want(bo.source, 10.0)
    bo.send(12.0, key=True)
    first, second = viewer.packets
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 2 * 90_000


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["H264", "VP8", "VP9", "AV1"]))
def test_a_thousand_switches_leave_no_gap(seed: int, codec: Codec) -> None:
    chance = random.Random(seed)
    slot, viewer = Slot("video0"), Receiver()
    joined(slot, viewer)
    publishers = [
        Publisher(name, codec=codec, sequence=chance.randrange(65536), timestamp=chance.randrange(2**32))
        for name in ("anna", "bo", "cecilia")
    ]
    now = 0.0
    for _ in range(1000):
        wanted = chance.choice(publishers)
        slot.want(wanted.source, now)
        for _ in range(chance.randrange(4)):
            now += 0.01
            chance.choice(publishers).send(now)
        now += 0.01
        wanted.send(now, key=True)
    assert slot.switches > 500
    assert_gap_free(viewer.sequences)
    times = [packet.timestamp for packet in viewer.packets]
    assert all((later - earlier) & 0xFFFFFFFF < 2**31 for earlier, later in pairwise(times))
    if codec in ("VP8", "VP9"):
        found = [ids for packet in viewer.packets if (ids := picture_ids(codec, packet.payload))]
        assert len(found) == len(viewer.packets)
        for earlier, later in pairwise(found):
            assert (later.picture_id - earlier.picture_id) & 0x7FFF < 0x4000


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=5, max_size=80), st.integers(0, 65535))
def test_reordered_packets_keep_their_place(displacements: list[int], first: int) -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna", sequence=first)
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    packets = [(n, anna.packet()) for n in range(len(displacements))]
    order = sorted(packets, key=lambda item: item[0] + displacements[item[0]])
    for _, packet in order:
        anna.track.receive(packet, 0.1)
    base = viewer.sequences[0]
    assert sorted((s - base) & 0xFFFF for s in viewer.sequences) == list(range(len(displacements) + 1))


def test_a_late_packet_from_before_the_switch_is_dropped() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    joined(slot, viewer).want(anna.source, 0.0)
    late = anna.packet()
    anna.send(0.0, key=True)
    anna.track.receive(late, 0.1)
    anna.send(0.2)
    assert len(viewer.packets) == 2
    assert_gap_free(viewer.sequences)


def test_nobody_sees_their_own_picture_and_their_numbers_have_no_gap() -> None:
    slot, other = Slot("video0"), Receiver("other")
    speaker = Receiver("anna")
    anna, bo = Publisher("anna", owner=speaker), Publisher("bo", sequence=500)
    joined(slot, speaker, other).want(bo.source, 0.0)
    bo.send(0.0, key=True)
    slot.want(anna.source, 0.1)
    for n in range(5):
        anna.send(0.2 + n / 100, key=n == 0)
    slot.want(bo.source, 0.5)
    bo.send(0.6, key=True)
    bo.send(0.7)
    assert len(other.packets) == 8 and len(speaker.packets) == 3
    assert_gap_free(other.sequences)
    assert_gap_free(speaker.sequences)


def test_nobody_hears_their_own_voice_on_another_device() -> None:
    slot, tablet, other = Slot("audio0"), Receiver("anna"), Receiver("bo")
    anna = Publisher("anna", "microphone", "opus")
    joined(slot, tablet, other).want(anna.source, 0.0)
    anna.send(0.0)
    assert not tablet.packets and len(other.packets) == 1


def test_sound_changes_over_at_once_and_marks_it() -> None:
    slot, viewer = Slot("audio0"), Receiver()
    anna, bo = Publisher("anna", "microphone", "opus"), Publisher("bo", "microphone", "opus")
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0)
    slot.want(bo.source, 0.1)
    bo.send(0.1)
    assert len(viewer.packets) == 2 and viewer.packets[1].marker
    assert not bo.asked


def test_a_viewer_without_the_codec_gets_nothing_until_it_can() -> None:
    slot, viewer = Slot("video0"), Receiver()
    vp8, h264 = Publisher("anna", codec="VP8"), Publisher("bo")
    slot.join(viewer.outlet(slot, {"H264": 99}), 0.0)
    slot.want(vp8.source, 0.0)
    vp8.send(0.0, key=True)
    vp8.send(0.1)
    slot.want(h264.source, 0.2)
    h264.send(0.2, key=True)
    h264.send(0.3)
    assert [packet.payload_type for packet in viewer.packets] == [99, 99]
    assert_gap_free(viewer.sequences)


def test_a_joining_viewer_gets_a_key_frame_asked_for() -> None:
    slot, anna = Slot("video0"), Publisher("anna")
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    joined(slot, Receiver())
    assert anna.key_frames_asked == 1


def test_a_nack_is_answered_in_the_viewers_own_numbers() -> None:
    slot, speaker, other = Slot("video0"), Receiver("anna"), Receiver("other")
    anna, bo = Publisher("anna", owner=speaker), Publisher("bo")
    joined(slot, speaker, other).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    anna.send(0.0)
    slot.want(bo.source, 0.1)
    bo.send(0.1, key=True)
    bo.send(0.2)
    for viewer in (speaker, other):
        lost = viewer.packets[-2]
        viewer.packets.clear()
        assert slot.resend(viewer, (lost.sequence,), 1.0) == 1
        assert viewer.packets == [lost]


@pytest.mark.parametrize(
    ("agreed", "answers"),
    [
        ({}, 1),  # the very packet
        ({"extensions": {TRANSPORT_CC: 5}}, 0),
        ({"extensions": {ABS_SEND_TIME: 5}}, 0),
        ({"extensions": {TRANSPORT_CC: 5}, "rtx": {102: 103}}, 1),  # numbers of its own
    ],
)
def test_with_aes_gcm_no_number_goes_out_with_two_contents(agreed: dict[str, Any], answers: int) -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    outlet = viewer.outlet(slot, **agreed)
    outlet.guard_nonces()
    slot.join(outlet, 0.0)
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    (lost,) = viewer.packets
    assert slot.resend(viewer, (lost.sequence,), 1.0) == answers
    again = viewer.packets[1:]
    assert len(again) == answers and all(each == lost or each.ssrc != lost.ssrc for each in again)


@pytest.mark.parametrize(
    ("octets", "may"), [(16 + 12, False), (32 + 12, False), (16 + 14, True)], ids=["gcm", "gcm-256", "cm"]
)
def test_a_viewers_nonces_are_guarded_where_its_profile_is_aes_gcm(octets: int, *, may: bool) -> None:
    board = Switchboard("room", lambda notification: None)
    receiving = Receiving("0", "video0", {"H264": 102}, extensions={TRANSPORT_CC: 5})
    downlink = Downlink(object(), "viewer", board, (receiving,), Limits())
    nothing: Any = None
    downlink.secure(Srtp(bytes, bytes, bytes, bytes, nothing, keying=bytes(octets)))
    assert downlink.outlets["video0"].may_repeat is may


def test_a_nack_for_what_was_never_sent_is_not_answered() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    unknown = tuple((viewer.sequences[0] + n) & 0xFFFF for n in (1, 512, 40_000))
    assert slot.resend(viewer, unknown, 1.0) == 0
    assert slot.resend(Receiver("stranger"), (viewer.sequences[0],), 1.0) == 0


def test_a_viewer_that_cannot_take_more_disturbs_nobody() -> None:
    slot, full, fine, anna = Slot("video0"), Receiver(), Receiver(), Publisher("anna")
    full.is_full = True
    joined(slot, full, fine).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    assert (full.dropped, len(fine.packets)) == (1, 1)


def test_who_left_gets_nothing_more() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    joined(slot, viewer).want(anna.source, 0.0)
    slot.leave(viewer)
    anna.send(0.0, key=True)
    assert not viewer.packets


def test_a_forgotten_source_feeds_nothing() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna")
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(0.0, key=True)
    slot.forget(anna.track, 0.05)
    anna.send(0.1, key=True)
    assert len(viewer.packets) == 1 and anna.track.sinks == ()


def test_a_sender_report_names_one_moment_in_both_clocks() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna", timestamp=1000)
    joined(slot, viewer).want(anna.source, 0.0)
    assert report_of(slot, viewer, 0.0, 100.0) is None
    anna.send(5.0, key=True)
    report = report_of(slot, viewer, 7.0, 1_000_000.0)
    assert report is not None and (report.packets, report.ssrc) == (1, slot.ssrc)
    assert abs(ntp_seconds(report.ntp) - 1_000_000.0) < 1e-6
    assert (report.timestamp - viewer.packets[0].timestamp) & 0xFFFFFFFF == 2 * 90_000


def test_a_sender_report_follows_the_publishers_own() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Publisher("anna", timestamp=1000)
    joined(slot, viewer).want(anna.source, 0.0)
    anna.send(5.0, key=True)
    anna.track.instant = (1_000_000.0, 1000 + 900)  # captured 10 ms after the first picture
    report = report_of(slot, viewer, 7.0, 1_000_001.0)
    assert report is not None
    assert (report.timestamp - viewer.packets[0].timestamp) & 0xFFFFFFFF == 900 + 90_000


@given(st.floats(0, 4e9))
def test_ntp_timestamps_keep_the_instant(wall: float) -> None:
    wall = min(wall, 2_085_978_000.0)  # until the era ends in 2036
    assert abs(ntp_seconds(ntp_timestamp(wall)) - wall) < 1e-3

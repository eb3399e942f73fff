"""Which layer a viewer gets: by tile, by what its network takes, by what it can decode."""

from __future__ import annotations

import pytest

from live.agreement import Feedback, Receiving
from live.allocation import LAST_PATIENCE
from live.downlink import Downlink
from live.estimate import TROUBLED_LOSS
from live.limits import Budget, Limits
from live.rtcp import FullIntra, Nack, Remb, ReportBlock
from live.rtp import TRANSPORT_CC, RtpPacket, parse
from live.steering import LOSSY_FOR, ROOM_FOR_RED, TRIAL
from live.switchboard import Switchboard
from live.transport_cc import TransportFeedback
from tests.live.sources import PAYLOAD_TYPES, Publisher
from tests.live.test_rung import Simulcast

RED = {"video0": 0, "video1": 0, "audio0": 63}  # payload types


class Room:
    """A room with one viewer, whose network is told of by hand; time goes in steps of 100 ms."""

    def __init__(self, feedback: Feedback = "goog-remb", label: str = "viewer") -> None:
        self.board = Switchboard("room", lambda notification: None)
        self.now = 100.0
        self.got: list[RtpPacket] = []
        agreed = {TRANSPORT_CC: 3} if feedback == "transport-cc" else {}
        receivings = tuple(
            Receiving(str(n), slot, dict(PAYLOAD_TYPES), RED[slot], {102: 103}, extensions=dict(agreed), feedback=feedback)
            for n, slot in enumerate(("video0", "video1", "audio0"))
        )
        self.viewer = Downlink(object(), label, self.board, receivings, Limits())
        self.viewer.protect = bytes
        self.viewer.sendto = lambda packet, address: self.got.append(parse(packet))
        self.viewer.join(self.now)
        self._publishers: list[Simulcast | Publisher] = []

    def enter(self, publisher: Simulcast | Publisher, rates: tuple[float, ...] = (1e5, 4e5, 1.6e6)) -> None:
        for track, rate in zip(publisher.source.tracks, rates, strict=False):
            track.reception.bitrate = rate
        self._publishers.append(publisher)
        publisher.send(self.now, key=True)
        self.board.add_source(publisher.source)
        self.board.arrange(self.now)

    def run(self, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            for publisher in self._publishers:
                publisher.send(self.now, key=True)
            self.board.arrange(self.now)  # no tick of the board: the rates stay as they are given
            for slot in self.board.slots.values():
                slot.tick(self.now)
            self.viewer.steering.tick(self.now)

    @property
    def layer(self) -> str:
        return self.viewer.shown()["video0"]

    def says(self, bitrate: int) -> None:
        """On a network that loses a little: there a viewer's own estimate is believed."""
        self.viewer.steering.estimate.loss(TROUBLED_LOSS, self.now)
        self.viewer.take_remb(Remb(1, bitrate, ()), self.now)


def test_the_layer_fits_the_tile() -> None:
    room, anna = Room(), Simulcast("anna")
    for rid, height in (("q", 180), ("h", 360), ("f", 720)):
        anna[rid].track.height = height
    room.enter(anna)
    room.run(3)
    assert room.layer == "f"
    for height, layer in ((180, "q"), (400, "h"), (1080, "f"), (0, "")):
        room.viewer.steering.view({"video0": height, "video9": 5, "audio0": 0}, room.now)
        room.run(7)
        assert room.layer == layer


def test_the_layer_fits_the_estimate_and_comes_back() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.says(5_000_000)
    room.run(3)
    assert room.layer == "f"
    room.says(700_000)
    room.run(1)
    assert room.layer == "h"
    room.says(200_000)
    room.run(1)
    assert room.layer == "q"
    room.says(60_000)
    room.run(2 + LAST_PATIENCE)
    assert room.layer == ""
    room.says(5_000_000)
    room.run(30)
    assert room.layer == "f"


def test_sound_goes_on_when_there_is_no_room_for_pictures() -> None:
    room, anna = Room(), Simulcast("anna")
    voice = Publisher("anna", "microphone", "opus")
    room.enter(anna)
    room.enter(voice, (40_000.0,))
    room.says(60_000)
    room.run(2)
    before = len(room.got)
    room.run(1)
    assert room.viewer.shown() == {"video0": "", "video1": "", "audio0": "full"}
    assert {packet.payload_type for packet in room.got[before:]} == {111}


def test_who_loses_packets_gets_sound_twice_until_nothing_is_lost_for_long() -> None:
    room, voice = Room(), Publisher("anna", "microphone", "opus", red=60)
    room.enter(voice)
    room.run(1)

    def heard_as(lost: int) -> int:
        """After a report of so many 256ths lost."""
        room.viewer.take_reports((ReportBlock(1, lost),), room.now)
        voice.sequence += 1
        voice.track.receive(bytes(RtpPacket(60, voice.sequence & 0xFFFF, 0, 4711, b"\x6fvoice")), room.now)
        return room.got[-1].payload_type

    assert heard_as(0) == 111
    assert heard_as(13) == 63
    room.run(LOSSY_FOR - 1)
    assert heard_as(0) == 63
    room.run(2)
    assert heard_as(0) == 111
    room.says(ROOM_FOR_RED - 1)
    assert heard_as(13) == 111


def test_a_single_layer_is_tried_before_anything_is_known() -> None:
    room, anna = Room("transport-cc"), Publisher("anna")
    room.enter(anna, (1_500_000.0,))
    room.run(TRIAL / 2)
    assert room.layer == "full"


def test_a_new_publisher_begins_with_the_lowest_layer_while_little_is_known() -> None:
    room, anna = Room("transport-cc"), Simulcast("anna")
    room.enter(anna)
    assert room.layer in ("", "q")
    room.run(0.5)
    assert room.layer == "q"


def test_a_viewer_that_changes_its_mind_all_the_time_costs_few_key_frames() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.run(3)
    before = sum(layer.key_frames_asked for layer in anna.layers.values())
    for step in range(200):
        room.viewer.steering.view({"video0": 4000 * (step % 2)}, room.now)
        room.run(0.1)
    assert sum(layer.key_frames_asked for layer in anna.layers.values()) - before <= 16
    room.viewer.steering.view({"video0": 0}, room.now)
    room.run(3)
    assert room.layer == ""  # what was said last holds in the end


def test_key_frames_for_one_viewer_are_limited() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.run(2)
    before = sum(layer.key_frames_asked for layer in anna.layers.values())
    slot = room.board.slots["video0"]
    for step in range(1000):
        room.viewer.take_key_frame_request(slot.ssrc, room.now + step / 100)
    asked = sum(layer.key_frames_asked for layer in anna.layers.values()) - before
    assert 2 <= asked <= 9  # in ten seconds: some at once, then one every few
    assert room.viewer.plis == 1000


def test_what_is_far_too_much_stops_at_once_and_not_when_the_lower_layers_key_frame_has_come() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.says(5_000_000)
    room.run(3)
    assert room.layer == "f"
    room.says(1_000_000)  # too little for it, but more than half
    room.viewer.steering.decide(room.now)
    assert room.layer == "f"
    room.says(300_000)
    room.viewer.steering.decide(room.now)
    assert room.layer == ""
    slot, before = room.board.slots["video0"], len(room.got)
    anna.send(room.now + 0.01)
    room.viewer.take_nack(Nack(1, slot.ssrc, (room.got[-1].sequence,)), room.now)
    assert len(room.got) == before
    anna.send(room.now + 0.02, key=True)
    assert room.layer == "q" and len(room.got) == before + 1
    assert room.got[-1].sequence == room.got[-2].sequence + 1 & 0xFFFF


def test_retransmissions_take_no_more_than_half_of_the_estimate() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.says(176_000)
    room.run(3)
    slot, number = room.board.slots["video0"], room.got[-1].sequence
    room.viewer.take_nack(Nack(1, slot.ssrc, (number,) * 300), room.now)
    assert room.viewer.resent == 176_000 / 2 / 8 / 1100


def test_after_an_outage_a_key_frame_is_asked_for_at_once() -> None:
    room, anna = Room("transport-cc"), Publisher("anna")
    room.enter(anna, (100_000.0,))

    def hear() -> None:
        """The viewer tells of the newest packet."""
        newest, at = room.viewer.next_number - 1 & 0xFFFF, int(room.now * 1000 / 64) & 0xFFFFFF
        room.viewer.take_transport_feedback(TransportFeedback(1, 2, newest, at, 0, (0,)), room.now)

    for _ in range(10):
        room.run(0.1)
        hear()
    asked = anna.key_frames_asked
    room.run(2)
    assert anna.key_frames_asked == asked
    hear()
    assert anna.key_frames_asked == asked + 1
    room.run(0.1)
    hear()
    assert anna.key_frames_asked == asked + 1 and room.viewer.plis == 0


def test_a_flood_of_nacks_is_limited() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.run(3)
    slot, number = room.board.slots["video0"], room.got[-1].sequence
    before = len(room.got)
    for _ in range(1000):
        room.viewer.take_nack(Nack(1, slot.ssrc, (number,)), room.now)
    assert 300 <= len(room.got) - before <= Limits().resent


@pytest.mark.parametrize("ssrc", [0, 4711, 2**32 - 1])
def test_feedback_about_sources_that_are_not_there_is_nothing(ssrc: int) -> None:
    room = Room("transport-cc")
    room.viewer.take_nack(Nack(1, ssrc, (1, 2, 3)), room.now)
    for named, _ in FullIntra(1, ((ssrc, 0),)).requests:
        room.viewer.take_key_frame_request(named, room.now)
    room.viewer.take_reports((ReportBlock(ssrc, 255),), room.now)
    assert (room.viewer.plis, room.viewer.resent, room.got) == (0, 0, [])


def test_all_viewers_of_a_room_together_are_sent_only_so_much_again() -> None:
    room, anna = Room(), Simulcast("anna")
    room.enter(anna)
    room.run(3)
    slot, number = room.board.slots["video0"], room.got[-1].sequence
    room.board.resend_budget = Budget(100.0)
    room.viewer.take_nack(Nack(1, slot.ssrc, (number,) * 300), room.now)
    assert room.viewer.resent == 100


def test_what_changed_for_all_is_not_decided_again_by_all_at_once() -> None:
    moments = set()
    for number in range(20):
        room = Room(label=f"viewer {number}")
        room.enter(Simulcast("anna"))
        room.run(0.1)
        room.says(60_000)  # heeded by the next decision
        while room.viewer.steering.allocator.taken > 200_000 and room.now < 110:
            room.run(0.1)
        moments.add(round(room.now, 1))
    assert len(moments) > 5
    assert max(moments) < 101.2

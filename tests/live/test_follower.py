"""A room at home in one worker and followed in another, without sockets: what its viewers get."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.codecs import Codec
from live.control import ActiveSpeaker, Notification, SlotsChanged
from live.home import Home
from live.limits import Limits
from live.outlet import Outlet
from live.relay_wire import Frame, KeyFrame, Packet, Subscribe, Unsubscribe, frames
from live.relays import Relays
from live.room import Room
from live.rtp import DEPENDENCY_DESCRIPTOR
from live.slot import Slot
from live.wire import Place
from tests.live.sources import Publisher, Receiver
from tests.live.test_rung import LAYERS, Simulcast, assert_continuous

AGREED = {DEPENDENCY_DESCRIPTOR: 3}


class Wire:
    """A `Link` that hands over at once, or what there is when it is told to."""

    def __init__(self, take: Callable[[Frame], None]) -> None:
        self._take = take
        self.said: list[Frame] = []
        self.sent = self.received = self.dropped = self.bad = 0
        self.is_cut = False

    def send(self, frame: bytes) -> None:
        for each in frames(frame):
            self.said.append(each)
            if not self.is_cut:
                self._take(each)

    send_media = send

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(each, kind) for each in self.said)


class Pair:
    """Two workers with the room "r"; `now` is theirs."""

    def __init__(self) -> None:
        self.told: list[Notification] = []
        self.told_there: list[Notification] = []
        self.now = time.monotonic()
        self.relays = Relays(Place(), self, lambda: self.now)
        self.room = Room("r", 0, self.told.append, Limits(), 0, self.relays.publication)
        there = Relays(Place(1), self)
        self.other = Room("r", 0, self.told_there.append, Limits(), 0, there.publication)
        self.other.board.epoch += 1000.0  # it began when the clock said something else
        self.home = Home("", 0, lambda link: None, lambda: self.now)
        self.connect()
        self.home.follow(self.other)

    def connect(self) -> None:
        self.down = self._wire(lambda each: self.home._heed(self.down, each, self.now))
        self.up = self._wire(lambda each: self.relays._heed(self.down, each))
        self.relays._followers[self.down] = set()
        self.home.link = self.up

    def _wire(self, take: Callable[[Frame], None]) -> Any:
        return Wire(take)  # which serves for a `Link`

    def open_for_follower(self, room: str) -> Room:
        return self.room

    def find(self, room: str) -> Room | None:
        return self.room

    def close_if_empty(self, room: str) -> None: ...

    def hold_to_common(self, room: Room) -> None: ...

    def adopt(self, sock: object, beginning: bytes) -> None: ...

    def enter(self, publisher: Publisher | Simulcast) -> None:
        layers = publisher.layers.values() if isinstance(publisher, Simulcast) else [publisher]
        for layer in layers:
            layer.track.on_start = lambda track: self.room.board.arrange(self.now)
        self.room.board.add_source(publisher.source)

    def tick(self, seconds: float = 0.1) -> None:
        self.now += seconds
        self.room.board.tick(self.now)
        self.other.board.tick(self.now)

    def watch(self, slot: str, viewer: Receiver, **agreed: Any) -> Outlet:
        """In the follower."""
        outlet = viewer.outlet(self.slot(slot), extensions=AGREED, **agreed)
        self.other.board.join(slot, outlet, self.now)
        return outlet

    def slot(self, name: str) -> Slot:
        return self.other.board.slots[name]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["H264", "VP8", "VP9", "AV1"]))
def test_changes_of_publisher_layer_and_pause_leave_no_gap(seed: int, codec: Codec) -> None:
    chance = random.Random(seed)
    pair = Pair()
    publishers = [Simulcast(name, chance, codec) for name in ("anna", "bo", "cecilia")]
    for publisher in publishers:
        pair.enter(publisher)
    viewers = [Receiver(str(n)) for n in range(3)]
    outlets = {viewer: pair.watch("programme", viewer) for viewer in viewers}
    slot = pair.slot("programme")
    seen = set()
    for turn in range(500):
        match chance.randrange(12):
            case 0:
                speaker = chance.choice(publishers)
                pair.room.board._floor.last = speaker.source.label
            case 1 | 2:
                viewer = chance.choice(viewers)
                slot.choose(outlets[viewer], chance.choice([None, "", *LAYERS]), pair.now)
            case 3:
                viewer = chance.choice(viewers)
                slot.leave(viewer)
                viewer.packets.clear()
                outlets[viewer] = pair.watch("programme", viewer)
            case 4 if turn % 5 == 0:  # the connection breaks, and is made anew
                pair.home._lose(pair.up)
                pair.relays._lose(pair.down)
                pair.connect()
                pair.home._begin(pair.other)
            case _:
                pair.tick(0.02)
        pair.now += 0.01
        for publisher in publishers:
            for layer in publisher.layers.values():
                layer.send(pair.now, key=chance.random() < 0.3)
        seen |= {(slot.source.label if slot.source else "", slot.shows(outlet)) for outlet in outlets.values()}
    assert len(seen) > 5
    for viewer in viewers:
        assert_continuous(viewer.packets, codec)


def test_what_a_follower_gets_is_what_a_viewer_at_home_gets() -> None:
    pair = Pair()
    anna, here, there = Publisher("anna", codec="VP8"), Receiver("here"), Receiver("there")
    pair.enter(anna)
    pair.room.board.join("programme", here.outlet(pair.room.board.slots["programme"]), pair.now)
    pair.watch("programme", there)
    anna.send(pair.now, key=True)  # the follower hears of it, and asks
    for _ in range(50):
        pair.tick()
        anna.send(pair.now, key=True)
        anna.send(pair.now)
    assert [packet.payload for packet in there.packets] == [packet.payload for packet in here.packets][-len(there.packets) :]
    assert len(there.packets) >= 99


def test_what_was_repaired_at_home_comes_late_and_in_its_place() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    pair.tick()
    anna.send(pair.now, key=True)
    lost = anna.packet()
    anna.send(pair.now)
    anna.track.receive(lost, pair.now)
    first = viewer.sequences[0]
    assert [number - first for number in viewer.sequences] == [0, 1, 3, 2]


def test_what_was_repaired_from_before_a_viewer_came_is_not_for_it() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    anna.send(pair.now, key=True)
    pair.tick()
    lost = anna.packet()
    anna.send(pair.now)
    pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    anna.track.receive(lost, pair.now)
    anna.send(pair.now)
    assert [number - viewer.sequences[0] for number in viewer.sequences] == [0, 1]


def test_after_a_repair_numbers_go_on_from_the_newest() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    lost = anna.packet()
    for _ in range(3):
        anna.send(pair.now)
    anna.track.receive(lost, pair.now)
    bo = Publisher("bo", "screen")
    pair.enter(bo)
    bo.send(pair.now, key=True)
    assert [number - viewer.sequences[0] for number in viewer.sequences] == [0, 2, 3, 4, 1, 5]


def test_a_nack_is_answered_by_the_follower_itself() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    pair.tick()
    for _ in range(10):
        anna.send(pair.now, key=True)
    said = len(pair.up.said)
    wanted = viewer.sequences[3]
    assert pair.slot("programme").resend(viewer, (wanted,), pair.now) == 1
    assert viewer.sequences[-1] == wanted and len(pair.up.said) == said


def test_layers_that_nobody_there_is_on_do_not_come() -> None:
    pair = Pair()
    anna, viewer = Simulcast("anna"), Receiver("viewer")
    pair.enter(anna)
    anna.send(pair.now, key=True)
    pair.tick()
    assert pair.down.count(Packet) == 0 and pair.up.count(Subscribe) == 0  # nobody watches
    outlet = pair.watch("programme", viewer)
    outlet_layers = [track.layer for track in pair.slot("programme").layers]
    assert outlet_layers == list(LAYERS)
    pair.slot("programme").choose(outlet, "q", pair.now)
    for _ in range(40):
        pair.tick()
        anna.send(pair.now, key=True)
    assert pair.up.count(Unsubscribe) == 1  # from the highest, which it began with
    before = pair.down.count(Packet)
    anna.send(pair.now)
    assert pair.down.count(Packet) == before + 1
    pair.other.board.leave(viewer)
    for _ in range(40):
        pair.tick()
        anna.send(pair.now)
    before = pair.down.count(Packet)
    anna.send(pair.now)
    assert pair.down.count(Packet) == before


def test_one_key_frame_is_asked_for_when_the_first_viewer_comes() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    anna.send(pair.now, key=True)
    pair.tick(10.0)
    anna.send(pair.now)
    pair.watch("programme", viewer)
    assert anna.key_frames_asked == 1
    anna.send(pair.now, key=True)
    assert len(viewer.packets) == 1
    for _ in range(20):
        pair.tick()
        anna.send(pair.now)
    assert anna.key_frames_asked == 1
    pair.slot("programme").request_key_frame(viewer, pair.now)
    assert anna.key_frames_asked == 2 and pair.up.count(KeyFrame) == 1


def test_sound_and_picture_keep_their_common_clock() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    outlet = pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    anna.track.instant = pair.room.board.wall(pair.now), anna.timestamp
    for _ in range(10):
        pair.tick()
        anna.send(pair.now, key=True)
    track = outlet.seat.track if outlet.seat else None
    assert track is not None and track.instant is not None
    assert track.instant[0] - pair.other.board.epoch == pytest.approx(pair.now - 1.0, abs=1e-6)
    assert track.instant[1] == anna.track.instant[1]


def test_the_home_alone_tells_who_is_where() -> None:
    pair = Pair()
    anna = Publisher("anna", "microphone", "opus")
    pair.enter(anna)
    for _ in range(30):
        pair.tick()
        for _ in range(5):
            anna.send(pair.now, level=20)
    assert {type(told) for told in pair.told} == {SlotsChanged, ActiveSpeaker}
    assert pair.told_there == [] and pair.other.board.speaker == "anna"


def test_when_the_home_is_gone_viewers_wait_and_their_numbers_go_on_here() -> None:
    pair = Pair()
    anna, viewer = Publisher("anna"), Receiver("viewer")
    pair.enter(anna)
    pair.watch("programme", viewer)
    anna.send(pair.now, key=True)
    pair.tick()
    anna.send(pair.now, key=True)
    pair.home._lose(pair.up)
    anna.send(pair.now, key=True)
    assert pair.slot("programme").source is None
    pair.home.leave(pair.other)  # and this is its home now
    bo = Publisher("bo")
    bo.track.on_start = lambda track: pair.other.board.arrange(pair.now)
    pair.other.board.add_source(bo.source)
    for _ in range(5):
        pair.tick()
        bo.send(pair.now, key=True)
    assert_continuous(viewer.packets, "H264")
    assert len(viewer.packets) > 4
    assert any(isinstance(told, SlotsChanged) and told.slots["programme"] == "bo" for told in pair.told_there)


def test_the_last_room_leaves_a_home_that_is_gone_already() -> None:
    pair = Pair()
    pair.up.flush = lambda: pair.home._lose(pair.up)  # as sending finds out
    pair.home.leave(pair.other)
    assert pair.home.link is None and pair.other.board.lead is None


def test_what_viewers_elsewhere_cannot_decode_counts_at_home() -> None:
    pair = Pair()
    pair.other.repertoire.hear("somebody here", ("H264",))
    pair.home._begin(pair.other)
    assert pair.room.codecs() == ("VP8",)
    pair.relays._lose(pair.down)
    assert pair.room.codecs() == ("H264", "VP8")

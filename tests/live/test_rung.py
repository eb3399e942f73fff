"""Viewers on the layers of publishers: whoever feeds a slot and on whichever layer, each viewer's stream goes on."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from live.codecs import Codec, picture_ids
from live.codecs.dependency import parse as parse_dependency
from live.rtp import DEPENDENCY_DESCRIPTOR, RtpPacket
from live.slot import Slot
from tests.live.sources import Publisher, Receiver

LAYERS = ("q", "h", "f")
AGREED = {DEPENDENCY_DESCRIPTOR: 3}


class Simulcast:
    """A publisher with three layers, the lowest first."""

    def __init__(self, label: str, chance: random.Random | None = None, codec: Codec = "H264") -> None:
        chance = chance or random.Random(1)
        self.layers: dict[str, Publisher] = {}
        for index, rid in enumerate(LAYERS):
            first = next(iter(self.layers.values()), None)
            layer = self.layers[rid] = Publisher(
                label,
                codec=codec,
                sequence=chance.randrange(65536),
                timestamp=chance.randrange(2**32),
                rid=rid,
                source=first.source if first else None,
            )
            layer.track.reception.bitrate = 100_000.0 * 4**index
        self.source = self.layers["q"].source

    def __getitem__(self, rid: str) -> Publisher:
        return self.layers[rid]

    def send(self, now: float, *, key: bool = False) -> None:
        for layer in self.layers.values():
            layer.send(now, key=key)


def watched(slot: Slot, *viewers: Receiver, layer: str | None = None) -> None:
    for viewer in viewers:
        outlet = viewer.outlet(slot, extensions=AGREED)
        outlet.choice = layer
        slot.join(outlet, 0.0)


def layer_of(slot: Slot, viewer: Receiver) -> str:
    return slot.shows(slot.outlets[viewer])


def assert_continuous(packets: list[RtpPacket], codec: Codec) -> None:
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} <= {1}
    assert all(0 < (b.timestamp - a.timestamp) & 0xFFFFFFFF < 2**31 for a, b in pairwise(packets))
    if codec in ("VP8", "VP9"):
        ids = [found for packet in packets if (found := picture_ids(codec, packet.payload))]
        assert len(ids) == len(packets)
        assert {(b.picture_id - a.picture_id) & 0x7FFF for a, b in pairwise(ids)} <= {1}
        assert {(b.tl0 - a.tl0) & 0xFF for a, b in pairwise(ids)} <= {1}
    if codec == "AV1":
        frames = [parse_dependency(dict(packet.extensions)[3]).frame_number for packet in packets]
        assert {(b - a) & 0xFFFF for a, b in pairwise(frames)} <= {1}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["H264", "VP8", "VP9", "AV1"]))
def test_a_thousand_changes_of_publisher_layer_and_pause_leave_no_gap(seed: int, codec: Codec) -> None:
    chance = random.Random(seed)
    slot = Slot("video0")
    publishers = [Simulcast(name, chance, codec) for name in ("anna", "bo", "cecilia")]
    viewers = [Receiver(str(n)) for n in range(4)]
    watched(slot, *viewers)
    now, moves = 0.0, 0
    before = dict.fromkeys(viewers, "")
    for _ in range(1000):
        now += 0.01
        match chance.randrange(8):
            case 0:
                slot.want(chance.choice([None, *(each.source for each in publishers)]), now)
            case 1 | 2 | 3:
                slot.choose(slot.outlets[chance.choice(viewers)], chance.choice([None, "", *LAYERS]), now)
            case 4:
                slot.leave(late := chance.choice(viewers))
                late.packets.clear()
                slot.join(late.outlet(slot, extensions=AGREED), now)
            case _:
                slot.tick(now)
        for publisher in publishers:
            for layer in publisher.layers.values():
                layer.send(now, key=chance.random() < 0.3)
        after = {viewer: layer_of(slot, viewer) for viewer in viewers}
        moves += after != before
        before = after
    assert moves > 100
    for viewer in viewers:
        assert_continuous(viewer.packets, codec)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_late_packets_come_in_their_place_or_not_at_all(seed: int) -> None:
    chance = random.Random(seed)
    slot, viewer = Slot("video0"), Receiver()
    publishers = [Simulcast(name, chance) for name in ("anna", "bo")]
    watched(slot, viewer)
    held: list[tuple[Publisher, bytes]] = []
    for step in range(600):
        now = step / 100
        if chance.random() < 0.1:
            slot.want(chance.choice(publishers).source, now)
            slot.choose(slot.outlets[viewer], chance.choice(LAYERS), now)
        for name, publisher in zip(b"ab", publishers, strict=True):
            for rid, layer in publisher.layers.items():
                origin = bytes([name, ord(rid)]) + layer.sequence.to_bytes(4, "big")
                packet = layer.packet(payload=(b"\x67" if chance.random() < 0.2 else b"\x61") + origin)
                if chance.random() < 0.1:
                    held.append((layer, packet))
                else:
                    layer.track.receive(packet, now)
        while held and chance.random() < 0.5:
            layer, packet = held.pop(chance.randrange(len(held)))
            layer.track.receive(packet, now)
    by_number = {packet.sequence: packet.payload[1:] for packet in viewer.packets}
    assert len(by_number) == len(viewer.packets)  # no number twice
    in_order = [by_number[number] for number in sorted(by_number)] if max(by_number) - min(by_number) < 32768 else []
    for a, b in pairwise(in_order):
        if a[:2] == b[:2]:  # of the same layer: never swapped, unless it came back to it meanwhile
            assert int.from_bytes(b[2:], "big") > int.from_bytes(a[2:], "big")


def test_a_viewer_changes_layer_at_its_next_key_frame_which_is_asked_for() -> None:
    slot, viewer, other, anna = Slot("video0"), Receiver(), Receiver("other"), Simulcast("anna")
    watched(slot, viewer, other, layer="f")
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    anna.send(0.1)
    asked = anna["q"].key_frames_asked
    slot.choose(slot.outlets[viewer], "q", 1.0)
    anna.send(1.1)
    assert (layer_of(slot, viewer), layer_of(slot, other)) == ("f", "f")
    assert anna["q"].key_frames_asked == asked + 1
    anna.send(1.2, key=True)
    assert (layer_of(slot, viewer), layer_of(slot, other)) == ("q", "f")
    assert len(viewer.packets) == len(other.packets) == 4


def test_a_layer_that_nobody_watches_goes_nowhere() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer, layer="q")
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    slot.choose(slot.outlets[viewer], "", 0.1)
    anna.send(0.2, key=True)
    slot.tick(0.3)
    assert len(viewer.packets) == 1 and slot.packets == 1


def test_a_layer_that_stops_is_left_for_the_next_lower_one() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer)
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    anna["q"].send(1.5)
    anna["h"].send(1.5)
    slot.refresh(1.5)
    slot.tick(1.5)
    anna["q"].send(1.6, key=True)
    anna["h"].send(1.6, key=True)
    assert layer_of(slot, viewer) == "h"
    assert_continuous(viewer.packets, "H264")


def test_layers_with_a_picture_a_second_are_no_layers_that_stopped() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer)
    slot.want(anna.source, 0.0)
    for second in range(5):
        anna.send(1.2 * second, key=not second)
        for tenth in range(12):
            slot.refresh(1.2 * second + tenth / 10)
            assert layer_of(slot, viewer) == "f" and len(slot.layers) == 3


def test_a_layer_whose_track_ends_is_left_at_once() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer, layer="f")
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    anna.source.remove(anna["f"].track)
    slot.forget(anna["f"].track, 0.1)
    assert layer_of(slot, viewer) == "" and anna["f"].track.sinks == ()
    anna.send(0.2, key=True)
    assert layer_of(slot, viewer) == "q"
    assert_continuous(viewer.packets, "H264")


def test_layers_are_kept_in_step_by_the_publishers_clock() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer, layer="q")
    slot.want(anna.source, 0.0)
    for layer in anna.layers.values():  # a sender report each, of the same moment
        layer.track.instant = 1000.0, layer.timestamp
    anna.send(5.0, key=True)
    slot.choose(slot.outlets[viewer], "f", 5.02)
    anna["f"].send(5.066, key=True)  # the second picture, 33 ms late
    first, last = viewer.packets
    assert (last.timestamp - first.timestamp) & 0xFFFFFFFF == 3000


def test_a_nack_from_before_a_change_of_layer_is_still_answered() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer, layer="q")
    slot.want(anna.source, 0.0)
    for n in range(3):
        anna.send(n / 10, key=n == 0)
    slot.choose(slot.outlets[viewer], "f", 0.4)
    anna.send(0.5, key=True)
    anna.send(0.6)
    for lost in list(viewer.packets):
        viewer.packets.clear()
        assert slot.resend(viewer, (lost.sequence,), 1.0) == 1
        assert viewer.packets == [lost]


def test_a_nack_for_a_number_beyond_a_change_of_layer_is_not_answered_from_the_old_one() -> None:
    slot, viewer, anna = Slot("video0"), Receiver(), Simulcast("anna")
    watched(slot, viewer, layer="q")
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    slot.choose(slot.outlets[viewer], "", 0.1)
    anna.send(0.2)
    assert slot.resend(viewer, ((viewer.sequences[-1] + 1) & 0xFFFF,), 1.0) == 0


def test_viewers_that_join_share_their_packets_with_those_who_watch() -> None:
    slot, anna = Slot("video0"), Simulcast("anna")
    viewers = [Receiver(str(n)) for n in range(3)]
    watched(slot, viewers[0])
    slot.want(anna.source, 0.0)
    anna.send(0.0, key=True)
    watched(slot, *viewers[1:])
    anna.send(0.1, key=True)
    assert len({id(slot.outlets[viewer].group) for viewer in viewers}) == 1
    assert len({viewer.sequences[-1] for viewer in viewers}) == 1

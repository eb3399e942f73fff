"""What one node has told, as the others keep it."""

from __future__ import annotations

from live.control import ActiveSpeaker, PeerDown, PeerSeated, PeersLost, SlotsChanged
from server.cluster.media_shard import Shard
from server.cluster.media_wire import Gone, Lost, Notice, Notices, RoomLeft, RoomTold, Seated, Whole

ANNA = Seated("plenum", "a.1.7~0.1-x", "anna", True, False, "uf")
BO = Seated("plenum", "a.1.7~1.1-y", "bo", False, False, "ug")
ROOM = RoomTold("plenum", 7, {"video0": "anna"}, {"video0": "VP8"}, "anna", True)


def told(first: int, *notices: Notice) -> Notices:
    return Notices("a.1", first, notices)


def begun() -> Shard:
    shard = Shard("a.1")
    assert shard.hear(told(1, ROOM, ANNA, BO)) == [
        SlotsChanged("plenum", ROOM.slots, ROOM.codecs),
        ActiveSpeaker("plenum", "anna"),
        PeerSeated("plenum", ANNA.peer_id, "anna", True, False, "uf"),
        PeerSeated("plenum", BO.peer_id, "bo", False, False, "ug"),
    ]
    return shard


def test_what_has_been_heard_is_not_heard_again_and_a_gap_is_noticed() -> None:
    shard = begun()
    assert shard.hear(told(2, ANNA, BO)) == [] and shard.number == 3
    assert shard.hear(told(5, Gone(BO.peer_id, "left"))) is None
    assert shard.hear(told(3, BO, Gone(BO.peer_id, "left"))) == [PeerDown("plenum", BO.peer_id, "bo", "left")]
    assert shard.hear(told(5, Gone(BO.peer_id, "left"))) == []


def test_whoever_asks_for_everything_hears_what_is_different() -> None:
    shard = begun()
    now = RoomTold("plenum", 7, {"video0": "eva"}, {"video0": "VP8"}, "anna", True)
    eva = Seated("plenum", "a.1.7~0.1-z", "eva", True, False, "uh")
    assert shard.take(Whole("a.1", 2, (), ())) == []  # older than what is here
    assert shard.take(Whole("a.1", 9, (now,), (ANNA, eva))) == [
        PeerDown("plenum", BO.peer_id, "bo", "missed"),
        SlotsChanged("plenum", now.slots, now.codecs),
        PeerSeated("plenum", eva.peer_id, "eva", True, False, "uh"),
    ]
    assert shard.number == 9 and shard.whole() == Whole("a.1", 9, (now,), (ANNA, eva))


def test_a_part_a_room_and_a_node_are_lost_with_whoever_was_there() -> None:
    free = [SlotsChanged("plenum", {"video0": ""}), ActiveSpeaker("plenum", "")]
    shard = begun()
    assert shard.hear(told(4, Lost("a.1.7~0.1-", ("plenum",)))) == [PeersLost("a.1.7~0.1-", ("plenum",))]
    assert set(shard.seats) == {BO.peer_id}
    shard = begun()
    assert shard.hear(told(4, RoomLeft("plenum", 7))) == [PeersLost("a.1.7~", ("plenum",)), *free]
    assert shard.whole() == Whole("a.1", 4, (), ())
    shard = begun()
    assert shard.end() == [PeersLost("a.1.", ("plenum",)), *free]
    assert shard.end() == []

"""What one node has told of its media: its rooms, and who is seated there. Every node keeps one of every other, and its own.
Pure. Neighbours: `media_wire`, the notices; `media_engine`, which tells on what comes of them.
"""

from __future__ import annotations

from live.control import ActiveSpeaker, Notification, PeerDown, PeerSeated, PeersLost, SlotsChanged
from server.cluster.media_wire import (
    Gone,
    Lost,
    Notice,
    Notices,
    RoomLeft,
    RoomTold,
    Seated,
    Whole,
    hold_prefix,
    lease_prefix,
)


class Shard:
    """`number`: of the newest notice that is in it. Everything that changes it returns what is to be told on."""

    def __init__(self, lease: str) -> None:
        self.lease, self.number = lease, 0
        self.rooms: dict[str, RoomTold] = {}
        self.seats: dict[str, Seated] = {}  # by peer

    def whole(self) -> Whole:
        return Whole(self.lease, self.number, tuple(self.rooms.values()), tuple(self.seats.values()))

    def hear(self, told: Notices) -> list[Notification] | None:
        """None: notices are missing, and what is here is old until `take`."""
        if told.first > self.number + 1:
            return None
        found: list[Notification] = []
        for notice in told.notices[self.number + 1 - told.first :]:
            self.number += 1
            found += self._apply(notice)
        return found

    def take(self, whole: Whole) -> list[Notification]:
        """Everything anew. What is here already, and newer, stays."""
        if whole.number < self.number:
            return []
        seats, rooms = {seat.peer_id: seat for seat in whole.seats}, {room.room: room for room in whole.rooms}
        notices: list[Notice] = [Gone(peer_id, "missed") for peer_id in self.seats if peer_id not in seats]
        notices += [RoomLeft(name, room.epoch) for name, room in self.rooms.items() if name not in rooms]
        notices += whole.rooms
        notices += [seat for seat in whole.seats if self.seats.get(seat.peer_id) != seat]
        self.number = whole.number
        return [each for notice in notices for each in self._apply(notice)]

    def end(self) -> list[Notification]:
        """The lease is over, with everybody who was there."""
        tapped = tuple(name for name, room in self.rooms.items() if room.is_tapped)
        cleared = [each for room in self.rooms.values() for each in _cleared(room)]
        was_used = bool(self.seats or tapped)
        self.rooms, self.seats = {}, {}
        return [PeersLost(lease_prefix(self.lease), tapped), *cleared] if was_used else cleared

    def _apply(self, notice: Notice) -> list[Notification]:
        match notice:
            case RoomTold():
                return self._told(notice)
            case RoomLeft(room, epoch):
                return self._left(room, epoch)
            case Seated(room, peer_id, label, sends, external, ufrag):
                self.seats[peer_id] = notice
                return [PeerSeated(room, peer_id, label, sends, external, ufrag)]
            case Gone(peer_id, reason):
                seat = self.seats.pop(peer_id, None)
                return [PeerDown(seat.room, peer_id, seat.label, reason)] if seat else []
            case Lost(prefix, tapped):
                self._forget(prefix)
                return [PeersLost(prefix, tapped)]

    def _told(self, new: RoomTold) -> list[Notification]:
        old, self.rooms[new.room] = self.rooms.get(new.room) or RoomTold(new.room, 0), new
        found: list[Notification] = []
        if (old.slots, old.codecs) != (new.slots, new.codecs):
            found.append(SlotsChanged(new.room, new.slots, new.codecs))
        if old.speaker != new.speaker:
            found.append(ActiveSpeaker(new.room, new.speaker))
        return found

    def _left(self, name: str, epoch: int) -> list[Notification]:
        room = self.rooms.pop(name, None)
        prefix = hold_prefix(self.lease, epoch)
        is_tapped = room is not None and room.is_tapped
        if not (self._forget(prefix) or is_tapped):
            return _cleared(room)
        return [PeersLost(prefix, (name,) if is_tapped else ()), *_cleared(room)]

    def _forget(self, prefix: str) -> bool:
        """Returns whether anybody was there."""
        before = len(self.seats)
        self.seats = {peer_id: seat for peer_id, seat in self.seats.items() if not peer_id.startswith(prefix)}
        return len(self.seats) < before


def _cleared(room: RoomTold | None) -> list[Notification]:
    """Nobody feeds its slots any more."""
    if room is None or not any(room.slots.values()):
        return []
    return [SlotsChanged(room.room, dict.fromkeys(room.slots, "")), ActiveSpeaker(room.room, "")]

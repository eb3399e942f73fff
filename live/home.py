"""The connection to a worker that is the home of rooms which have viewers here. It is made when the first such room comes,
made anew when it breaks, and ends with the last. Neighbours: `follower` obeys what the home says, `relays` has all homes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from live.follower import Lead, RelayedTrack
from live.link import Link, connect
from live.relay_wire import BoardState, Follow, Frame, Lacking, Message, Packet, Unfollow, frames, message_frame
from live.room import Room

logger = logging.getLogger("plenum.live")


class Home:
    """Worker `index` of the engine `name`. `on_end(link)` when a connection is over."""

    def __init__(self, name: str, index: int, on_end: Callable[[Link], None], clock: Callable[[], float]) -> None:
        self._name, self._index, self._on_end, self._clock = name, index, on_end, clock
        self.link: Link | None = None
        self._rooms: dict[str, tuple[Room, Lead]] = {}
        self._streams: dict[int, RelayedTrack] = {}  # what may come, by number

    def follow(self, room: Room) -> None:
        """The room obeys that worker from now on."""
        lead = Lead(room.board, self.tell, self._streams)
        room.board.lead = lead
        self._rooms[room.name] = room, lead
        if self.link is None:
            self.look()
        else:
            self._begin(room)

    def leave(self, room: Room) -> None:
        """It does not any more."""
        if (found := self._rooms.pop(room.name, None)) is None:
            return
        now = self._clock()
        found[1].clear(now)
        room.board.lead = None
        self.tell(Unfollow(room.name))
        if not self._rooms and (link := self.link):
            link.flush()  # which may find that the home is gone
            link.close()

    def look(self) -> None:
        """Connects, if there is need and a worker that answers."""
        if self.link is not None or not self._rooms:
            return
        sock = connect(self._name, self._index)
        if sock is not None:
            self.link = Link(sock, self._take, self._lose)
            for room, _ in self._rooms.values():
                self._begin(room)

    def _begin(self, room: Room) -> None:
        self.tell(Follow(room.name))
        self.tell(Lacking(room.name, room.repertoire.lacked, hold=room.holds))

    def tell(self, message: Message) -> None:
        """Nobody hears it while the home is away: at the beginning all is said anew."""
        if self.link is not None:
            self.link.send(message_frame(message))

    def _take(self, link: Link, data: bytes) -> None:
        now = self._clock()
        try:
            for each in frames(data):
                self._heed(link, each, now)
        except ValueError as error:
            link.bad += 1
            logger.warning("a worker said what cannot be read: %s", error)

    def _heed(self, link: Link, message: Frame, now: float) -> None:
        match message:
            case Packet(stream, media, late):
                link.received += 1
                if track := self._streams.get(stream):
                    track.take(media, now, late=late)
            case BoardState(room):
                if found := self._rooms.get(room):
                    found[1].take(message, now)
            case _:  # a home says nothing else
                link.bad += 1

    def _lose(self, link: Link) -> None:
        """The home died, or we were too slow for it. Viewers stay, and see what comes next."""
        self.link = None
        now = self._clock()
        for _, lead in self._rooms.values():
            lead.clear(now)
        self._on_end(link)

"""The connections to the other workers: rooms that are at home here are published to them, rooms that are at home there are
followed. Neighbours: `relayed` and `follower` are the two ends of a room, `link` carries what they say.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Callable
from typing import Final, Protocol

from live.control import MediaRefused, RelayStatistics
from live.home import Home
from live.link import Link, LinkPort, connect
from live.relay_wire import (
    Connection,
    Follow,
    Frame,
    KeyFrame,
    Lacking,
    Subscribe,
    Unfollow,
    Unsubscribe,
    connection_frame,
    frames,
)
from live.relayed import Feed, Publication
from live.room import Room
from live.switchboard import Switchboard
from live.wire import Place

MAX_LINKS: Final = 256  # of followers

logger = logging.getLogger("plenum.live")


class Hall(Protocol):
    """The worker's rooms."""

    def open_for_follower(self, room: str) -> Room:
        """The room, opened if need be. Raises `MediaRefused` if there are too many."""

    def find(self, room: str) -> Room | None: ...

    def close_if_empty(self, room: str) -> None: ...

    def adopt(self, sock: socket.socket, beginning: bytes) -> None:
        """A client's connection that came in by another worker."""

    def hold_to_common(self, room: Room) -> None:
        """A viewer came up, here or elsewhere, who lacks a codec."""


class Relays:
    """One worker's."""

    def __init__(self, place: Place, hall: Hall, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._index, self._hall, self._clock = place.links, place.index, hall, clock
        self._feeds: dict[int, Feed] = {}
        self._numbers = itertools.count(1)
        self._followers: dict[Link, set[str]] = {}  # with the rooms that each has viewers of
        self._homes: dict[int, Home] = {}
        self._port: LinkPort | None = None
        self._gone = RelayStatistics(0, 0, 0, 0)

    def start(self) -> None:
        """Listens. Raises `OSError`."""
        if self._name:
            self._port = LinkPort(self._name, self._index, self._accept)

    def stop(self) -> None:
        if self._port:
            self._port.close()
        for link in [*self._followers, *filter(None, (home.link for home in self._homes.values()))]:
            link.close()

    def publication(self, board: Switchboard) -> Publication:
        """What is told of a new room."""
        return Publication(board, self._feeds, self._numbers)

    # --- rooms that are at home elsewhere ---

    def follow(self, room: Room, home: int) -> None:
        """The room has its home there from now on."""
        if home not in self._homes:
            self._homes[home] = Home(self._name, home, self._count, self._clock)
        self._homes[home].follow(room)

    def leave(self, room: Room) -> None:
        """The room has another home, perhaps here, or is closed."""
        for home in self._homes.values():
            home.leave(room)

    def tell_lacking(self, room: Room, *, hold: bool = False) -> None:
        """To the room's home, what viewers here cannot decode. `hold`: one of them came up."""
        if home := self._homes.get(room.home):
            home.tell(Lacking(room.name, room.repertoire.lacked, hold))

    def tick(self) -> None:
        """Every 100 ms: homes that are not there yet, or again, are looked for."""
        for home in self._homes.values():
            home.look()

    def flush(self) -> None:
        """Sends what has been gathered for followers."""
        for link in list(self._followers):
            link.flush()

    # --- rooms that are at home here ---

    def _accept(self, sock: socket.socket) -> None:
        if len(self._followers) >= MAX_LINKS:
            sock.close()
        else:
            self._followers[Link(sock, self._take, self._lose)] = set()

    def _take(self, link: Link, data: bytes) -> None:
        try:
            for each in frames(data):
                self._heed(link, each)
        except ValueError as error:
            link.bad += 1
            logger.warning("a worker said what cannot be read: %s", error)

    def _heed(self, link: Link, message: Frame) -> None:
        if link not in self._followers:  # it was given up in the middle of a datagram
            return
        now = self._clock()
        match message:
            case Follow(room):
                self._publish(link, room, now)
            case Unfollow(room):
                self._followers[link].discard(room)
                self._unpublish(link, room)
            case Subscribe(stream) if feed := self._feeds.get(stream):
                feed.add(link, now)
            case Unsubscribe(stream) if feed := self._feeds.get(stream):
                feed.remove(link)
            case KeyFrame(stream) if feed := self._feeds.get(stream):
                feed.track.request_key_frame(now)
            case Lacking(room, codecs, hold) if found := self._hall.find(room):
                found.repertoire.hear(link, codecs)
                if hold:
                    self._hall.hold_to_common(found)
            case Connection(beginning):
                if (fd := link.take_file()) is not None:
                    self._hall.adopt(socket.socket(fileno=fd), beginning)
            case _:  # of a stream or room that has ended meanwhile
                pass

    def _publish(self, link: Link, room: str, now: float) -> None:
        try:
            found = self._hall.open_for_follower(room)
        except MediaRefused as refusal:
            logger.warning("room not opened for another worker: %s", refusal)
            return
        self._followers[link].add(room)
        found.publication.add(link, now)

    def _unpublish(self, link: Link, room: str) -> None:
        if found := self._hall.find(room):
            found.publication.remove(link)
            found.repertoire.hear(link, ())
            self._hall.close_if_empty(room)

    def _lose(self, link: Link) -> None:
        """The other worker died, or fell too far behind: it comes back."""
        for room in self._followers.pop(link, set()):
            self._unpublish(link, room)
        self._count(link)

    # --- clients' connections ---

    def give(self, worker: int, fd: int, beginning: bytes) -> bool:
        """Passes a client's connection on to the worker that knows the client. False: there are no others."""
        if not self._name:
            return False
        sock = connect(self._name, worker)
        if sock is not None:
            with sock, contextlib.suppress(OSError):  # it tries again
                socket.send_fds(sock, [connection_frame(beginning)], [fd])
        return True

    # --- statistics ---

    def _count(self, link: Link) -> None:
        gone = self._gone
        self._gone = RelayStatistics(0, gone.sent + link.sent, gone.received + link.received, gone.dropped + link.dropped)

    def statistics(self) -> RelayStatistics:
        links = [*self._followers, *filter(None, (home.link for home in self._homes.values()))]
        return RelayStatistics(
            links=len(links),
            sent=self._gone.sent + sum(link.sent for link in links),
            received=self._gone.received + sum(link.received for link in links),
            dropped=self._gone.dropped + sum(link.dropped for link in links),
        )

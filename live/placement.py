"""Which worker serves whom: pure bookkeeping of workers, rooms and peers. Neighbour: `engine`, which carries it out.

A room has a home: the worker that decides about its slots, and that all who may send go to. It is the one with the fewest
peers when the room opens, with those who will be in rooms that have just opened. Who only receives goes there too while the
room is small, so that most rooms stay whole in one worker; in a large one to whichever worker has the fewest peers, which is
sent each publisher's media once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from live.control import HeldRoom

SMALL: Final = 30  # peers of a room at its home, from which on viewers go elsewhere if others have less to do

EXPECTED: Final = 6  # peers that a room counts for at least where another one opens: they are still on their way

MOST_GONE: Final = 1000


class NoWorker(Exception):
    """None is up."""


@dataclass(slots=True)
class _Room:
    home: int
    is_circle: bool = False
    taps: set[str] = field(default_factory=set)
    peers: Counter[int] = field(default_factory=Counter)  # by worker, with those being admitted


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is being admitted."""

    room: str
    worker: int
    home: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a worker's death means: the new homes of rooms that go on elsewhere, and the rooms whose taps are gone."""

    homes: dict[str, int]
    tapped: tuple[str, ...]


class Placement:
    """A room is known from its first peer or tap to its last."""

    def __init__(self, small: int = SMALL) -> None:
        self._small = small
        self._workers: set[int] = set()  # that are up
        self._rooms: dict[str, _Room] = {}
        self._peers: dict[str, Place] = {}
        self._load: Counter[int] = Counter()  # peers by worker, with those being admitted
        self._coming: Counter[int] = Counter()  # of them those being admitted
        self._gone: set[str] = set()  # that left before it was heard that they had been admitted

    @property
    def workers(self) -> frozenset[int]:
        return frozenset(self._workers)

    @property
    def seated(self) -> int:
        """Peers of all rooms but circles, with those being admitted."""
        return sum(room.peers.total() for room in self._rooms.values() if not room.is_circle)

    def home(self, room: str) -> int | None:
        """None: there is no such room."""
        found = self._rooms.get(room)
        return found.home if found else None

    # --- workers ---

    def worker_up(self, worker: int) -> None:
        self._workers.add(worker)

    def adopt(self, worker: int, rooms: Iterable[HeldRoom]) -> None:
        """A worker with all it has. Raises `ValueError` if another says otherwise where a room is at home."""
        self._workers.add(worker)
        for held in rooms:
            room = self._rooms.setdefault(held.name, _Room(held.home, held.kind == "circle"))
            if room.home != held.home:
                raise ValueError(f"{held.name} is at home in {room.home} and in {held.home}")
            room.peers[worker] += len(held.peers)
            self._load[worker] += len(held.peers)
            self._peers.update({peer.peer_id: Place(held.name, worker, held.home) for peer in held.peers})
            self._close_if_empty(held.name, room)

    def worker_down(self, worker: int) -> Loss:
        """It died with all its peers. A room that is left with peers elsewhere has its home there from now on."""
        self._workers.discard(worker)
        self._peers = {peer_id: place for peer_id, place in self._peers.items() if place.worker != worker}
        del self._load[worker], self._coming[worker]
        homes: dict[str, int] = {}
        tapped: list[str] = []
        for name, room in list(self._rooms.items()):
            del room.peers[worker]
            if room.home != worker:
                continue
            if room.taps:
                room.taps.clear()
                tapped.append(name)
            if room.peers:
                homes[name] = room.home = min(room.peers, key=lambda each: (-room.peers[each], each))
            else:
                del self._rooms[name]
        return Loss(homes, tuple(tapped))

    # --- peers ---

    def place(self, room: str, *, sends: bool, is_circle: bool = False) -> Place:
        """Chooses a worker for somebody; `settle` or `cancel` must follow. Raises `NoWorker`."""
        known = self._open(room, is_circle=is_circle)
        worker = known.home
        if not sends and known.peers[worker] >= self._small:
            worker = self._idlest(worker)
        known.peers[worker] += 1
        self._load[worker] += 1
        self._coming[worker] += 1
        return Place(room, worker, known.home)

    def settle(self, place: Place, peer_id: str) -> bool:
        """They were admitted. False: by a worker that has died since."""
        if not self._coming[place.worker]:
            return False
        if peer_id in self._gone:
            self._gone.discard(peer_id)
            self._subtract(place)
        else:
            self._peers[peer_id] = place
        self._arrive(place)
        return True

    def cancel(self, place: Place) -> None:
        """They were refused, or the worker died meanwhile."""
        if self._coming[place.worker]:
            self._arrive(place)
            self._subtract(place)

    def left(self, peer_id: str, worker: int) -> None:
        """A peer of that worker's is gone."""
        place = self._peers.pop(peer_id, None)
        if place is not None:
            self._subtract(place)
        elif self._coming[worker] and len(self._gone) < MOST_GONE:
            self._gone.add(peer_id)

    def _arrive(self, place: Place) -> None:
        self._coming[place.worker] -= 1
        if not +self._coming:
            self._gone.clear()

    def _subtract(self, place: Place) -> None:
        self._load[place.worker] -= 1
        room = self._rooms.get(place.room)
        if room is not None:
            room.peers[place.worker] -= 1
            if room.peers[place.worker] <= 0:
                del room.peers[place.worker]
            self._close_if_empty(place.room, room)

    # --- taps ---

    def tap(self, room: str, tap_id: str) -> int:
        """Returns the room's home, where it is tapped. Raises `NoWorker`."""
        known = self._open(room)
        known.taps.add(tap_id)
        return known.home

    def untap(self, room: str, tap_id: str) -> int | None:
        """Returns the room's home, None if there is no such tap."""
        known = self._rooms.get(room)
        if known is None or tap_id not in known.taps:
            return None
        known.taps.discard(tap_id)
        self._close_if_empty(room, known)
        return known.home

    # ---

    def _open(self, room: str, *, is_circle: bool = False) -> _Room:
        if room not in self._rooms:
            if not self._workers:
                raise NoWorker
            self._rooms[room] = _Room(self._idlest_to_open(), is_circle)
        return self._rooms[room]

    def _idlest_to_open(self) -> int:
        """Breakout rooms open all at once: by those who are there already all of them would open at the same worker."""
        awaited: Counter[int] = Counter()
        for room in self._rooms.values():
            awaited[room.home] += max(0, EXPECTED - sum(room.peers.values()))
        return min(self._workers, key=lambda worker: (self._load[worker] + awaited[worker], worker))

    def _idlest(self, preferred: int = -1) -> int:
        """The worker with the fewest peers; of equals `preferred`, else the first."""
        return min(self._workers, key=lambda worker: (self._load[worker], worker != preferred, worker))

    def _close_if_empty(self, name: str, room: _Room) -> None:
        if not room.peers and not room.taps:
            del self._rooms[name]

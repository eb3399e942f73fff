"""Who is served where: small rooms whole, large ones spread, and what is left when a worker dies."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from live.placement import SMALL, NoWorker, Place, Placement

WORKERS = 3
ROOMS = st.sampled_from(("plenum", "left", "right"))


def opened(workers: int, small: int = SMALL) -> Placement:
    placement = Placement(small)
    for worker in range(workers):
        placement.worker_up(worker)
    return placement


def admit(placement: Placement, room: str, peer_id: str, *, sends: bool = False) -> Place:
    place = placement.place(room, sends=sends)
    assert placement.settle(place, peer_id)
    return place


def test_rooms_open_where_least_is_going_on_and_small_ones_stay_whole() -> None:
    placement = opened(2)
    for number in range(SMALL):
        assert admit(placement, "plenum", f"p{number}") == Place("plenum", 0, 0)
    assert admit(placement, "left", "l") == Place("left", 1, 1)
    assert admit(placement, "left", "m", sends=True) == Place("left", 1, 1)


def test_rooms_that_open_all_at_once_are_spread_before_their_people_are_there() -> None:
    placement = opened(2)
    for number in range(20):
        admit(placement, "plenum", f"p{number}")  # more to do at the first than all the others' first peers
    homes = [admit(placement, f"group{number}", f"g{number}", sends=True).home for number in range(20)]
    for number in range(100):
        admit(placement, f"group{number % 20}", f"h{number}", sends=True)
    loads = Counter(homes)
    assert abs((20 + 6 * loads[0]) - 6 * loads[1]) <= 6


def test_a_large_rooms_viewers_are_spread_and_its_speakers_are_not() -> None:
    placement = opened(2)
    for number in range(1000):
        admit(placement, "plenum", f"p{number}")
    workers = Counter(admit(placement, "plenum", f"q{number}").worker for number in range(100))
    assert workers == {0: 50, 1: 50}
    assert {admit(placement, "plenum", f"s{number}", sends=True).worker for number in range(5)} == {0}


def test_a_dead_home_moves_to_where_most_viewers_are() -> None:
    placement = opened(3, small=1)
    for number in range(9):
        admit(placement, "plenum", f"p{number}")
    admit(placement, "left", "l")
    placement.tap("plenum", "recording")
    loss = placement.worker_down(0)
    assert loss.homes == {"plenum": 1} and loss.tapped == ("plenum",)
    assert placement.home("plenum") == 1
    assert admit(placement, "plenum", "again", sends=True) == Place("plenum", 1, 1)


def test_a_room_that_died_whole_opens_anew_elsewhere() -> None:
    placement = opened(2)
    admit(placement, "plenum", "p")
    assert placement.worker_down(0).homes == {}
    assert placement.home("plenum") is None
    assert admit(placement, "plenum", "p2").worker == 1


def test_without_workers_nobody_is_placed() -> None:
    placement = opened(1)
    placement.worker_down(0)
    with pytest.raises(NoWorker):
        placement.place("plenum", sends=True)
    with pytest.raises(NoWorker):
        placement.tap("plenum", "recording")


def test_who_was_admitted_by_a_worker_that_died_meanwhile_is_not_counted() -> None:
    placement = opened(2)
    place = placement.place("plenum", sends=True)
    placement.worker_down(0)
    placement.worker_up(0)
    assert not placement.settle(place, "p")
    placement.cancel(place)
    assert admit(placement, "plenum", "p2").worker == 0


def test_who_left_before_it_was_heard_that_they_came_is_not_counted() -> None:
    placement = opened(2)
    place = placement.place("plenum", sends=True)
    placement.left("p", place.worker)
    assert placement.settle(place, "p")
    assert placement.home("plenum") is None


class Books(RuleBasedStateMachine):
    """Whatever happens: rooms have living homes, who may send is there, and nothing is left of those who are gone."""

    coming: Bundle[Place] = Bundle("coming")
    there: Bundle[str] = Bundle("there")

    @initialize()
    def open(self) -> None:
        self.placement = opened(WORKERS, small=2)
        self.peers: dict[str, Place] = {}
        self.pending: list[Place] = []
        self.taps: set[tuple[str, str]] = set()
        self.count = 0

    def stale(self, place: Place) -> bool:
        return not any(each is place for each in self.pending)

    @precondition(lambda self: self.placement.workers)
    @rule(target=coming, room=ROOMS, sends=st.booleans())
    def place(self, room: str, sends: bool) -> Place:
        place = self.placement.place(room, sends=sends)
        assert place.worker in self.placement.workers and place.home in self.placement.workers
        assert place.worker == place.home or not sends
        self.pending.append(place)
        return place

    @rule(target=there, place=consumes(coming), early=st.booleans())
    def settle(self, place: Place, early: bool) -> str | MultipleResults[str]:
        if self.stale(place):
            return multiple()
        self.count += 1
        peer_id = f"peer{self.count}"
        if early:
            self.placement.left(peer_id, place.worker)
        assert self.placement.settle(place, peer_id)
        self.pending = [each for each in self.pending if each is not place]
        if early:
            return multiple()
        self.peers[peer_id] = place
        return peer_id

    @rule(place=consumes(coming))
    def cancel(self, place: Place) -> None:
        if not self.stale(place):
            self.placement.cancel(place)
            self.pending = [each for each in self.pending if each is not place]

    @rule(peer_id=consumes(there))
    def leave(self, peer_id: str) -> None:
        if place := self.peers.pop(peer_id, None):
            self.placement.left(peer_id, place.worker)

    @precondition(lambda self: self.placement.workers)
    @rule(room=ROOMS, tap_id=st.sampled_from("ab"))
    def tap(self, room: str, tap_id: str) -> None:
        assert self.placement.tap(room, tap_id) in self.placement.workers
        self.taps.add((room, tap_id))

    @rule(room=ROOMS, tap_id=st.sampled_from("ab"))
    def untap(self, room: str, tap_id: str) -> None:
        known = (room, tap_id) in self.taps
        assert (self.placement.untap(room, tap_id) is not None) == known
        self.taps.discard((room, tap_id))

    @rule(worker=st.integers(0, WORKERS - 1))
    def die(self, worker: int) -> None:
        if worker not in self.placement.workers:
            return
        tapped = {room for room, _ in self.taps if self.placement.home(room) == worker}
        loss = self.placement.worker_down(worker)
        assert set(loss.tapped) == tapped and worker not in loss.homes.values()
        self.taps = {(room, tap_id) for room, tap_id in self.taps if room not in tapped}
        self.peers = {peer_id: place for peer_id, place in self.peers.items() if place.worker != worker}
        self.pending = [place for place in self.pending if place.worker != worker]

    @rule(worker=st.integers(0, WORKERS - 1))
    def come(self, worker: int) -> None:
        self.placement.worker_up(worker)

    @invariant()
    def books_are_right(self) -> None:
        there = [*self.peers.values(), *self.pending]
        rooms = {place.room for place in there} | {room for room, _ in self.taps}
        assert set(self.placement._rooms) == rooms
        assert all(self.placement.home(room) in self.placement.workers for room in rooms)
        assert +self.placement._load == Counter(place.worker for place in there)


Books.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_books = Books.TestCase

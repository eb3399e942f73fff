"""For how long the last words of somebody who was moved are taken."""

from __future__ import annotations

from rooms import messages as m
from server.journal import Entry
from server.notes.leaving import GRACE_SECONDS, Leaving
from server.notes.notebook import Place
from tests.fakes import FakeClock, FakeSeconds

ROOM = m.BreakoutRoom("b1", 1, "")


def left(person_id: str, *, is_moved: bool) -> Entry:
    return Entry("breakouts/s1", 1, FakeClock()(), "mona", m.BreakoutLeft(ROOM, person_id, is_moved), b"")


def test_a_moment_and_only_of_who_was_moved() -> None:
    clock = FakeSeconds()
    leaving = Leaving(clock)
    leaving.heed(left("anna", is_moved=True))
    leaving.heed(left("bo", is_moved=False))
    place = Place("s1", "b1")
    assert leaving.may_write(place, "anna") and not leaving.may_write(place, "bo")
    assert not leaving.may_write(Place("s1", "b2"), "anna")
    clock.now += GRACE_SECONDS + 1
    assert not leaving.may_write(place, "anna")

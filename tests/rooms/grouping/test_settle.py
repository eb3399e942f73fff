"""The day itself: who comes late, and who does not come."""

from __future__ import annotations

from msgspec.structs import replace

from rooms.grouping import Composition, Group, Lock, Participant, Request, Round, settle
from tests.rooms.grouping.requests import musts, people, sets, wishes

ROOMS = Composition(((Group(("p0", "p1", "p2"), "budget", "p0"), Group(("p3", "p4"), "care", "p3")),))


def request(*late: Participant, **known: object) -> Request:
    everybody = tuple(replace(person, facilitates=True) for person in people(5))
    return Request((*everybody, *late), (Round(rooms=2, wishes=(*wishes("topic"), *musts("facilitator"))),), **known)  # type: ignore[arg-type]


def present(of: Request, *absent: str) -> set[str]:
    return {person.id for person in of.people} - set(absent)


def test_when_all_are_there_nothing_changes() -> None:
    assert settle(request(), ROOMS, 0, present(request())) == ROOMS


def test_a_latecomer_goes_where_there_is_most_room() -> None:
    of = request(Participant("late", topics=("budget",)))
    assert sets(settle(of, ROOMS, 0, present(of))) == [{"p0", "p1", "p2"}, {"p3", "p4", "late"}]


def test_of_two_rooms_with_as_much_room_a_latecomer_goes_where_they_fit() -> None:
    of = request(Participant("late", topics=("budget",)))
    assert sets(settle(of, ROOMS, 0, present(of, "p2"))) == [{"p0", "p1", "late"}, {"p3", "p4"}]


def test_a_latecomer_is_kept_apart_from_whom_they_are_to_be_apart() -> None:
    of = request(Participant("late"), apart=(("late", "p3"),))
    assert sets(settle(of, ROOMS, 0, present(of))) == [{"p0", "p1", "p2", "late"}, {"p3", "p4"}]


def test_whoever_is_left_alone_goes_to_the_others() -> None:
    assert sets(settle(request(), ROOMS, 0, present(request(), "p3"))) == [{"p0", "p1", "p2", "p4"}]


def test_a_facilitator_who_does_not_come_is_replaced_and_the_other_stays() -> None:
    groups = settle(request(), ROOMS, 0, present(request(), "p0")).rounds[0]
    assert (groups[0].facilitator in ("p1", "p2"), groups[1].facilitator) == (True, "p3")


def test_rooms_keep_their_topics() -> None:
    of = request(Participant("late", topics=("schools",)))
    assert [group.topic for group in settle(of, ROOMS, 0, present(of, "p2")).rounds[0]] == ["budget", "care"]


def test_nobody_joins_a_room_that_is_locked() -> None:
    of = request(Participant("late"), locks=(Lock(0, 1, ("p3", "p4"), closed=True),))
    assert sets(settle(of, ROOMS, 0, present(of))) == [{"p0", "p1", "p2", "late"}, {"p3", "p4"}]


def test_when_nobody_comes_there_are_no_groups() -> None:
    assert sets(settle(request(), ROOMS, 0, set())) == []


def test_other_rounds_stay_as_they_are() -> None:
    of = replace(request(), rounds=(*request().rounds, *request().rounds))
    both = Composition((ROOMS.rounds[0], (Group(("p0", "p3")), Group(("p1", "p2", "p4")))))
    assert [group.people for group in settle(of, both, 0, {"p0", "p1"}).rounds[1]] == [("p0", "p3"), ("p1", "p2", "p4")]

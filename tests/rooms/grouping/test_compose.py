"""Cases with a name: each rule alone, and what happens when it cannot be met."""

from __future__ import annotations

from itertools import combinations

import pytest
from msgspec.structs import replace

from rooms.grouping import Composition, Group, Lock, Notice, Participant, Request, Round, Wish, compose, judge
from rooms.grouping.model import Rule
from tests.rooms.grouping.requests import musts, pairs, people, sets, wishes


def codes(request: Request) -> list[str]:
    return [notice.code for notice in judge(request, compose(request)).notices]


def score(request: Request, rule: Rule) -> float:
    return judge(request, compose(request)).rounds[0].rules[rule]


@pytest.mark.parametrize(
    ("count", "wanted", "sizes"),
    [
        (20, Round(per_room=6), [6, 7, 7]),
        (20, Round(rooms=4), [5, 5, 5, 5]),
        (7, Round(per_room=3), [3, 4]),
        (31, Round(rooms=10), [3] * 9 + [4]),
        (26, Round(per_room=12), [8, 9, 9]),  # two rooms would be nearer, but a room holds twelve
        (5, Round(rooms=4), [2, 3]),
        (3, Round(per_room=1), [3]),
        (1, Round(rooms=3), [1]),
        (0, Round(rooms=3), []),
    ],
)
def test_rooms_by_number_or_by_people(count: int, wanted: Round, sizes: list[int]) -> None:
    composition = compose(Request(people(count), (wanted,)))
    assert sorted(map(len, sets(composition))) == sizes


def test_fewer_rooms_than_wished_are_opened_so_that_nobody_is_alone_and_it_is_said() -> None:
    assert codes(Request(people(5), (Round(rooms=4),))) == ["fewer_rooms"]


def test_more_people_than_seats_are_placed_all_the_same_and_it_is_said() -> None:
    request = Request(people(10), (Round(rooms=2, most=4),))
    assert judge(request, compose(request)).notices == (Notice("too_many_people", 0, count=10, most=8),)


def test_who_may_not_come_is_not_reckoned_with_when_rooms_are_counted() -> None:
    unsure = tuple(replace(person, turnout=0.5) for person in people(12))
    assert len(sets(compose(Request(unsure, (Round(per_room=3),))))) == 2


def test_who_may_not_come_is_spread() -> None:
    everybody = (*(replace(p, id=f"u{p.id}", turnout=0.5) for p in people(4)), *people(12))
    composition = compose(Request(everybody, (Round(rooms=4, wishes=wishes("turnout")),)))
    assert all(sum(p.startswith("u") for p in group) == 1 for group in sets(composition))


def bands(count: int) -> tuple[Participant, ...]:
    return tuple(replace(p, size_band=number % 4) for number, p in enumerate(people(count)))


@pytest.mark.parametrize(("rule", "found"), [("size_same", [{0}, {1}, {2}, {3}]), ("size_mixed", [{0, 1, 2, 3}] * 4)])
def test_size_bands_alike_or_mixed(rule: Rule, found: list[set[int]]) -> None:
    everybody = bands(16)
    band = {person.id: person.size_band for person in everybody}
    composition = compose(Request(everybody, (Round(per_room=4, wishes=wishes(rule)),)))
    assert sorted(({band[p] for p in group} for group in sets(composition)), key=str) == found


def test_neighbouring_size_bands() -> None:
    request = Request(bands(16), (Round(rooms=2, wishes=musts("size_neighbouring")),))
    assert codes(request) == []


def test_new_with_experienced() -> None:
    everybody = tuple(replace(p, experience="new" if n < 4 else "experienced") for n, p in enumerate(people(16)))
    request = Request(everybody, (Round(per_room=4, wishes=wishes("experience")),))
    assert all(len(group & {"p0", "p1", "p2", "p3"}) == 1 for group in sets(compose(request)))
    assert score(request, "experience") == 1


def test_a_must_that_too_few_can_meet_is_listed_room_by_room() -> None:
    everybody = tuple(replace(p, experience="new" if n < 3 else "experienced") for n, p in enumerate(people(16)))
    assert codes(Request(everybody, (Round(per_room=4, wishes=musts("experience")),))) == ["no_new"]


def test_counties_are_spread() -> None:
    everybody = tuple(replace(p, county=f"county {n // 4}") for n, p in enumerate(people(16)))
    assert codes(Request(everybody, (Round(per_room=4, wishes=musts("county")),))) == []


def test_groups_within_a_professional_field() -> None:
    everybody = tuple(replace(p, field="abc"[n % 3]) for n, p in enumerate(people(18)))
    assert codes(Request(everybody, (Round(per_room=6, wishes=musts("field")),))) == []


def test_a_room_for_each_topic_as_many_as_chose_it() -> None:
    everybody = tuple(replace(p, topics=("budget",) if n < 8 else ("schools", "budget")) for n, p in enumerate(people(12)))
    composition = compose(Request(everybody, (Round(per_room=4, wishes=wishes("topic")),)))
    assert sorted(group.topic for group in composition.rounds[0]) == ["budget", "budget", "schools"]
    assert all(group.people == ("p10", "p11", "p8", "p9") for group in composition.rounds[0] if group.topic == "schools")


def test_a_second_choice_is_worth_more_than_none() -> None:
    everybody = (
        *(replace(p, topics=("budget",)) for p in people(4)),
        Participant("q0", topics=("rare", "schools")),
        *(Participant(f"q{n}", topics=("schools",)) for n in range(1, 4)),
    )
    composition = compose(Request(everybody, (Round(rooms=2, wishes=wishes("topic")),)))
    assert {"q0", "q1", "q2", "q3"} in sets(composition)


def test_nobody_meets_twice_over_rounds_and_days() -> None:
    yesterday = tuple(tuple(f"p{n}" for n in range(first, first + 6)) for first in range(0, 36, 6))
    sitting = Round(per_room=6, wishes=musts("never_met"))
    request = Request(people(36), (sitting, sitting), met=yesterday)
    composition = compose(request)
    met = [*pairs(yesterday), *pairs(sets(composition, 0)), *pairs(sets(composition, 1))]
    assert len(met) == len(set(met)) and codes(request) == []


def test_sixteen_people_in_fours_meet_nobody_twice_in_four_rounds() -> None:
    """There are such groups (golfers' problem), but few: it takes another search of each round with the others known."""
    sitting = Round(per_room=4, wishes=musts("never_met"))
    assert codes(Request(people(16), (sitting,) * 4)) == []


def test_where_somebody_must_meet_again_it_is_listed_with_whom() -> None:
    sitting = Round(rooms=2, wishes=musts("never_met"))
    request = Request(people(4), (sitting, sitting, sitting, sitting))
    notices = judge(request, compose(request)).notices
    assert [n.code for n in notices] == ["met_again"] * 2
    assert len({n.round for n in notices}) == 1  # of four rounds there are three without a repetition
    assert all(n.count == 1 and len(n.people) == 2 for n in notices)


def test_those_who_are_to_be_together_are_and_do_not_count_as_met() -> None:
    sitting = Round(rooms=3, wishes=musts("never_met"))
    request = Request(people(9), (sitting, sitting), together=(("p0", "p8"), ("p8", "p4")))
    composition = compose(request)
    assert all(any({"p0", "p4", "p8"} <= group for group in sets(composition, number)) for number in (0, 1))
    assert not {"p0", "p4", "p8"} & {p for notice in judge(request, composition).notices for p in notice.people}


def test_those_who_are_to_be_apart_are() -> None:
    request = Request(people(8), (Round(rooms=4),), apart=(("p0", "p1", "p2", "p3"),))
    assert all(len(group & {"p0", "p1", "p2", "p3"}) == 1 for group in sets(compose(request)))


def test_who_is_to_be_apart_from_many_makes_rooms_uneven_and_it_is_said() -> None:
    request = Request(people(6), (Round(rooms=2),), apart=tuple(("p0", f"p{other}") for other in range(1, 5)))
    assert {"p0", "p5"} in sets(compose(request)) and codes(request) == ["uneven"]


def test_together_and_apart_at_once_is_said() -> None:
    assert codes(Request(people(6), (Round(rooms=2),), together=(("p0", "p1"),), apart=(("p0", "p1"),))) == ["not_apart"]


def test_more_together_than_a_room_holds_are_cut_and_it_is_said() -> None:
    request = Request(people(12), (Round(rooms=3, most=4),), together=(tuple(f"p{n}" for n in range(6)),))
    (notice,) = judge(request, compose(request)).notices
    assert (notice.code, notice.most, len(notice.people)) == ("together_too_many", 4, 6)
    assert sorted(len(group & set(notice.people)) for group in sets(compose(request))) == [0, 3, 3]


def test_teams_stay_together_and_rooms_become_uneven_only_as_far_as_they_force_it() -> None:
    everybody = tuple(replace(p, team="abcde"[n // 3] if n < 15 else "") for n, p in enumerate(people(17)))
    request = Request(everybody, (Round(rooms=3, wishes=musts("teams_together")),))
    composition = compose(request)
    assert sorted(map(len, sets(composition))) == [5, 6, 6]
    assert all(any({f"p{n}" for n in range(at, at + 3)} <= group for group in sets(composition)) for at in range(0, 15, 3))
    assert codes(request) == []


def test_teams_of_which_two_fit_in_no_room_make_rooms_uneven_and_it_is_said() -> None:
    everybody = tuple(replace(p, team="abc"[n // 4]) for n, p in enumerate(people(12)))
    request = Request(everybody, (Round(rooms=2, wishes=musts("teams_together")),))
    assert sorted(map(len, sets(compose(request)))) == [4, 8]
    assert codes(request) == ["uneven"]


def test_teams_meet_other_teams() -> None:
    everybody = tuple(replace(p, team="abcd"[n // 4]) for n, p in enumerate(people(16)))
    request = Request(everybody, (Round(rooms=4, wishes=musts("teams_apart")),))
    assert codes(request) == [] and score(request, "teams_apart") == 1


def test_a_facilitator_in_every_room_and_not_always_the_same() -> None:
    everybody = tuple(replace(p, facilitates=n % 2 == 0) for n, p in enumerate(people(8)))
    sitting = Round(rooms=2, wishes=musts("facilitator"))
    same = (("p0", "p1", "p2", "p3"), ("p4", "p5", "p6", "p7"))
    composition = compose(Request(everybody, (sitting, sitting), together=same))
    chosen = [group.facilitator for groups in composition.rounds for group in groups]
    assert sorted(chosen) == ["p0", "p2", "p4", "p6"]


def test_too_few_willing_is_said_with_the_rooms_that_go_without() -> None:
    everybody = tuple(replace(p, facilitates=n < 2) for n, p in enumerate(people(9)))
    assert codes(Request(everybody, (Round(rooms=3, wishes=musts("facilitator")),))) == [
        "too_few_facilitators",
        "no_facilitator",
    ]


def test_locks_stay_and_the_rest_is_composed_around_them() -> None:
    everybody = bands(16)
    closed = Lock(0, 2, ("p0", "p1", "p2"), closed=True, topic="budget", facilitator="p1")
    request = Request(everybody, (Round(rooms=4, wishes=wishes("size_same")),), locks=(Lock(0, 0, ("p7",)), closed))
    groups = compose(request).rounds[0]
    assert groups[2] == Group(("p0", "p1", "p2"), "budget", "p1")
    assert "p7" in groups[0].people
    assert sorted(len(groups[at].people) for at in (0, 1, 3)) == [4, 4, 5]


@pytest.mark.parametrize(
    ("locks", "said"),
    [
        ((Lock(0, 9, ("p0",)),), "lock_impossible"),
        ((Lock(0, 0, ("p0",)), Lock(0, 1, ("p0",))), "lock_impossible"),
        ((Lock(0, 0, ("p0",), closed=True), Lock(0, 0, ("p1",))), "lock_impossible"),
        ((Lock(0, 0, ("stranger",)),), "not_taking_part"),
    ],
)
def test_impossible_locks_are_said(locks: tuple[Lock, ...], said: str) -> None:
    assert said in codes(Request(people(4), (Round(rooms=2),), locks=locks))


def test_closed_rooms_for_some_leave_a_room_for_the_others() -> None:
    locks = tuple(Lock(0, at, (f"p{2 * at}", f"p{2 * at + 1}"), closed=True) for at in range(2))
    assert codes(Request(people(6), (Round(rooms=2),), locks=locks)) == ["more_rooms"]


def test_nobody_is_left_alone_beside_a_team() -> None:
    everybody = tuple(replace(p, team="a" if n < 4 else "") for n, p in enumerate(people(5)))
    request = Request(everybody, (Round(rooms=2, wishes=musts("teams_together")),))
    assert sets(compose(request)) == [{person.id for person in everybody}]


def test_nobody_is_held_to_what_is_not_known() -> None:
    rules: tuple[Rule, ...] = ("size_same", "county", "experience", "field")
    request = Request(people(8), (Round(rooms=2, wishes=musts(*rules[:2])),))
    assert codes(request) == []
    assert judge(request, compose(request)).rounds[0].rules == {}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"rooms": 2, "per_room": 3},
        {"rooms": 0},
        {"rooms": 2, "most": 1},
        {"rooms": 2, "wishes": wishes("size_same", "size_mixed")},
        {"rooms": 2, "wishes": wishes("county", "county")},
        {"rooms": 2, "wishes": musts("turnout")},
        {"rooms": 2, "wishes": (Wish("county", weight=0),)},
    ],
)
def test_what_no_organiser_can_mean_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Request(people(4), (Round(**wanted),))  # type: ignore[arg-type]


def test_two_people_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError):
        Request((*people(1), *people(1)), (Round(rooms=1),))


def test_as_good_as_the_best_of_all_divisions() -> None:
    """Eight people in two rooms: all 35 divisions looked at."""
    everybody = tuple(
        replace(p, size_band=(0, 0, 1, 2, 3, 3, 1, 0)[n], county="aabbcdda"[n], experience=("new", "experienced")[n % 2])
        for n, p in enumerate(people(8))
    )
    request = Request(everybody, (Round(rooms=2, wishes=wishes("size_same", "county", "experience")),))
    names = [person.id for person in everybody]
    divisions = [
        Composition(((Group(("p0", *three)), Group(tuple(sorted({*names} - {"p0", *three})))),))
        for three in combinations(names[1:], 3)
    ]
    best = max(judge(request, division).overall for division in divisions)
    assert judge(request, compose(request)).overall == pytest.approx(best, abs=0.02)

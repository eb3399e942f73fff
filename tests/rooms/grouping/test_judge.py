"""Scores and notices of groups made by hand: the judge does not know who made them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rooms.grouping import Composition, Group, Notice, Request, Round, Rule, judge
from tests.rooms.grouping.requests import musts, people, wishes


def by_hand(*groups: tuple[str, ...], topic: str = "") -> Composition:
    return Composition((tuple(Group(group, topic) for group in groups),))


def four(**known: tuple[object, ...]) -> Request:
    """p0 to p3, each with their own of what is given; a round for every rule is added by the test."""
    everybody = tuple(
        replace(person, **{name: values[at] for name, values in known.items()}) for at, person in enumerate(people(4))
    )
    return Request(everybody, (Round(rooms=2),))


@pytest.mark.parametrize(
    ("rule", "known", "scores"),
    [
        ("size_same", {"size_band": (0, 0, 0, 1)}, (1.0, 0.0)),
        ("size_neighbouring", {"size_band": (2, 3, 0, 2)}, (1.0, 0.0)),
        ("size_mixed", {"size_band": (0, 1, 2, 2)}, (1.0, 0.0)),
        ("county", {"county": ("A", "B", "C", "C")}, (1.0, 0.0)),
        ("field", {"field": ("x", "x", "x", "y")}, (1.0, 0.0)),
        ("turnout", {"turnout": (1.0, 1.0, 0.5, 0.5)}, (1.0, 0.0)),
        ("teams_apart", {"team": ("a", "b", "c", "c")}, (1.0, 0.0)),
    ],
)
def test_a_group_that_fits_and_one_that_does_not(
    rule: Rule, known: dict[str, tuple[object, ...]], scores: tuple[float, float]
) -> None:
    request = replace(four(**known), rounds=(Round(rooms=2, wishes=wishes(rule)),))
    report = judge(request, by_hand(("p0", "p1"), ("p2", "p3")))
    assert tuple(group[rule] for group in report.rounds[0].groups) == scores
    assert report.rounds[0].rules[rule] == report.overall == 0.5
    assert report.notices == ()


@pytest.mark.parametrize(
    ("rule", "known", "notice"),
    [
        ("size_same", {"size_band": (0, 0, 0, 1)}, Notice("size_not_same", 0, 1, ("p2", "p3"))),
        ("size_neighbouring", {"size_band": (0, 1, 0, 2)}, Notice("size_not_neighbouring", 0, 1, ("p2", "p3"))),
        ("county", {"county": ("A", "B", "C", "C")}, Notice("county_twice", 0, 1, ("p2", "p3"))),
        ("field", {"field": ("x", "x", "x", "y")}, Notice("field_not_same", 0, 1, ("p2", "p3"))),
        ("experience", {"experience": ("new", "experienced", "new", "")}, Notice("no_experienced", 0, 1)),
        ("teams_apart", {"team": ("", "", "c", "c")}, Notice("team_not_apart", 0, 1, ("p2", "p3"), "c")),
        ("teams_together", {"team": ("c", "", "c", "")}, Notice("team_split", 0, None, ("p0", "p2"), "c", most=12)),
    ],
)
def test_a_broken_must_is_told_with_whom(rule: Rule, known: dict[str, tuple[object, ...]], notice: Notice) -> None:
    request = replace(four(**known), rounds=(Round(rooms=2, wishes=musts(rule)),))
    assert judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).notices == (notice,)


def test_as_many_new_people_as_there_are_in_all_rounded_up_or_down_are_right() -> None:
    everybody = tuple(replace(p, experience="new" if n in (0, 3, 4) else "experienced") for n, p in enumerate(people(9)))
    request = Request(everybody, (Round(rooms=3, wishes=wishes("experience")),))
    report = judge(request, by_hand(("p0", "p1", "p2"), ("p3", "p4", "p5"), ("p6", "p7", "p8")))
    assert [group["experience"] for group in report.rounds[0].groups] == [1, 1, 0]


def test_a_team_that_is_whole_one_that_is_split_and_a_group_without_any() -> None:
    request = replace(four(team=("c", "c", "", "")), rounds=(Round(rooms=2, wishes=wishes("teams_together")),))
    whole, split = (
        judge(request, by_hand(*groups)).rounds[0] for groups in ((("p0", "p1"), ("p2", "p3")), (("p0", "p2"), ("p1", "p3")))
    )
    assert whole.groups == ({"teams_together": 1.0}, {}) and whole.overall == 1
    assert split.groups == ({"teams_together": 0.0}, {"teams_together": 0.0}) and split.overall == 0


def test_two_of_a_team_of_three_are_a_third_of_what_was_wished() -> None:
    request = replace(four(team=("c", "c", "c", "")), rounds=(Round(rooms=2, wishes=wishes("teams_together")),))
    scores = judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).rounds[0]
    assert scores.groups == ({"teams_together": 0.5}, {"teams_together": 0.0}) and scores.overall == 1 / 3


def test_a_rule_says_nothing_of_people_of_whom_nothing_is_known() -> None:
    request = replace(four(county=("A", "B", "", "")), rounds=(Round(rooms=2, wishes=wishes("county")),))
    scores = judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).rounds[0]
    assert scores.groups == ({"county": 1.0}, {}) and scores.overall == 1


def test_a_wish_that_is_not_kept_is_a_score_and_no_notice() -> None:
    request = replace(four(county=("A", "B", "C", "C")), rounds=(Round(rooms=2, wishes=wishes("county")),))
    assert judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).notices == ()


def test_topics_first_choice_second_choice_none() -> None:
    request = replace(four(topics=(("a",), ("b", "a"), ("c",), ())), rounds=(Round(rooms=1, wishes=musts("topic")),))
    report = judge(request, by_hand(("p0", "p1", "p2", "p3"), topic="a"))
    assert report.overall == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    assert report.notices == (Notice("not_their_topic", 0, 0, ("p2",), "a"),)


def test_who_met_yesterday_and_who_met_an_hour_ago() -> None:
    sitting = Round(rooms=2, wishes=musts("never_met"))
    request = Request(people(6), (sitting, sitting), met=(("p0", "p1", "stranger"),))
    morning = (Group(("p0", "p1", "p2")), Group(("p3", "p4", "p5")))
    evening = (Group(("p0", "p3", "p2")), Group(("p1", "p4", "p5")))
    report = judge(request, Composition((morning, evening)))
    assert report.notices == (
        Notice("met_again", 0, 0, ("p0", "p1"), count=1),
        Notice("met_again", 1, 0, ("p0", "p2"), count=1),
        Notice("met_again", 1, 1, ("p4", "p5"), count=1),
    )
    assert [scores.rules["never_met"] for scores in report.rounds] == [5 / 6, 4 / 6]


def test_weights_decide_what_counts() -> None:
    request = four(county=("A", "A", "B", "B"), field=("x", "x", "y", "y"))
    county, field = wishes("county", "field")
    request = replace(request, rounds=(Round(rooms=2, wishes=(county, replace(field, weight=3))),))
    assert judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).overall == 0.75


def test_a_room_that_is_not_opened_is_judged_by_nobody() -> None:
    request = replace(four(), rounds=(Round(rooms=2, wishes=musts("facilitator")),))
    everybody = tuple(replace(person, facilitates=True) for person in request.people)
    composition = Composition(((Group(("p0", "p1", "p2", "p3"), facilitator="p0"), Group()),))
    report = judge(replace(request, people=everybody), composition)
    assert [notice.code for notice in report.notices] == ["fewer_rooms"] and report.overall == 1


def test_wishes_about_people_who_do_not_take_part_are_told() -> None:
    request = replace(four(), together=(("p0", "gone"),))
    assert judge(request, by_hand(("p0", "p1"), ("p2", "p3"))).notices == (Notice("not_taking_part", people=("gone",)),)

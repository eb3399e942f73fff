"""The facts about a group: what was wished for and holds, and nothing that is nobody's business."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rooms.grouping import Composition, Fact, Group, Participant, Request, Round, explain
from rooms.grouping.model import Rule
from tests.rooms.grouping.requests import people, wishes


def facts(everybody: tuple[Participant, ...], *rules: Rule, topic: str = "", facilitator: str = "") -> tuple[Fact, ...]:
    """What p0 is told when all sit in one room."""
    request = Request(everybody, (Round(rooms=1, wishes=wishes(*rules)),), met=(("p8", "p9"),))
    group = Group(tuple(person.id for person in everybody), topic, facilitator)
    return explain(request, Composition(((group,),)), 0, "p0")[:-1]  # the last is about whom one has met


def sized(*populations: int) -> tuple[Participant, ...]:
    return tuple(Participant(f"p{n}", municipality=f"m{n}", population=p) for n, p in enumerate(populations))


@pytest.mark.parametrize(
    ("populations", "fact"),
    [
        ((2_451, 9_999), Fact("size_under", 2, most=10_000)),
        ((2_451, 10_000), Fact("size_under", 2, most=15_000)),
        ((200, 180), Fact("size_under", 2, most=300)),
        ((60_722, 148_000), Fact("size_over", 2, least=50_000)),
        ((5_000, 90_000), Fact("size_between", 2, least=5_000, most=100_000)),
        ((1, 1), Fact("size_under", 2, most=2)),
    ],
)
def test_sizes_in_figures_that_hold_for_all(populations: tuple[int, ...], fact: Fact) -> None:
    assert facts(sized(*populations), "size_same") == (fact,)


def test_colleagues_from_one_municipality_are_one_municipality() -> None:
    two = tuple(Participant(f"p{n}", municipality="0330", population=19_000) for n in range(2))
    assert facts(two, "size_same") == (Fact("size_under", 1, most=20_000),)


def test_a_size_that_is_not_known_is_not_made_up() -> None:
    assert facts((*sized(5_000), Participant("p1", municipality="m")), "size_same") == ()


def test_what_nobody_wished_for_is_not_told() -> None:
    assert facts(tuple(replace(p, county="A", field="x", experience="new") for p in people(3))) == ()


def test_topic_field_experience_counties_and_facilitator() -> None:
    everybody = tuple(
        replace(p, county="AAB"[n], field="xxy"[n], experience=("new", "experienced", "experienced")[n], topics=("b",))
        for n, p in enumerate(people(3))
    )
    told = facts(everybody, "topic", "field", "experience", "county", topic="b", facilitator="p2")
    assert told == (
        Fact("topic_chosen", label="b"),
        Fact("fields", 1, label="x"),
        Fact("experience", 1, most=2),
        Fact("counties", 2),
        Fact("facilitator", person="p2"),
    )


def test_a_team_that_stays_together() -> None:
    assert facts(tuple(replace(p, team="t") for p in people(3)), "teams_together") == (Fact("team", 2, label="t"),)


def test_who_was_to_be_kept_apart_or_together_and_who_may_not_come_is_never_told() -> None:
    everybody = tuple(replace(p, turnout=0.5) for p in people(4))
    sitting = Round(rooms=1, wishes=wishes("turnout"))
    request = Request(everybody, (sitting,), together=(("p0", "p1"),), apart=(("p0", "p2"),))
    group = Group(("p0", "p1", "p2", "p3"))
    assert explain(request, Composition(((group,),)), 0, "p0") == (Fact("drawn"),)


def test_whom_one_has_met_is_counted_over_days_and_rounds() -> None:
    request = Request(people(4), (Round(rooms=1), Round(rooms=1)), met=(("p0", "p1"),))
    morning = (Group(("p0", "p2")), Group(("p1", "p3")))
    evening = (Group(("p0", "p1", "p2", "p3")),)
    composition = Composition((morning, evening))
    assert explain(request, composition, 0, "p0") == (Fact("nobody_met"),)
    assert explain(request, composition, 1, "p0") == (Fact("met", count=2),)


def test_whoever_is_in_no_group_has_no_sentence() -> None:
    with pytest.raises(LookupError):
        explain(Request(people(1), (Round(rooms=1),)), Composition(((Group(),),)), 0, "p0")

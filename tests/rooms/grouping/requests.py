"""Requests for tests: people by hand, and random ones for the property tests."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from hypothesis import strategies as st

from rooms.grouping import Composition, Lock, Participant, Request, Round, Wish
from rooms.grouping.model import ONE_OF, ONLY_WISHES, RULES, Rule

TOPICS = ("budget", "schools", "care")
FIELDS = ("", "finance", "staff")


def people(count: int, **known: object) -> tuple[Participant, ...]:
    """p0, p1, ... who are all alike."""
    return tuple(Participant(f"p{number}", **known) for number in range(count))  # type: ignore[arg-type]


def musts(*rules: Rule) -> tuple[Wish, ...]:
    return tuple(Wish(rule, "must") for rule in rules)


def wishes(*rules: Rule) -> tuple[Wish, ...]:
    return tuple(Wish(rule) for rule in rules)


def sets(composition: Composition, number: int = 0) -> list[set[str]]:
    """Who sits together in a round, without the rooms that are not opened."""
    return [set(group.people) for group in composition.rounds[number] if group.people]


def pairs(groups: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    return [pair for group in groups for pair in combinations(sorted(group), 2)]


@st.composite
def participants(draw: st.DrawFn, least: int = 0, most: int = 24) -> tuple[Participant, ...]:
    count = draw(st.integers(least, most))
    numbers = draw(st.permutations(range(count)))
    return tuple(
        Participant(
            f"p{number}",
            municipality=draw(st.sampled_from(("", "0330", "1440"))),
            size_band=draw(st.sampled_from((None, 0, 1, 2, 3))),
            county=draw(st.sampled_from(("", "Uppsala", "Skåne", "Västra Götaland"))),
            experience=draw(st.sampled_from(("", "new", "experienced"))),
            field=draw(st.sampled_from(FIELDS)),
            topics=tuple(draw(st.lists(st.sampled_from(TOPICS), max_size=2, unique=True))),
            team=draw(st.sampled_from(("", "", "", "a", "b"))),
            facilitates=draw(st.booleans()),
            turnout=draw(st.sampled_from((1.0, 1.0, 0.5))),
        )
        for number in numbers
    )


@st.composite
def rounds(draw: st.DrawFn) -> Round:
    rules = draw(st.lists(st.sampled_from(RULES), unique=True))
    for one in ONE_OF:
        rules = [rule for rule in rules if rule not in one or rule == next(r for r in rules if r in one)]
    chosen = tuple(
        Wish(rule, "wish" if rule in ONLY_WISHES else draw(st.sampled_from(("wish", "must"))), draw(st.integers(1, 10)))
        for rule in rules
    )
    by_room = draw(st.booleans())
    size = draw(st.integers(1, 6))
    most = draw(st.sampled_from((4, 12)))
    return Round(rooms=size, most=most, wishes=chosen) if by_room else Round(per_room=size, most=most, wishes=chosen)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Anything that an organiser may ask for, possible or not. Some of those it names do not take part."""
    everybody = draw(participants())
    names = st.sampled_from([*(person.id for person in everybody), "stranger", "nobody"])
    some = st.lists(names, min_size=2, max_size=4, unique=True).map(tuple)
    sittings = tuple(draw(st.lists(rounds(), min_size=1, max_size=3)))
    lock = st.builds(
        Lock,
        st.integers(0, len(sittings) - 1),
        st.integers(0, 6),
        st.lists(names, max_size=4, unique=True).map(tuple),
        st.booleans(),
    )
    return Request(
        everybody,
        sittings,
        together=tuple(draw(st.lists(some, max_size=2))),
        apart=tuple(draw(st.lists(some, max_size=3))),
        met=tuple(draw(st.lists(some, max_size=3))),
        locks=tuple(draw(st.lists(lock, max_size=3))),
        seed=draw(st.integers(0, 3)),
    )

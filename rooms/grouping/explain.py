"""Why somebody is where they are, as facts for one sentence. ("Three municipalities under 10,000 inhabitants, two counties,
nobody you have met before.")

Told is what was wished for in the round and holds of the group. Who asked to be kept apart or together, and who may not
come, is nobody's business and never told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rooms.grouping.judge import met_before
from rooms.grouping.model import Composition, Fact, Group, Participant, Request, Rule, wishes_of

SMALL: Final = 20_000  # where all are below, or all above, one figure says it better than two
_SIZES: Final[frozenset[Rule]] = frozenset({"size_same", "size_neighbouring", "size_mixed"})
_STEPS: Final = (10, 15, 20, 30, 50, 70)


def explain(request: Request, composition: Composition, number: int, person: str) -> tuple[Fact, ...]:
    """The facts about the group that `person` is in in round `number`. Raises LookupError for whoever is in none."""
    by_id = {p.id: p for p in request.people}
    group = next((group for group in composition.rounds[number] if person in group.people), None)
    if group is None or person not in by_id:
        raise LookupError(f"{person} is in no group of round {number}")
    if len(group.people) == 1:
        return (Fact("alone"),)
    people = [by_id[p] for p in group.people]
    rules = frozenset(wishes_of(request.rounds[number]))
    facts = (
        *_about_topic(by_id[person], group),
        *_about_work(by_id[person], people, rules),
        *_about_places(people, rules),
        *_about_facilitator(person, group),
        *_about_meeting(person, group, met_before(request, composition, number)),
    )
    return facts or (Fact("drawn"),)


def _about_topic(me: Participant, group: Group) -> Iterator[Fact]:
    if group.topic:
        yield Fact("topic_chosen" if group.topic in me.topics else "topic", label=group.topic)


def _about_work(me: Participant, people: Sequence[Participant], rules: frozenset[Rule]) -> Iterator[Fact]:
    mates = sum(person.team == me.team for person in people) - 1 if me.team else 0
    if "teams_together" in rules and mates:
        yield Fact("team", count=mates, label=me.team)
    if "field" in rules and me.field:
        same = sum(person.field == me.field for person in people)
        if same == len(people):
            yield Fact("field", count=same, label=me.field)
        elif same > 1:
            yield Fact("fields", count=same - 1, label=me.field)
    if "experience" in rules:
        new, experienced = (sum(p.experience == kind for p in people) for kind in ("new", "experienced"))
        if new and experienced:
            yield Fact("experience", count=new, most=experienced)


def _about_places(people: Sequence[Participant], rules: frozenset[Rule]) -> Iterator[Fact]:
    if rules & _SIZES and (size := _size(people)):
        yield size
    counties = {person.county for person in people if person.county}
    if "county" in rules and counties:
        yield Fact("counties", count=len(counties))


def _about_facilitator(me: str, group: Group) -> Iterator[Fact]:
    if group.facilitator == me:
        yield Fact("facilitates")
    elif group.facilitator:
        yield Fact("facilitator", person=group.facilitator)


def _about_meeting(me: str, group: Group, met: Collection[tuple[str, str]]) -> Iterator[Fact]:
    """Nothing where nobody has sat with anybody yet."""
    again = sum((min(me, other), max(me, other)) in met for other in group.people if other != me)
    if again:
        yield Fact("met", count=again)
    elif met:
        yield Fact("nobody_met")


def _size(people: Sequence[Participant]) -> Fact | None:
    """The municipalities' sizes in round figures that hold for all: under one, over one, or between two."""
    populations = {person.municipality or person.id: person.population for person in people}
    known = [population for population in populations.values() if population is not None]
    if not known or len(known) < len(populations):
        return None
    least, most = _round(min(known), up=False), _round(max(known) + 1, up=True)
    if most <= SMALL:
        return Fact("size_under", count=len(known), most=most)
    if least >= SMALL:
        return Fact("size_over", count=len(known), least=least)
    return Fact("size_between", count=len(known), least=least, most=most)


def _round(population: int, *, up: bool) -> int:
    """To a figure that one can remember: 1, 1.5, 2, 3, 5 or 7 times a power of ten; down may be 0."""
    power = 1
    while population >= 100 * power:
        power *= 10
    figures = [step * power // 10 for step in _STEPS] + [step * power for step in _STEPS] + [100 * power]
    if up:
        return min(figure for figure in figures if figure >= population)
    return max((figure for figure in figures if figure <= population), default=0)

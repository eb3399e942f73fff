"""How good a composition is, and what of the request it does not meet: whoever made it, the composer or a moderator's hand.

Knows nothing of how it was found: the scores are counted from the groups, and every must is looked at in every group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import comb

from rooms.grouping.layout import inseparable, lay_out, teams
from rooms.grouping.model import (
    Composition,
    Group,
    Notice,
    NoticeCode,
    Participant,
    Report,
    Request,
    Rule,
    Scores,
    Wish,
    wishes_of,
)
from rooms.grouping.rules import PAIR_RULES, best_fits, judged_size, misfits, topic_worth

Pair = tuple[str, str]
Part = tuple[float, float]  # what a group reaches, of what it could

BROKEN_BY: Mapping[Rule, NoticeCode] = {
    "size_same": "size_not_same",
    "size_neighbouring": "size_not_neighbouring",
    "county": "county_twice",
    "field": "field_not_same",
}


def judge(request: Request, composition: Composition) -> Report:
    """Scores of every round, and everything that is not met."""
    rounds = tuple(_Judged(request, composition, number) for number in range(len(composition.rounds)))
    scores = tuple(judged.scores() for judged in rounds)
    notices = (*_strangers(request), *(notice for judged in rounds for notice in judged.notices()))
    return Report(scores, _mean([score.overall for score in scores]), notices)


def met_before(request: Request, composition: Composition, number: int) -> set[Pair]:
    """Pairs who have sat together before round `number`: on another day, or in an earlier round. Both ids in order."""
    earlier = [group.people for groups in composition.rounds[:number] for group in groups]
    return {pair for people in (*request.met, *earlier) for pair in combinations(sorted(people), 2)}


class _Judged:
    """One round, looked at."""

    def __init__(self, request: Request, composition: Composition, number: int) -> None:
        self.request = request
        self.number = number
        self.groups = composition.rounds[number]
        self.wishes = wishes_of(request.rounds[number])
        self.by_id = {person.id: person for person in request.people}
        self.met = met_before(request, composition, number)
        everybody = [person for group in self.groups for person in group.people]
        self.asked = {p for unit in inseparable(request, number, everybody) for p in combinations(unit, 2)}
        self.best = _Best(request.people)

    def scores(self) -> Scores:
        parts: dict[Rule, list[Part | None]] = {
            rule: [self._part(rule, group) for group in self.groups] for rule in self.wishes
        }
        groups = tuple(
            {rule: of[at][0] / of[at][1] for rule, of in parts.items() if of[at]}  # type: ignore[index]
            for at in range(len(self.groups))
        )
        sums = {rule: [sum(column) for column in zip(*filter(None, of), strict=True)] for rule, of in parts.items()}
        rules = {rule: both[0] / both[1] for rule, both in sums.items() if both}
        weights = {rule: wish.weight for rule, wish in self.wishes.items() if rule in rules}
        total = sum(weights.values())
        overall = sum(rules[rule] * weight for rule, weight in weights.items()) / total if total else 1.0
        return Scores(groups, rules, overall)

    def notices(self) -> Iterator[Notice]:
        layout = lay_out(self.request, self.number)
        yield from layout.notices
        yield from self._sizes(layout.closed)
        yield from self._sets()
        yield from self._teams()
        if self._is_must("facilitator"):
            willing = sum(self.by_id[person].facilitates for group in self.groups for person in group.people)
            opened = sum(bool(group.people) for group in self.groups)
            if willing < opened:
                yield self._notice("too_few_facilitators", count=willing, most=opened)
        for at, group in enumerate(self.groups):
            if group.people:
                yield from self._group_notices(at, group)

    def _people(self, group: Group) -> list[Participant]:
        return [self.by_id[person] for person in group.people]

    def _part(self, rule: Rule, group: Group) -> Part | None:
        """What a group reaches of what it could in one rule; None where the rule says nothing about it."""
        people = self._people(group)
        if rule in PAIR_RULES:
            return self._pair_part(rule, people)
        if rule == "facilitator":
            return (float(bool(group.facilitator)), 1.0) if people else None
        if rule == "topic":
            return (sum(topic_worth(p, group.topic) for p in people), float(len(people))) if people else None
        pairs = set(combinations(sorted(group.people), 2))
        if rule == "never_met":
            told = pairs - self.asked
            return (float(len(told - self.met)), float(len(told))) if told else None
        together = [team for team in teams(self.request).values() if set(team) & set(group.people)]
        wanted = sum(len(set(team) & set(group.people)) * (len(team) - 1) for team in together)
        kept = sum(2 * comb(len(set(team) & set(group.people)), 2) for team in together)
        return (float(kept), float(wanted)) if wanted else None

    def _pair_part(self, rule: Rule, people: Sequence[Participant]) -> Part | None:
        kind = PAIR_RULES[rule].kind
        categories = [PAIR_RULES[rule].category(person) for person in people]
        size = judged_size(kind, categories)
        best = self.best.fits(rule, size)
        fits = comb(size, 2) - misfits(kind, categories)
        return (float(min(best, fits)), float(best)) if best else None

    def _is_must(self, rule: Rule) -> bool:
        wish: Wish | None = self.wishes.get(rule)
        return wish is not None and (wish.strength == "must" or rule in ("facilitator", "teams_together"))

    def _notice(self, code: NoticeCode, group: int | None = None, people: Iterable[str] = (), **data: object) -> Notice:
        return Notice(code, self.number, group, tuple(sorted(people)), **data)  # type: ignore[arg-type]

    def _sizes(self, closed: Collection[int]) -> Iterator[Notice]:
        opened = sum(bool(group.people) or at in closed for at, group in enumerate(self.groups))
        wanted = self.request.rounds[self.number].rooms
        if wanted is not None and 0 < opened < wanted:
            yield self._notice("fewer_rooms", count=opened, most=wanted)
        sizes = [len(group.people) for at, group in enumerate(self.groups) if group.people and at not in closed]
        if sizes and max(sizes) - min(sizes) > 1:
            yield self._notice("uneven", count=min(sizes), most=max(sizes))

    def _sets(self) -> Iterator[Notice]:
        where = {person: at for at, group in enumerate(self.groups) for person in group.people}
        most = self.request.rounds[self.number].most
        for together in self.request.together:
            people = [person for person in together if person in where]
            if len({where[person] for person in people}) > 1:
                code: NoticeCode = "together_too_many" if len(people) > most else "not_together"
                yield self._notice(code, people=people, most=most)
        for apart in self.request.apart:
            for at, group in enumerate(self.groups):
                if len(both := set(apart) & set(group.people)) > 1:
                    yield self._notice("not_apart", at, both)

    def _teams(self) -> Iterator[Notice]:
        where = {person: at for at, group in enumerate(self.groups) for person in group.people}
        most = self.request.rounds[self.number].most
        for team, people in teams(self.request).items() if "teams_together" in self.wishes else ():
            if len({where[person] for person in people if person in where}) > 1:
                code: NoticeCode = "team_too_large" if len(people) > most else "team_split"
                yield self._notice(code, people=people, label=team, most=most)
        for team, people in teams(self.request).items() if self._is_must("teams_apart") else ():
            for at, group in enumerate(self.groups):
                if len(both := set(people) & set(group.people)) > 1:
                    yield self._notice("team_not_apart", at, both, label=team)

    def _group_notices(self, at: int, group: Group) -> Iterator[Notice]:
        people = self._people(group)
        if len(people) == 1:
            yield self._notice("alone", at, group.people)
        if self._is_must("facilitator") and not group.facilitator:
            yield self._notice("no_facilitator", at)
        if self._is_must("never_met"):
            again = (set(combinations(sorted(group.people), 2)) & self.met) - self.asked
            if again:
                yield self._notice("met_again", at, {p for pair in again for p in pair}, count=len(again))
        for rule, code in BROKEN_BY.items():
            if self._is_must(rule) and (odd := _odd(rule, people)):
                yield self._notice(code, at, odd)
        if self._is_must("topic") and (others := [p.id for p in people if topic_worth(p, group.topic) == 0]):
            yield self._notice("not_their_topic", at, others, label=group.topic)
        if self._is_must("experience"):
            there = {person.experience for person in people}
            if "new" not in there:
                yield self._notice("no_new", at)
            if "experienced" not in there:
                yield self._notice("no_experienced", at)


class _Best:
    """The fits that a good group of some size has, reckoned once."""

    def __init__(self, people: Sequence[Participant]) -> None:
        self._people = people
        self._known: dict[tuple[Rule, int], int] = {}

    def fits(self, rule: Rule, size: int) -> int:
        if (rule, size) not in self._known:
            of = PAIR_RULES[rule]
            self._known[rule, size] = best_fits(of.kind, size, [of.category(person) for person in self._people])
        return self._known[rule, size]


def _odd(rule: Rule, people: Sequence[Participant]) -> list[str]:
    """Whoever is part of a pair that breaks the rule."""
    of = PAIR_RULES[rule]
    pairs = [
        (one.id, other.id)
        for one, other in combinations(people, 2)
        if misfits(of.kind, (of.category(one), of.category(other)))
    ]
    return sorted({person for pair in pairs for person in pair})


def _strangers(request: Request) -> Iterator[Notice]:
    """People whom wishes name and who do not take part: a wish about them cannot be met."""
    known = {person.id for person in request.people}
    named = {person for wanted in (*request.together, *request.apart) for person in wanted}
    if missing := tuple(sorted(named - known)):
        yield Notice("not_taking_part", people=missing)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0

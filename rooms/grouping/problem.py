"""One round in numbers: what it costs that two sit together, and what it costs to sit in a room.

Every rule becomes part of one matrix of costs between units (people who move as one), so that the search need not know any.
Free seats are units too: where free seats repel each other, sizes are even. Musts cost so much more than wishes that no
number of wishes in one exchange outweighs one; a group's wishes together cost up to about `UNIT`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, comb
from operator import add
from typing import Final

from msgspec import Struct

from rooms.grouping.layout import Layout, units_of
from rooms.grouping.model import Participant, Request, Rule, Wish, wishes_of
from rooms.grouping.rules import PAIR_RULES, Category, Kind, apportion, best_fits, misfit, topic_worth

UNIT: Final = 10_000
BROKEN: Final = 10**6  # a pair that breaks a must, or somebody in a room that they must not be in
UNLED: Final = 10**7  # a group without what each must have
UNEVEN: Final = 10**8  # a pair of free seats in one group
APART: Final = 10**12  # a pair that is to be kept apart

Matrix = list[list[int]]
Pair = tuple[int, int]


class Problem(Struct, frozen=True):
    """`units` hold people, by id; the last ones are free seats and hold nobody. Groups are counted among the open ones."""

    units: list[list[str]]
    sizes: list[int]  # seats that each unit takes
    seats: int  # in every group
    groups: int
    cost: Matrix  # unit by unit, symmetric
    pull: Matrix  # group by unit: what it costs to sit there
    assets: list[tuple[int, ...]]  # of each unit, how many there are of what every group must have
    fixed: dict[int, int]  # units that stay: their group
    topics: tuple[str, ...]  # of each group
    spare: int  # seats that a group has beyond what even sizes need


def state(request: Request, number: int, layout: Layout, met: Iterable[tuple[str, ...]], spare: int = 0) -> Problem:
    """Round `number` as a problem. `met` are the groups of all other rounds and days; with `spare` seats, sizes may
    be less even."""
    by_id = {person.id: person for person in request.people}
    units = units_of(request, number, layout)
    people = [by_id[person] for unit in units for person in unit]
    groups = len(layout.open)
    index = {group: at for at, group in enumerate(layout.open)}
    fixed = {
        at: index[layout.placed[unit[0]]] if unit[0] in layout.placed else _lock(unit, layout, index)
        for at, unit in enumerate(units)
        if any(person in layout.placed for person in unit)
    }
    seats = _seats(units, fixed, groups) + spare
    rules = Rules(request, number, people, ceil(len(people) / groups))
    topics = rules.topics(layout, groups, index)
    empty = groups * seats - len(people)
    pulls = {topic: _by_unit(rules.pull(topic), units) + [0] * empty for topic in topics}
    return Problem(
        units=units + [[] for _ in range(empty)],
        sizes=[len(unit) for unit in units] + [1] * empty,
        seats=seats,
        groups=groups,
        cost=_between_units(rules.pairs(met), units, empty),
        pull=[pulls[topic] for topic in topics],
        assets=_assets(rules.assets(), units, empty),
        fixed=fixed,
        topics=topics,
        spare=spare,
    )


class Rules:
    """The rules of a round applied to `people` in groups of about `size`."""

    def __init__(self, request: Request, number: int, people: Sequence[Participant], size: int) -> None:
        self._request = request
        self._people = people
        self._at = {person.id: at for at, person in enumerate(people)}
        self._size = size
        self._wishes = wishes_of(request.rounds[number])
        self._weights = sum(wish.weight for wish in self._wishes.values())

    def pairs(self, met: Iterable[tuple[str, ...]]) -> Matrix:
        """What each pair costs."""
        rows = self._by_category()
        if wish := self._wishes.get("never_met"):
            cost = BROKEN if wish.strength == "must" else self._share(wish, comb(self._size, 2))
            for one, other in self._known_pairs(met):
                rows[one][other] += cost
        for one, other in self._known_pairs(self._request.apart):
            rows[one][other] += APART
        return rows

    def pull(self, topic: str) -> list[int]:
        """What it costs each to sit in a room about `topic`."""
        wish = self._wishes.get("topic")
        if wish is None or not topic:
            return [0] * len(self._people)
        whole = self._share(wish, self._size)
        worth = [topic_worth(person, topic) for person in self._people]
        return [round(whole * (1 - w)) + (BROKEN if w == 0 and wish.strength == "must" else 0) for w in worth]

    def topics(self, layout: Layout, groups: int, index: Mapping[int, int]) -> tuple[str, ...]:
        """A topic for each group, as many as first choices ask for; but groups that people are locked into have theirs."""
        if "topic" not in self._wishes:
            return ("",) * groups
        wishes = Counter[Category](person.topics[0] for person in self._people if person.topics)
        left = apportion(groups, wishes)
        chosen = {index[group]: topic for group, topic in layout.topics.items() if group in index}
        for at in sorted({index[group] for group in layout.placed.values()} - chosen.keys()):
            there = {person for person, group in layout.placed.items() if index[group] == at}
            own = Counter(p.topics[0] for p in self._people if p.id in there and p.topics)
            if own:
                chosen[at] = min(own, key=lambda topic: (-own[topic], topic))
        for topic in chosen.values():
            left[topic] = left.get(topic, 0) - 1
        rest = iter([str(topic) for topic in sorted(left, key=str) for _ in range(left[topic])])
        return tuple(chosen.get(at) or next(rest, "") for at in range(groups))

    def assets(self) -> list[tuple[int, ...]]:
        """Of everybody, whether they are what every group must have one of."""
        needs = []
        if "facilitator" in self._wishes:
            needs.append([int(person.facilitates) for person in self._people])
        if (wish := self._wishes.get("experience")) and wish.strength == "must":
            needs += [[int(p.experience == kind) for p in self._people] for kind in ("new", "experienced")]
        return list(zip(*needs, strict=True)) if needs else [()] * len(self._people)

    def pair_rules(self) -> list[tuple[Kind, int, list[Category | None]]]:
        """The rules about categories: what a pair that does not fit costs, and everybody's category."""
        found = []
        for rule, wish in self._wishes.items():
            if rule in PAIR_RULES:
                categories = [PAIR_RULES[rule].category(person) for person in self._people]
                found.append((PAIR_RULES[rule].kind, self._pair_cost(rule, wish, categories), categories))
        return found

    def _by_category(self) -> Matrix:
        """Everybody of the same categories has the same row: there are far fewer of those than people."""
        rules = self.pair_rules()
        rows: dict[tuple[int, Category | None], list[int]] = {}
        for at, (kind, cost, categories) in enumerate(rules):
            for one in dict.fromkeys(categories):
                rows[at, one] = [cost * misfit(kind, one, other) for other in categories]
        profiles: dict[tuple[Category | None, ...], list[int]] = {}
        matrix = []
        for me in range(len(self._people)):
            profile = tuple(categories[me] for _, _, categories in rules)
            if profile not in profiles:
                profiles[profile] = _sum([rows[at, one] for at, one in enumerate(profile)], len(self._people))
            row = profiles[profile].copy()
            row[me] = 0
            matrix.append(row)
        return matrix

    def _pair_cost(self, rule: Rule, wish: Wish, categories: Sequence[Category | None]) -> int:
        if wish.strength == "must" and rule != "experience":
            return BROKEN
        return self._share(wish, best_fits(PAIR_RULES[rule].kind, self._size, categories))

    def _share(self, wish: Wish, parts: int) -> int:
        """A part of what a group's wishes cost together."""
        return max(1, UNIT * wish.weight // (self._weights * max(1, parts)))

    def _known_pairs(self, sets: Iterable[tuple[str, ...]]) -> set[Pair]:
        """Both ways round; each only once, however often they have met."""
        pairs = set()
        for people in sets:
            inside = [self._at[person] for person in people if person in self._at]
            pairs |= {(one, other) for one in inside for other in inside if one != other}
        return pairs


def _lock(unit: Sequence[str], layout: Layout, index: Mapping[int, int]) -> int:
    return next(index[layout.placed[person]] for person in unit if person in layout.placed)


def _seats(units: Sequence[Sequence[str]], fixed: Mapping[int, int], groups: int) -> int:
    """The fewest seats a group that everybody finds room with: as even as units and locks allow."""
    load = [0] * groups
    for at, group in fixed.items():
        load[group] += len(units[at])
    rest = [len(unit) for at, unit in enumerate(units) if at not in fixed]  # the largest first
    seats = max([ceil(sum(map(len, units)) / groups), *load])
    while not _fits(rest, load, seats):
        seats += 1
    return seats


def _fits(sizes: Sequence[int], load: Sequence[int], seats: int) -> bool:
    """Whether units of these sizes, the largest first, find room when each goes where there is most."""
    free = [seats - taken for taken in load]
    for size in sizes:
        if size == 1:
            return True  # the rest are single people, and there are seats enough
        at = free.index(max(free))
        if free[at] < size:
            return False
        free[at] -= size
    return True


def _sum(rows: Sequence[list[int]], length: int) -> list[int]:
    total = [0] * length
    for row in rows:
        total = list(map(add, total, row))
    return total


def _by_unit(row: Sequence[int], units: Sequence[Sequence[str]]) -> list[int]:
    """Values of people, who stand in the units' order, added up for each unit."""
    added, at = [], 0
    for unit in units:
        if len(unit) == 1:
            break  # and so are all that follow: the largest come first
        added.append(sum(row[at : at + len(unit)]))
        at += len(unit)
    return [*added, *row[at:]]


def _between_units(rows: Matrix, units: Sequence[Sequence[str]], empty: int) -> Matrix:
    matrix, at, people = [], 0, len(rows)
    for me, unit in enumerate(units):
        row = rows[at] if len(unit) == 1 else _sum(rows[at : at + len(unit)], people)
        at += len(unit)
        row = _by_unit(row, units)
        row[me] = 0
        matrix.append(row + [0] * empty)
    free = [0] * len(units) + [UNEVEN] * empty
    return matrix + [[cost if at != me else 0 for at, cost in enumerate(free)] for me in range(len(units), len(free))]


def _assets(people: Sequence[tuple[int, ...]], units: Sequence[Sequence[str]], empty: int) -> list[tuple[int, ...]]:
    columns = [_by_unit(column, units) + [0] * empty for column in zip(*people, strict=True)]
    return list(zip(*columns, strict=True)) if columns else [()] * (len(units) + empty)

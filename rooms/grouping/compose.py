"""People and wishes to groups: one round after the other, and again with all others known while somebody meets twice.

Pure, and deterministic under the request's seed: the order in which people, pairs and wishes are given makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Final

from msgspec.structs import replace

from rooms.grouping.layout import Layout, inseparable, lay_out
from rooms.grouping.model import Composition, Group, Participant, Request, wishes_of
from rooms.grouping.problem import APART, UNIT, Problem, state
from rooms.grouping.search import State, resume, solve

STEPS_PER_UNIT: Final = 1_000  # exchanges tried for a round, of each unit, while they are not more than
ENOUGH_STEPS: Final = 120_000  # in all; but
FEWEST_PER_UNIT: Final = 250  # of each, however many there are
SWEEPS: Final = 4  # over all rounds at most
MANY: Final = 10**9
MOST_SPARE: Final = 3  # seats more than even sizes need, to keep people apart
HOT: Final = UNIT / 150
COLD: Final = UNIT / 800

People = tuple[str, ...]
Steps = Callable[[int], int]  # how many exchanges to try, by the number of units
Found = tuple[Problem, State] | None  # None: there is nobody to place


def compose(request: Request, effort: float = 1.0) -> Composition:
    """Groups for every round. Everybody is in exactly one group a round, locks that are possible are kept, and what else
    cannot be met is for `judge` to tell. `effort`: how long to search, of what is usual."""
    layouts = [lay_out(request, number) for number in range(len(request.rounds))]
    rounds = [groups_of(layout, None) for layout in layouts]  # what is closed is known of all rounds from the start
    found: list[Found] = [None] * len(layouts)
    again = MANY
    for sweep in range(SWEEPS if len(layouts) > 1 else 1):
        if sweep:
            before, again = again, _meeting_again(request, rounds)
            if not 0 < again < before:
                break
        for number, layout in enumerate(layouts):
            others = [group.people for at, groups in enumerate(rounds) if at != number for group in groups]
            if layout.open:
                met = [*request.met, *others]
                layouts[number], found[number] = _search(request, number, layout, met, found[number], effort)
            rounds[number] = groups_of(layouts[number], found[number])
    return Composition(with_facilitators(request, rounds))


def _meeting_again(request: Request, rounds: Sequence[Sequence[Group]]) -> int:
    """Pairs who sit together twice though they must not: what another search of each round may better."""
    sets = [*request.met, *(group.people for groups in rounds for group in groups)]
    times = Counter(pair for people in sets for pair in combinations(sorted(people), 2))
    again = 0
    for number, groups in enumerate(rounds):
        wish = wishes_of(request.rounds[number]).get("never_met")
        if wish is not None and wish.strength == "must":
            people = [person for group in groups for person in group.people]
            asked = {pair for unit in inseparable(request, number, people) for pair in combinations(unit, 2)}
            pairs = {pair for group in groups for pair in combinations(group.people, 2)}
            again += sum(times[pair] > 1 for pair in pairs - asked)
    return again


def groups_of(layout: Layout, found: Found) -> tuple[Group, ...]:
    """The groups of a round: those that are closed, and those that were found."""
    groups = [Group()] * layout.groups
    for at, lock in layout.closed.items():
        groups[at] = Group(tuple(sorted(lock.people)), lock.topic, lock.facilitator)
    if found is not None:
        problem, seating = found
        for at, members in enumerate(seating.groups):
            people = sorted(person for unit in members for person in problem.units[unit])
            groups[layout.open[at]] = Group(tuple(people), problem.topics[at] if people else "")
    return tuple(groups)


def with_facilitators(request: Request, rounds: Sequence[Sequence[Group]]) -> tuple[tuple[Group, ...], ...]:
    """In each room that has none, of those who are willing, whoever does it least."""
    by_id = {person.id: person for person in request.people}
    done = Counter(group.facilitator for groups in rounds for group in groups)
    led = []
    for number, groups in enumerate(rounds):
        wanted = "facilitator" in wishes_of(request.rounds[number])
        led.append(tuple(_led(group, by_id, done) if wanted else group for group in groups))
    return tuple(led)


def place(request: Request, number: int, layout: Layout, met: Sequence[People], steps: Steps) -> tuple[Problem, State]:
    """A seating from nothing. Where as even rooms as can be do not keep all apart who are to be, they may be less even."""
    random = Random(request.seed * 1_000_003 + number * 101)
    best: tuple[Problem, State] | None = None
    for spare in range(MOST_SPARE + 1):
        problem = state(request, number, layout, met, spare)
        if best is not None and problem.seats > request.rounds[number].most:
            break
        seating = solve(problem, random, steps(len(problem.units)), HOT, COLD)
        if best is None or _together(seating) < _together(best[1]):
            best = problem, seating
        if not _together(best[1]):
            break
    assert best is not None
    return best


def _search(
    request: Request, number: int, layout: Layout, met: Sequence[People], before: Found, effort: float
) -> tuple[Layout, tuple[Problem, State]]:
    """From nothing, or from what was found before. While somebody is alone: with a room less, if as many stay apart."""

    def steps(units: int) -> int:
        return round(effort * max(min(STEPS_PER_UNIT * units, ENOUGH_STEPS), FEWEST_PER_UNIT * units))

    if before is not None:
        problem = state(request, number, layout, met, before[0].spare)
        random = Random(request.seed * 1_000_003 + number * 101 + 1)
        return layout, (problem, resume(problem, random, before[1].where, steps(len(problem.units)), HOT, COLD))
    found = place(request, number, layout, met, steps)
    for fewer in _with_fewer_rooms(layout) if found[1].has_lonely() else ():
        other = place(request, number, fewer, met, steps)
        if _together(other[1]) <= _together(found[1]):
            layout, found = fewer, other
        if not found[1].has_lonely():
            break
    return layout, found


def _together(seating: State) -> int:
    """Pairs in one room who are to be apart."""
    return seating.total() // APART


def _with_fewer_rooms(layout: Layout) -> Iterator[Layout]:
    """Without one, two, ... of the rooms that nobody is locked into."""
    spare = [group for group in layout.open if group not in layout.placed.values()]
    for count in range(1, len(spare) + (len(spare) < len(layout.open))):
        yield replace(layout, open=tuple(group for group in layout.open if group not in spare[-count:]))


def _led(group: Group, by_id: Mapping[str, Participant], done: Counter[str]) -> Group:
    willing = [person for person in group.people if by_id[person].facilitates]
    if group.facilitator or not willing:
        return group
    chosen = min(willing, key=lambda person: (done[person], person))
    done[chosen] += 1
    return replace(group, facilitator=chosen)

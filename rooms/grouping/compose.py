"""People and wishes to groups: one round after the other, then each once more with all others known.

Pure, and deterministic under the request's seed: the order in which people, pairs and locks are given makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

from msgspec.structs import replace

from rooms.grouping.layout import Layout, lay_out
from rooms.grouping.model import Composition, Group, Participant, Request, wishes_of
from rooms.grouping.problem import APART, UNIT, Problem, state
from rooms.grouping.search import State, resume, solve

STEPS_PER_UNIT: Final = 250  # exchanges tried, of each unit in the first search of a round
AGAIN: Final = 3  # the second search is this many times shorter
MOST_STEPS: Final = 400_000
LEAST_STEPS: Final = 2_000
HOT: Final = UNIT / 100
COLD: Final = UNIT / 1000

Found = tuple[Problem, State] | None  # None: there is nobody to place


def compose(request: Request) -> Composition:
    """Groups for every round. Everybody is in exactly one group a round, locks that are possible are kept, and what else
    cannot be met is for `judge` to tell."""
    layouts = [lay_out(request, number) for number in range(len(request.rounds))]
    rounds = [groups_of(layout, None) for layout in layouts]  # what is closed is known of all rounds from the start
    found: list[Found] = [None] * len(layouts)
    for _again in range(2 if len(layouts) > 1 else 1):
        for number, layout in enumerate(layouts):
            others = [group.people for at, groups in enumerate(rounds) if at != number for group in groups]
            if layout.open:
                met = [*request.met, *others]
                layouts[number], found[number] = _search(request, number, layout, met, found[number])
            rounds[number] = groups_of(layouts[number], found[number])
    return Composition(with_facilitators(request, rounds))


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


def _search(
    request: Request, number: int, layout: Layout, met: Sequence[tuple[str, ...]], before: Found
) -> tuple[Layout, tuple[Problem, State]]:
    """From nothing, or from what was found before. While somebody is alone: with a room less, if as many stay apart."""
    problem = state(request, number, layout, met)
    steps = min(MOST_STEPS, max(LEAST_STEPS, STEPS_PER_UNIT * len(problem.units)))
    random = Random(request.seed * 1_000_003 + number * 101 + (before is not None))
    if before is not None:
        return layout, (problem, resume(problem, random, before[1].where, steps // AGAIN, HOT / 4, COLD))
    seating = solve(problem, random, steps, HOT, COLD)
    for fewer in _with_fewer_rooms(layout) if seating.has_lonely() else ():
        other = state(request, number, fewer, met)
        tried = solve(other, random, steps, HOT, COLD)
        if tried.total() // APART <= seating.total() // APART:
            layout, problem, seating = fewer, other, tried
        if not seating.has_lonely():
            break
    return layout, (problem, seating)


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

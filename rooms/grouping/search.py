"""Finds a cheap seating for a `Problem`: placed greedily, then improved by simulated annealing over exchanges.

An exchange of two is judged by what each would cost in the other's group: two sums over as many as sit in a room. Everything
is integers and one seeded generator: the same problem and seed give the same seating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log
from operator import itemgetter
from random import Random
from typing import Any, Final

from rooms.grouping.problem import UNLED, Problem

BLOCK: Final = 1000  # exchanges tried at one temperature
_STRIDE: Final = 387  # prime to BLOCK


class State:
    """Who sits where, and what it costs. `own[unit]`: what a unit costs where it is."""

    def __init__(self, problem: Problem, random: Random) -> None:
        self.problem = problem
        self.random = random
        self.where = [-1] * len(problem.units)
        self.groups: list[list[int]] = [[] for _ in range(problem.groups)]
        self.own = [0] * len(problem.units)
        self.assets = [[0] * len(problem.assets[0]) for _ in range(problem.groups)]
        self.costs_of: list[Callable[[Any], Any]] = [_adder([]) for _ in range(problem.groups)]

    def put(self, unit: int, group: int) -> None:
        """Places a unit that is nowhere."""
        row = self.problem.cost[unit]
        self.own[unit] = self.would_cost(unit, group)
        for other in self.groups[group]:
            self.own[other] += row[other]
        self.where[unit] = group
        self._changed(group, [*self.groups[group], unit])
        for at, amount in enumerate(self.problem.assets[unit]):
            self.assets[group][at] += amount

    def take(self, unit: int) -> None:
        """Takes a unit away from where it is."""
        group, row = self.where[unit], self.problem.cost[unit]
        for other in self.groups[group]:
            self.own[other] -= row[other]
        self._changed(group, [other for other in self.groups[group] if other != unit])
        for at, amount in enumerate(self.problem.assets[unit]):
            self.assets[group][at] -= amount

    def would_cost(self, unit: int, group: int) -> int:
        among: int = sum(self.costs_of[group](self.problem.cost[unit]))
        return among + self.problem.pull[group][unit]

    def exchange(self, one: Sequence[int], other: Sequence[int]) -> None:
        """Units of one group change places with units of another."""
        here, there = self.where[one[0]], self.where[other[0]]
        for unit in (*one, *other):
            self.take(unit)
        for unit in one:
            self.put(unit, there)
        for unit in other:
            self.put(unit, here)

    def total(self) -> int:
        """What the seating costs. Pairs count once."""
        pull = sum(self.problem.pull[group][unit] for unit, group in enumerate(self.where))
        return (sum(self.own) - pull) // 2 + pull + UNLED * sum(a <= 0 for group in self.assets for a in group)

    def lacking(self, here: int, there: int, moving: Sequence[int]) -> int:
        """What it changes in costs of groups without what each must have, if `moving` of it go from `here` to `there`."""
        change = 0
        for at, amount in enumerate(moving):
            if amount:
                mine, theirs = self.assets[here][at], self.assets[there][at]
                change += (mine - amount <= 0) - (mine <= 0) + (theirs + amount <= 0) - (theirs <= 0)
        return change * UNLED

    def has_lonely(self) -> bool:
        """Whether somebody is alone in a group, by the search's doing."""
        units, fixed = self.problem.units, self.problem.fixed
        return any(
            sum(len(units[unit]) for unit in group) == 1 and not any(unit in fixed for unit in group)
            for group in self.groups
        )

    def is_lacking(self) -> bool:
        return any(amount <= 0 for group in self.assets for amount in group)

    def _changed(self, group: int, members: list[int]) -> None:
        self.groups[group] = members
        self.costs_of[group] = _adder(members)


def solve(problem: Problem, random: Random, steps: int, hot: float, cold: float) -> State:
    """A seating from nothing, `steps` exchanges tried from temperature `hot` down to `cold` (in costs)."""
    state = State(problem, random)
    _seat(state)
    anneal(state, steps, hot, cold)
    return state


def resume(problem: Problem, random: Random, where: Sequence[int], steps: int, hot: float, cold: float) -> State:
    """The same from a seating there is, of the same units in the same groups, whose costs have changed."""
    state = State(problem, random)
    for unit, group in enumerate(where):
        state.put(unit, group)
    anneal(state, steps, hot, cold)
    return state


def anneal(state: State, steps: int, hot: float, cold: float) -> None:
    """Tries `steps` exchanges, fewer and fewer that make things worse, at last only such as make them better."""
    problem = state.problem
    single = [unit for unit, size in enumerate(problem.sizes) if size == 1 and unit not in problem.fixed]
    bulky = [unit for unit, size in enumerate(problem.sizes) if size > 1 and unit not in problem.fixed]
    if problem.groups < 2 or len(single) + len(bulky) < 2:
        return
    thresholds = [-log((at * _STRIDE % BLOCK + 0.5) / BLOCK) for at in range(BLOCK)]
    blocks = max(2, steps // BLOCK)
    for block in range(blocks):
        heat = hot * (cold / hot) ** (block / blocks) if block < blocks - 1 else 0
        limits = [heat * threshold for threshold in thresholds]
        if len(single) > 1:
            _exchange_singles(state, single, limits)
        for unit in bulky:
            _try_bulky(state, unit, limits[int(state.random.random() * BLOCK)])


def _adder(members: Sequence[int]) -> Callable[[Any], Any]:
    """Of a row of costs, those of the members: a call of C's for the inner loop."""
    return itemgetter(*members) if len(members) > 1 else lambda row: [row[member] for member in members]


def _seat(state: State) -> None:
    """Fixed units, then the largest, then free seats, then people in random order, each where it costs least."""
    problem = state.problem
    free = [problem.seats] * problem.groups
    for unit, group in problem.fixed.items():
        state.put(unit, group)
        free[group] -= problem.sizes[unit]
    for unit in _in_turn(state):
        size = problem.sizes[unit]
        if size > 1:  # where there is most room, so that all find some
            group = max(range(problem.groups), key=lambda g: (free[g], -state.would_cost(unit, g), -g))
        else:
            group = min((g for g in range(problem.groups) if free[g]), key=lambda g: (state.would_cost(unit, g), g))
        state.put(unit, group)
        free[group] -= size


def _in_turn(state: State) -> Iterator[int]:
    problem = state.problem
    movable = [unit for unit in range(len(problem.units)) if unit not in problem.fixed]
    yield from (unit for unit in movable if problem.sizes[unit] > 1)
    yield from (unit for unit in movable if not problem.units[unit])
    people = [unit for unit in movable if len(problem.units[unit]) == 1]
    drawn = sorted((state.random.random(), unit) for unit in people)
    yield from (unit for _, unit in drawn)


def _exchange_singles(state: State, single: Sequence[int], limits: Sequence[float]) -> None:
    """The inner loop: one exchange of two people (or of one and a free seat) is tried for each limit."""
    where, own, costs_of = state.where, state.own, state.costs_of
    cost, pull, assets = state.problem.cost, state.problem.pull, state.problem.assets
    ones, others = state.random.choices(single, k=len(limits)), state.random.choices(single, k=len(limits))
    lacking = state.is_lacking()
    for limit, one, other in zip(limits, ones, others, strict=True):
        here, there = where[one], where[other]
        if here == there:
            continue
        row = cost[one]
        change = (
            sum(costs_of[there](row), pull[there][one])
            + sum(costs_of[here](cost[other]), pull[here][other])
            - own[one]
            - own[other]
            - 2 * row[other]
        )
        if change > limit and not lacking:
            continue
        if assets[one] != assets[other]:
            moving = [a - b for a, b in zip(assets[one], assets[other], strict=True)]
            change += state.lacking(here, there, moving)
        if change <= limit:
            _swap(state, one, other)
            lacking = lacking and state.is_lacking()


def _swap(state: State, one: int, other: int) -> None:
    """`exchange` of two, in one pass."""
    where, own, problem = state.where, state.own, state.problem
    here, there = where[one], where[other]
    ones, others = problem.cost[one], problem.cost[other]
    mine, theirs = state.groups[here], state.groups[there]
    for unit in mine:
        own[unit] += others[unit] - ones[unit]
    for unit in theirs:
        own[unit] += ones[unit] - others[unit]
    mine[mine.index(one)] = other
    theirs[theirs.index(other)] = one
    state.costs_of[here], state.costs_of[there] = _adder(mine), _adder(theirs)
    where[one], where[other] = there, here
    own[one], own[other] = state.would_cost(one, there), state.would_cost(other, here)
    if problem.assets[one] != problem.assets[other]:
        for at, (a, b) in enumerate(zip(problem.assets[one], problem.assets[other], strict=True)):
            state.assets[here][at] += b - a
            state.assets[there][at] += a - b


def _try_bulky(state: State, unit: int, limit: float) -> None:
    """Tries to exchange a unit of several with units of another group that take as many seats."""
    problem, cost = state.problem, state.problem.cost
    here = state.where[unit]
    there = int(state.random.random() * problem.groups)
    others = _as_large(state, there, problem.sizes[unit]) if there != here else []
    if not others:
        return
    change = state.would_cost(unit, there) - state.own[unit]
    for at, other in enumerate(others):
        change += state.would_cost(other, here) - state.own[other] - 2 * cost[unit][other]
        change += 2 * sum(cost[other][another] for another in others[:at])
    moving = [a - sum(problem.assets[o][at] for o in others) for at, a in enumerate(problem.assets[unit])]
    if change + state.lacking(here, there, moving) <= limit:
        state.exchange([unit], others)


def _as_large(state: State, group: int, size: int) -> list[int]:
    """Units of a group that take `size` seats together, drawn at random; none if the drawing does not come out even."""
    problem = state.problem
    drawn: list[int] = []
    for _, unit in sorted((state.random.random(), unit) for unit in state.groups[group]):
        if problem.sizes[unit] <= size and unit not in problem.fixed:
            drawn.append(unit)
            size -= problem.sizes[unit]
        if not size:
            return drawn
    return []

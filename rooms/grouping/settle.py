"""The day itself: some come late, some do not come. Nobody who sits in a room that stays open is moved."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from msgspec.structs import replace

from rooms.grouping.compose import groups_of, place, with_facilitators
from rooms.grouping.layout import Layout, lay_out
from rooms.grouping.model import Composition, Group, Lock, Request

STEPS: Final = 5_000  # exchanges tried: it is about a few latecomers
LEAST: Final = 2  # a room that no-shows left with fewer is given up, and whoever is alone in it goes to another


def settle(request: Request, composition: Composition, number: int, present: Collection[str]) -> Composition:
    """`composition` with round `number` as those who are `present` can hold it: no-shows taken out, rooms with one left
    given up, latecomers where there is most room and, of such rooms, where they fit the wishes best. `request` knows
    everybody, latecomers too; its closed locks of the round stay closed."""
    groups = [_without(group, present) for group in composition.rounds[number]]
    people = tuple(person for person in request.people if person.id in present)
    now = replace(request, people=people, locks=tuple(_as_locks(request, number, groups)))
    layout = _layout(now, number, len(groups))
    found = None
    if layout.open:
        others = [group.people for at, other in enumerate(composition.rounds) if at != number for group in other]
        found = place(now, number, layout, [*request.met, *others], lambda _: STEPS)
    led = {at: group.facilitator for at, group in enumerate(groups)}
    seated = [
        replace(group, facilitator=led[at]) if led.get(at) in group.people else group
        for at, group in enumerate(groups_of(layout, found))
    ]
    rounds = [tuple(seated) if at == number else other for at, other in enumerate(composition.rounds)]
    return Composition(with_facilitators(request, rounds))


def _without(group: Group, present: Collection[str]) -> Group:
    people = tuple(person for person in group.people if person in present)
    return Group(people, group.topic, group.facilitator if group.facilitator in people else "")


def _as_locks(request: Request, number: int, groups: list[Group]) -> Iterator[Lock]:
    """What stays as it is."""
    closed = {lock.group for lock in request.locks if lock.round == number and lock.closed}
    for at, group in enumerate(groups):
        if len(group.people) >= LEAST or (group.people and at in closed):
            yield Lock(number, at, group.people, at in closed, group.topic, group.facilitator)


def _layout(request: Request, number: int, groups: int) -> Layout:
    """That of the request, but latecomers open no room while there is one they can join."""
    layout = lay_out(request, number)
    kept = tuple(sorted(set(layout.placed.values())))
    return replace(layout, open=kept or layout.open, groups=max(layout.groups, groups))

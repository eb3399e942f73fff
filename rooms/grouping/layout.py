"""What is settled before anybody is placed: how many rooms there are, what locks demand, and who cannot be parted.

Used by `compose`, which keeps to it, and by `judge`, which tells what of it was impossible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil, floor

from msgspec import Struct

from rooms.grouping.model import Lock, Notice, Request, Round, wishes_of


class Layout(Struct, frozen=True):
    """Of one round. `groups` counts all, the closed and the unopened ones too."""

    groups: int
    closed: dict[int, Lock]  # by group; people who take part, and are in no other lock
    placed: dict[str, int]  # people in locks that are not closed: their group
    open: tuple[int, ...]  # the groups that the others are shared out among
    free: tuple[str, ...]  # whoever is in no closed group, by id
    topics: dict[int, str]  # of groups about which locks say so
    notices: tuple[Notice, ...]


def lay_out(request: Request, number: int) -> Layout:
    """The layout of round `number`."""
    wanted = request.rounds[number]
    known = {person.id for person in request.people}
    locks = [lock for lock in request.locks if lock.round == number]
    wished = _wished_rooms(request, wanted)
    reach = wished if wanted.rooms is not None else max(wished, len(known))
    closed, placed, refused = _settle(locks, known, reach)
    groups = max([wished, *(group + 1 for group in (*closed, *placed.values()))])
    inside = {person for lock in closed.values() for person in lock.people}
    free = tuple(sorted(known - inside))
    if free and len(closed) == groups:
        groups += 1
    usable = _open_groups([g for g in range(groups) if g not in closed], frozenset(placed.values()), len(free))
    notices = [*_refusals(number, refused, known), *_room_notices(number, wanted, closed, usable, groups, len(free))]
    topics = {lock.group: lock.topic for lock in locks if lock.topic}
    return Layout(groups, closed, placed, usable, free, topics, tuple(notices))


def inseparable(request: Request, number: int, people: Collection[str]) -> list[list[str]]:
    """Those of `people` who are to sit together, in sets by id, joined where wishes overlap; sets of one are left out."""
    wanted = [*request.together]
    if "teams_together" in wishes_of(request.rounds[number]):
        wanted += teams(request).values()
    leader = {person: person for person in people}

    def find(person: str) -> str:
        while leader[person] != person:
            leader[person] = leader[leader[person]]
            person = leader[person]
        return person

    for together in wanted:
        first, *others = [person for person in together if person in leader] or [""]
        for other in others:
            one, two = sorted((find(first), find(other)))
            leader[two] = one
    members: dict[str, list[str]] = {}
    for person in sorted(people):
        members.setdefault(find(person), []).append(person)
    return [unit for unit in members.values() if len(unit) > 1]


def units_of(request: Request, number: int, layout: Layout) -> list[list[str]]:
    """Everybody who is free as units that move as one, the largest first, then by id. What is too large for a room is cut,
    and so is what locks tear apart: whoever is not locked goes with the first who is."""
    units: list[list[str]] = []
    for unit in inseparable(request, number, layout.free):
        by_group: dict[int, list[str]] = {}
        for person in unit:
            if person in layout.placed:
                by_group.setdefault(layout.placed[person], []).append(person)
        if by_group:
            next(iter(by_group.values())).extend(person for person in unit if person not in layout.placed)
        for part in by_group.values() or [unit]:
            pieces = ceil(len(part) / request.rounds[number].most)
            units += [sorted(part[piece::pieces]) for piece in range(pieces)]
    inside = {person for unit in units for person in unit}
    units += [[person] for person in layout.free if person not in inside]
    return sorted(units, key=lambda unit: (-len(unit), unit))


def teams(request: Request) -> Mapping[str, tuple[str, ...]]:
    """The teams of more than one, by name."""
    members: dict[str, list[str]] = {}
    for person in sorted(request.people, key=lambda person: person.id):
        if person.team:
            members.setdefault(person.team, []).append(person.id)
    return {team: tuple(members[team]) for team in sorted(members) if len(members[team]) > 1}


def _wished_rooms(request: Request, wanted: Round) -> int:
    """By people per room: as many rooms as come nearest to it, if as many come as can be expected."""
    if wanted.rooms is not None:
        return wanted.rooms
    assert wanted.per_room is not None
    expected = sum(person.turnout for person in request.people)
    return max(1, floor(expected / wanted.per_room + 0.5), ceil(len(request.people) / wanted.most))


def _settle(locks: Sequence[Lock], known: Collection[str], reach: int) -> tuple[dict[int, Lock], dict[str, int], list[str]]:
    """Closed locks before open ones, earlier ones before later ones. Closed groups, places, people locked in vain."""
    closed: dict[int, Lock] = {}
    placed: dict[str, int] = {}
    taken: set[str] = set()
    refused: list[str] = []
    for lock in sorted(locks, key=lambda lock: not lock.closed):
        possible = 0 <= lock.group < reach and lock.group not in closed
        people = tuple(dict.fromkeys(p for p in lock.people if possible and p in known and p not in taken))
        refused += [person for person in lock.people if person not in people]
        taken |= set(people)
        if lock.closed and possible:
            facilitator = lock.facilitator if lock.facilitator in people else ""
            closed[lock.group] = Lock(lock.round, lock.group, people, True, lock.topic, facilitator)
        else:
            placed |= dict.fromkeys(people, lock.group)
    return closed, placed, refused


def _open_groups(possible: Sequence[int], locked: Collection[int], people: int) -> tuple[int, ...]:
    """As many as can have two people each; those that somebody is locked into first."""
    most = max(people // 2, len(locked), min(people, 1))
    return tuple(sorted(sorted(possible, key=lambda group: group not in locked)[:most]))


def _refusals(number: int, refused: Iterable[str], known: Collection[str]) -> Iterable[Notice]:
    if missing := tuple(sorted({person for person in refused if person not in known})):
        yield Notice("not_taking_part", number, people=missing)
    if impossible := tuple(sorted({person for person in refused if person in known})):
        yield Notice("lock_impossible", number, people=impossible)


def _room_notices(
    number: int, wanted: Round, closed: Mapping[int, Lock], usable: Sequence[int], groups: int, free: int
) -> Iterable[Notice]:
    if free > len(usable) * wanted.most:
        yield Notice("too_many_people", number, count=free, most=len(usable) * wanted.most)
    if wanted.rooms is not None and groups > wanted.rooms:
        yield Notice("more_rooms", number, count=groups, most=wanted.rooms)

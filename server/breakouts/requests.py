"""What the composer is asked, from the people there are and what a moderator wishes. Neighbours: `composing`, which asks it;
`rooms/grouping`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.access import takes_part
from rooms.errors import Refused
from rooms.grouping import Composition, Group, Lock, Participant, Request, Round, Wish
from rooms.grouping.model import Experience
from server.municipalities import SIZE_BANDS
from server.person import Person

NEW_YEARS: Final = 2  # in office, and still new there
USUAL_SIZE: Final = 6  # of a room, where nobody said
TOPIC_WEIGHT: Final = 3
IN_ROUNDS: Final = frozenset({"composed", "topics"})  # ways of which several rounds are composed at once

# Not part of what somebody's field is: who stands in for a director works as one.
_QUALIFIERS: Final = re.compile(
    r"\b(?:biträdande|biträdende|bitr|tillförordnad|tf|t\.f|vice|vikarierande|assisterende|fungerende|konstituert|konst|"
    r"visekommunedirektør|ass|acting|deputy|interim)\b\.?\s*",
    re.IGNORECASE,
)


def participant(person: Person, state: m.BreakoutsState, year: int) -> Participant:
    """Somebody as the composer knows them; `year` is now."""
    band = SIZE_BANDS.index(person.size_band) if person.size_band in SIZE_BANDS else None
    return Participant(
        id=person.id,
        municipality=person.municipality_code,
        population=person.population,
        size_band=band,
        county=person.county,
        experience=_experience(person.year_appointed, year),
        field=field_of(person.title),
        topics=state.topic_choices.get(person.id, ()),
        team=f"{person.country}-{person.municipality_code}" if person.municipality_code else "",
        facilitates=person.id in state.willing,
    )


def field_of(title: str) -> str:
    """A professional field by somebody's title, less whether they are a deputy."""
    bare = _QUALIFIERS.sub("", title).strip()
    return f"{bare[:1].upper()}{bare[1:].lower()}"


def who_takes_part(people: Iterable[Person], present: Collection[str], rooms: Sequence[m.DraftRoom]) -> list[Person]:
    """Who is to be placed: of those who take part, who is here; before anybody is, all. And whoever was put into a room by
    hand."""
    placed = {person for room in rooms for person in room.people}
    known = list(people)
    taking = [person for person in known if takes_part(frozenset(person.roles))]
    here = {person.id for person in taking if person.id in present}
    among = here or {person.id for person in taking}
    return [person for person in known if person.id in among or person.id in placed]


def request_of(
    participants: Iterable[Participant],
    plan: m.BreakoutPlan,
    rounds: Sequence[Sequence[m.DraftRoom]],
    met: Iterable[tuple[str, ...]],
) -> Request:
    """Of as many rounds as there are in `rounds`, with what stays in their rooms. Raises `Refused` for wishes that exclude
    each other."""
    people = tuple(participants)
    known = {person.id for person in people}
    try:
        return Request(
            people=people,
            rounds=(_round(plan),) * len(rounds),
            together=plan.together,
            apart=plan.apart,
            met=tuple(met),
            locks=tuple(lock for number, rooms in enumerate(rounds) for lock in _locks(number, rooms, known)),
            seed=plan.seed,
        )
    except ValueError as error:
        raise Refused("bad_rooms") from error


def composition_of(rooms: Sequence[m.DraftRoom], known: Collection[str]) -> Composition:
    """Rooms as a composer's groups; whoever is not `known` any more is left out."""
    return Composition((tuple(_group(room, known) for room in rooms),))


def rooms_of(groups: Sequence[Group], before: Sequence[m.DraftRoom], capacity: int | None = None) -> tuple[m.DraftRoom, ...]:
    """A composer's groups as rooms; what was said of them `before` stays. `capacity`: of those that are not locked; None: as
    it was."""
    found = []
    for at, group in enumerate(groups):
        old = before[at] if at < len(before) else m.DraftRoom()
        size = old.capacity if capacity is None or old.locked else capacity
        fixed = tuple(person for person in group.people if person in old.fixed)
        topic = group.topic or old.topic
        found.append(m.DraftRoom(old.title, topic, size, group.people, group.facilitator, old.locked, fixed))
    return tuple(found)


def rounds_of(draft: m.BreakoutsDraft) -> list[m.DraftRound]:
    """The next round and those after it, alike."""
    return [m.DraftRound(draft.rooms, draft.plan.left_out), *draft.later]


def to_compose(draft: m.BreakoutsDraft, at: int) -> tuple[m.BreakoutPlan, list[m.DraftRound], set[int]]:
    """The plan, as many rounds as it wishes for, and which of them are to be composed. Who is left out of the next round is
    left out of those that are added."""
    count = draft.plan.rounds if draft.plan.way in IN_ROUNDS else 1
    plan, there = replace(draft.plan, rounds=count), rounds_of(draft)[:count]
    added = [m.DraftRound(left_out=plan.left_out)] * (count - len(there))
    first = min(at, count - 1)
    follow = {number for number in range(first + 1, len(there)) if not there[number].by_hand}
    return plan, [*there, *added], {first, *follow, *range(len(there), count)}


def alike(rounds: Sequence[m.DraftRound], wanted: Collection[int]) -> list[list[int]]:
    """Those of `wanted` in sets of which the same people are left out: each can be composed at once."""
    found: dict[frozenset[str], list[int]] = {}
    for number in sorted(wanted):
        found.setdefault(frozenset(rounds[number].left_out), []).append(number)
    return list(found.values())


def groups_of(rounds: Iterable[m.DraftRound]) -> Iterator[tuple[str, ...]]:
    """Whoever is planned to sit together in any of `rounds`."""
    return (room.people for each in rounds for room in each.rooms if len(room.people) > 1)


def groups_that_met(states: Mapping[str, m.BreakoutsState], but: tuple[str, int] | None = None) -> Iterator[tuple[str, ...]]:
    """Whoever has sat together in any round of any session, `but` that round of that session."""
    for session_id, state in states.items():
        for room in state.rooms.values():
            if len(room.people) > 1 and (session_id, room.round) != but:
                yield room.people
        yield from state.met


def _round(plan: m.BreakoutPlan) -> Round:
    wishes = [Wish(wish.rule, wish.strength, wish.weight) for wish in plan.wishes]
    if plan.way == "topics" and not any(wish.rule == "topic" for wish in wishes):
        wishes.append(Wish("topic", weight=TOPIC_WEIGHT))
    count = plan.count or None
    per_room = None if count else plan.per_room or min(USUAL_SIZE, plan.capacity)
    return Round(rooms=count, per_room=per_room, most=plan.capacity, wishes=tuple(wishes))


def _locks(number: int, rooms: Sequence[m.DraftRoom], known: Collection[str]) -> Iterator[Lock]:
    for at, room in enumerate(rooms):
        if room.locked:
            group = _group(room, known)
            yield Lock(number, at, group.people, True, room.topic, group.facilitator)
        elif fixed := tuple(person for person in room.fixed if person in known):
            yield Lock(number, at, fixed)


def _group(room: m.DraftRoom, known: Collection[str]) -> Group:
    people = tuple(person for person in room.people if person in known)
    return Group(people, room.topic, room.facilitator if room.facilitator in people else "")


def _experience(appointed: int | None, year: int) -> Experience:
    if appointed is None:
        return ""
    return "new" if year - appointed <= NEW_YEARS else "experienced"

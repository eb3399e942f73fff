"""Groups for a round, however they are made, and what is to be said of them before it is opened."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from rooms import messages as m
from rooms.access import takes_part
from rooms.breakouts import seat_of
from rooms.breakouts.planning import OPEN_WAYS
from rooms.grouping import Composition, Group, Participant, Report, Request, Rule, compose, explain, judge, settle
from server.breakouts.requests import (
    USUAL_SIZE,
    alike,
    composition_of,
    groups_of,
    groups_that_met,
    participant,
    request_of,
    rooms_of,
    rounds_of,
    to_compose,
    who_takes_part,
)
from server.grouping_words import facts_sentence, notice_sentence
from server.i18n import Translator
from server.people import People
from server.person import Person
from server.presence import Presence
from server.streams import Streams

AS_PLANNED: Final = OPEN_WAYS | {"pairs"}  # ways in which nobody is put anywhere
EXPLAINED: Final = frozenset({"composed", "topics", "drawn"})  # ways of which there is a why


class About(Struct, frozen=True):
    name: str
    about: str  # municipality, title


class RoundReport(Struct, frozen=True):
    """Scores 0..1 of all and of each rule, and of each room by its place; sentences about what is not met; and everybody
    who was considered."""

    overall: float
    rules: dict[Rule, float]
    rooms: tuple[dict[Rule, float], ...]
    not_met: tuple[str, ...]
    people: dict[str, About]


class Answer(Struct, frozen=True):
    """The next round and what is to be said of it, and the same of those after it. Whoever is among the people of the next
    round's report is left out of the later ones'."""

    rooms: tuple[m.DraftRoom, ...]
    report: RoundReport
    later: tuple[m.DraftRound, ...] = ()
    reports: tuple[RoundReport, ...] = ()


class Composer:
    """Makes groups, one request at a time, as each takes a processor for a second or two; and judges them."""

    def __init__(self, streams: Streams, people: People, presence: Presence, now: Callable[[], datetime]) -> None:
        self._streams = streams
        self._all_people = people
        self._presence = presence
        self._now = now
        self._busy = asyncio.Lock()

    async def compose(self, session_id: str, draft: m.BreakoutsDraft, words: Translator, at: int = 0) -> Answer:
        """Groups by the plan's way: those of round `at` (0: the next), of rounds that there are not yet, and of later ones
        that hands have not changed. What is locked or fixed in their rooms stays. Raises `Refused`."""
        plan, rounds, wanted = to_compose(draft, at)
        for batch in alike(rounds, wanted):
            met = [*groups_that_met(self._all()), *groups_of(r for n, r in enumerate(rounds) if n not in wanted)]
            placed = [room for number in batch for room in rounds[number].rooms]
            people = self._people(session_id, replace(plan, left_out=rounds[batch[0]].left_out), placed)
            request = request_of(self._participants(session_id, people), plan, [rounds[n].rooms for n in batch], met)
            composition = await self._composition(session_id, request, plan, rounds[batch[0]].rooms)
            for number, groups in zip(batch, composition.rounds, strict=True):
                made = rooms_of(groups, rounds[number].rooms, plan.capacity)
                if plan.way in OPEN_WAYS or plan.way == "topics":
                    made = _with_topics(made, plan.topics)
                rounds[number] = m.DraftRound(made, rounds[number].left_out)
            wanted = wanted - set(batch)
        return await self.judge(session_id, m.BreakoutsDraft(plan, rounds[0].rooms, tuple(rounds[1:])), words)

    async def judge(self, session_id: str, draft: m.BreakoutsDraft, words: Translator, more: Iterable[str] = ()) -> Answer:
        """What is to be said of rooms as they are; `more`: sentences to say besides."""
        rounds, reports, known = rounds_of(draft), list[RoundReport](), list(groups_that_met(self._all()))
        for each in rounds:
            plan = replace(draft.plan, left_out=each.left_out)
            people = self._people(session_id, plan, each.rooms)
            request = request_of(self._participants(session_id, people), plan, [each.rooms], known)
            composition = composition_of(each.rooms, {person.id for person in people})
            judged = await asyncio.to_thread(judge, request, composition)
            named = reports[0].people if reports else {}
            about = [person for person in self._and_left_out(plan, people) if person.id not in named]
            reports.append(self._report(judged, about, words))
            known += groups_of([each])
        first = replace(reports[0], not_met=(*more, *reports[0].not_met))
        return Answer(draft.rooms, first, draft.later, tuple(reports[1:]))

    async def settle(
        self, session_id: str, plan: m.BreakoutPlan, rooms: Sequence[m.DraftRoom], present: Collection[str]
    ) -> tuple[m.DraftRoom, ...]:
        """The rooms as those who are present can hold it: no-shows taken out, who came since placed if the plan says so,
        nobody alone where that can be avoided."""
        placed = {person for room in rooms for person in room.people}
        people = [p for p in self._people(session_id, plan, rooms) if plan.places_late or p.id in placed]
        met = [*groups_that_met(self._all()), *self._planned(session_id)]
        request = request_of(self._participants(session_id, people), plan, [rooms], met)
        composition = composition_of(rooms, {person.id for person in people})
        async with self._busy:
            settled = await asyncio.to_thread(settle, request, composition, 0, frozenset(present))
        return rooms_of(settled.rounds[0], rooms)

    def why(self, session_id: str, person_id: str, words: Translator) -> str:
        """The sentence that tells somebody about the group they are in; "" where there is nothing to tell. Everybody asks at
        once, so it looks at that group only."""
        state = self._streams.breakouts(session_id)
        plan, room = state.plan, seat_of(state, person_id)
        if plan is None or room is None or plan.way not in EXPLAINED:
            return ""
        group = (m.DraftRoom("", room.topic, people=room.people, facilitator=room.facilitator),)
        people = [person for person in map(self._all_people.get, room.people) if person is not None]
        met = list(groups_that_met(self._all(), but=(session_id, state.number)))
        own = [people for people in met if person_id in people] or met[:1]
        request = request_of(self._participants(session_id, people), plan, [group], own)
        try:
            facts = explain(request, composition_of(group, {person.id for person in people}), 0, person_id)
        except LookupError:
            return ""
        return facts_sentence(words, facts, self._all_people.name_of)

    def taking_part(self, session_id: str) -> set[str]:
        """Who is here of those who are put into rooms."""
        here = filter(None, map(self._all_people.get, self._presence.people(session_id)))
        return {person.id for person in here if takes_part(frozenset(person.roles))}

    async def opened(self, session_id: str) -> m.BreakoutsOpen:
        """The command that opens a round, with the draft's rooms as those who are here can hold it. Raises `Refused`."""
        draft = self._streams.breakouts(session_id).draft
        if draft is None or draft.plan.way in AS_PLANNED:
            return m.BreakoutsOpen()
        present = self._presence.people(session_id)
        return m.BreakoutsOpen(await self.settle(session_id, draft.plan, draft.rooms, present.keys()))

    # --- what is asked

    def _all(self) -> dict[str, m.BreakoutsState]:
        return self._streams.all_breakouts()

    def _people(self, session_id: str, plan: m.BreakoutPlan, rooms: Sequence[m.DraftRoom]) -> list[Person]:
        """Who is to be placed; whom a moderator leaves out and puts into a room all the same is."""
        present = self._presence.people(session_id)
        placed = {person for room in rooms for person in room.people}
        out = {*self._streams.breakouts(session_id).barred, *(set(plan.left_out) - placed)}
        return [p for p in who_takes_part(self._all_people.all(), present.keys(), rooms) if p.id not in out]

    def _and_left_out(self, plan: m.BreakoutPlan, people: Sequence[Person]) -> list[Person]:
        known = {person.id for person in people}
        left_out = map(self._all_people.get, plan.left_out)
        return [*people, *(person for person in left_out if person is not None and person.id not in known)]

    def _participants(self, session_id: str, people: Iterable[Person]) -> list[Participant]:
        state, year = self._streams.breakouts(session_id), self._now().year
        found = {person.id: participant(person, state, year) for person in people}
        return list(found.values())

    def _planned(self, session_id: str) -> Iterator[tuple[str, ...]]:
        """Who is to meet after the round that runs or is about to be opened: nobody is placed with them before that."""
        state = self._streams.breakouts(session_id)
        rounds = rounds_of(state.draft) if state.draft is not None else []
        return groups_of(rounds if state.phase == "running" else rounds[1:])

    async def _composition(
        self, session_id: str, request: Request, plan: m.BreakoutPlan, rooms: Sequence[m.DraftRoom]
    ) -> Composition:
        match plan.way:
            case "pairs":
                return Composition(((),))
            case "chosen" | "tables":
                return _empty(plan, len(request.people))
            case "drawn":
                return _drawn(request, plan, rooms)
            case "list":
                return composition_of(rooms, {person.id for person in request.people})
            case "again":
                async with self._busy:
                    return await self._again(session_id, request)
        async with self._busy:
            return await asyncio.to_thread(compose, request)

    async def _again(self, session_id: str, request: Request) -> Composition:
        """The groups of the round before, here or in another session; who is new is placed among them."""
        here = {person.id for person in request.people}
        last = _last_groups(session_id, self._all())
        known = tuple(Group(tuple(person for person in group if person in here)) for group in last)
        if not known:
            return await asyncio.to_thread(compose, request)
        return await asyncio.to_thread(settle, request, Composition((known,)), 0, frozenset(here))

    # --- what is said

    def _report(self, report: Report, people: Iterable[Person], words: Translator) -> RoundReport:
        scores, name = report.rounds[0], self._all_people.name_of
        sentences = dict.fromkeys(notice_sentence(words, notice, name, in_rounds=False) for notice in report.notices)
        about = {
            person.id: About(person.name, ", ".join(part for part in (person.municipality, person.title) if part))
            for person in people
        }
        return RoundReport(scores.overall, scores.rules, scores.groups, tuple(sentences), about)


def _drawn(request: Request, plan: m.BreakoutPlan, rooms: Sequence[m.DraftRoom]) -> Composition:
    """By lot: as even as can be, around what is locked or fixed."""
    known = {person.id for person in request.people}
    stay = [[p for p in (room.people if room.locked else room.fixed) if p in known] for room in rooms]
    placed = {person for people in stay for person in people}
    others = sorted(known - placed)
    Random(plan.seed).shuffle(others)
    closed = {at for at, room in enumerate(rooms) if room.locked}
    in_closed = sum(len(stay[at]) for at in closed)
    count = plan.count or math.ceil((len(known) - in_closed) / (plan.per_room or USUAL_SIZE)) + len(closed)
    last_fixed = max((at + 1 for at, people in enumerate(stay) if people), default=0)
    groups = [*stay, *([] for _ in range(max(count, last_fixed) - len(stay)))][: max(count, last_fixed)]
    for person in others:
        free = [group for at, group in enumerate(groups) if at not in closed and len(group) < plan.capacity]
        if not free:
            groups.append([])
            free = [groups[-1]]
        min(free, key=len).append(person)
    led = [next((p.id for p in request.people if p.facilitates and p.id in group), "") for group in groups]
    return Composition((tuple(Group(tuple(sorted(g)), "", led[at]) for at, g in enumerate(groups)),))


def _empty(plan: m.BreakoutPlan, people: int) -> Composition:
    """Rooms that people choose from: one a topic, or as many as were wished, or as people need."""
    count = len(plan.topics) or plan.count or math.ceil(max(people, 1) / (plan.per_room or USUAL_SIZE))
    return Composition((tuple(Group() for _ in range(count)),))


def _with_topics(rooms: Sequence[m.DraftRoom], topics: Sequence[str]) -> tuple[m.DraftRoom, ...]:
    """Rooms without a topic get those that are talked about least."""
    found, used = [], [room.topic for room in rooms if room.topic]
    for room in rooms:
        topic = room.topic
        if not topic and topics:
            topic = min(topics, key=used.count)
            used.append(topic)
        found.append(replace(room, topic=topic))
    return tuple(found)


def _last_groups(session_id: str, states: dict[str, m.BreakoutsState]) -> list[tuple[str, ...]]:
    """Of the round that ended last, in this session if there was one."""
    rounds: dict[tuple[bool, float, str, int], list[tuple[str, ...]]] = {}
    for key, state in states.items():
        for room in state.rooms.values():
            if room.closed_at is not None and not room.is_pair and not room.is_open and room.people:
                ended = max(
                    r.closed_at.timestamp()
                    for r in state.rooms.values()
                    if r.round == room.round and r.closed_at is not None
                )
                rounds.setdefault((key == session_id, ended, key, room.round), []).append(room.people)
    return rounds[max(rounds)] if rounds else []

"""Breakout rooms as a whole: random commands, and the equation that makes snapshots and events interchangeable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms import breakouts
from rooms import messages as m
from rooms.access import audience_of, hears
from rooms.breakouts import moving, view
from rooms.errors import Refused
from tests.rooms import day
from tests.rooms.breakouts_day import IDS, PEOPLE, some_command


@pytest.fixture(scope="module", autouse=True)
def few_pairs() -> Iterator[None]:
    """So that random days come to the limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "MOST_ENDED_PAIRS", 0)
        patch.setattr(moving, "LINGERING", timedelta(0))
        patch.setattr(view, "MOST_MET", 2)
        yield


EVENTS: msgspec.json.Decoder[m.Event] = msgspec.json.Decoder(m.Event)
STATES = msgspec.json.Decoder(m.BreakoutsState)


class Day:
    """A state under random commands, and what each of the people was told of it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.state = m.BreakoutsState()
        self.now = day.NOON
        self.views = {actor.person_id: breakouts.redact(self.state, actor) for actor in PEOPLE}
        self.seen: list[str] = []  # kinds of events

    def step(self) -> None:
        self.now += timedelta(seconds=self.random.choice((1, 20, 400)))
        actor, command = some_command(self.random)
        self.do(actor, command)

    def do(self, actor: m.Actor, command: m.BreakoutsCommand) -> None:
        try:
            events = breakouts.decide(self.state, day.context(), actor, command, self.now)
        except Refused:
            return
        for event in events:
            self.hear(event)

    def hear(self, event: m.BreakoutsEvent) -> None:
        written = EVENTS.decode(msgspec.json.encode(event))  # as the journal gives it back
        assert isinstance(written, m.BreakoutsEvent)
        self.seen.append(type(written).__name__)
        self.state = breakouts.apply(self.state, written)
        for someone in PEOPLE:
            if hears(someone, written.audience):
                self.views[someone.person_id] = breakouts.apply(self.views[someone.person_id], written)
        self.check(written)

    def check(self, event: m.BreakoutsEvent) -> None:
        for someone in PEOPLE:
            assert self.views[someone.person_id] == breakouts.redact(self.state, someone), (someone.person_id, event)
        for person_id in IDS:
            seats = [room for room in breakouts.open_rooms(self.state) if person_id in room.people]
            assert len(seats) <= 1, "in two places"
            assert not seats or person_id not in self.state.outside
            assert not seats or person_id not in self.state.barred or isinstance(event, m.BreakoutBarred)
        for room in self.state.rooms.values():
            assert len(room.people) <= room.capacity and len(set(room.people)) == len(room.people)
            assert room.facilitator == "" or room.facilitator in room.people
            assert set(room.in_touch) <= set(room.people)
            assert not set(room.visitors) & set(room.people)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_everybody_is_in_one_place_and_knows_what_they_were_told(seed: int) -> None:
    scene = Day(Random(seed))
    for _ in range(120):
        scene.step()
    assert STATES.decode(msgspec.json.encode(scene.state)) == scene.state


def test_random_days_have_every_kind_of_event_in_them() -> None:
    seen: set[str] = set()
    for seed in range(60):
        scene = Day(Random(seed))
        for _ in range(120):
            scene.step()
        seen |= set(scene.seen)
    assert seen == {event.__name__ for event in m.BreakoutsEvent.__args__}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_nobody_but_its_people_and_moderators_sees_into_a_room(seed: int) -> None:
    scene = Day(Random(seed))
    for _ in range(80):
        scene.step()
    for someone in PEOPLE:
        if "moderator" in someone.roles:
            continue
        seen = breakouts.redact(scene.state, someone)
        for room in seen.rooms.values():
            if someone.person_id not in room.people:
                shown = {name for name in ("people", "facilitator", "visitors", "points", "in_touch") if getattr(room, name)}
                assert not shown and room.help_since is None and room.ends_at is None and room.closed_at is None
        assert seen.draft is None and seen.plan is None and not seen.met
        assert {*seen.topic_choices, *seen.willing, *seen.waiting, *seen.outside, *seen.barred} <= {someone.person_id}
        assert audience_of(someone, scene.state).endswith(f":{someone.person_id}")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_nobody_is_alone_where_that_can_be_avoided(seed: int) -> None:
    scene = Day(Random(seed))
    for _ in range(60):
        scene.step()
        here = tuple(person for person in IDS if scene.random.random() < 0.9)
        scene.do(m.SYSTEM, m.BreakoutsGather(here))
        rooms = [
            room
            for room in breakouts.open_rooms(scene.state)
            if not room.is_open
            and not room.is_pair
            and ((end := breakouts.end_of(scene.state, room)) is None or end > scene.now + timedelta(minutes=1))
        ]
        present = {room.id: set(room.people) & set(here) for room in rooms}
        for room in rooms:
            if len(present[room.id]) == 1:
                assert not any(
                    other.id != room.id and present[other.id] and len(other.people) < other.capacity for other in rooms
                )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_room_has_less_than_no_time_left_once_what_is_due_is_closed(seed: int) -> None:
    scene = Day(Random(seed))
    for _ in range(80):
        scene.step()
        scene.do(m.SYSTEM, m.BreakoutsCloseDue())
        for room in breakouts.open_rooms(scene.state):
            end = breakouts.end_of(scene.state, room)
            assert end is None or end > scene.now
        if scene.state.phase == "over":
            assert not breakouts.open_rooms(scene.state) and not scene.state.waiting

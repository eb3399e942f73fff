"""The browser's `apply` (web/static/state.js) against the domain's, for every audience, over random days.

Random commands; what they make happen is told to a hall member, a moderator and the board, each starting from their
own snapshot in the middle of the day. Node replays all of it in one run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from rooms import breakouts, conference, room
from rooms import messages as m
from rooms.access import hears
from rooms.breakouts import moving
from rooms.errors import Refused
from tests.rooms.breakouts_day import some_command
from tests.web.node import run_node

START = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("state_twin.mjs")
SESSIONS = ("s1", "s2")
DAYS = 200  # at random

HALL = m.Actor("anna", "Anna Alm", frozenset({"attendee"}))
SPEAKER = m.Actor("sven", "Sven Sol", frozenset({"speaker"}))
MODERATOR = m.Actor("mona", "Mona Mo", frozenset({"moderator"}))
BOARD = m.Actor("berit", "Berit Berg", frozenset({"board", "attendee"}))
PEOPLE = (HALL, SPEAKER, MODERATOR, BOARD)
AUDIENCES = (HALL, MODERATOR, BOARD)

PROGRAMME = m.Programme(
    "Vårkonferensen",
    "Föreningen",
    "Europe/Stockholm",
    ("sv", "en"),
    m.Goals(),
    (m.RoomPlan("plenum", "Plenum"),),
    tuple(
        m.SessionPlan(key, f"Punkt {key}", "plenary", START, START + timedelta(hours=1), "plenum", speakers=("Sven",))
        for key in SESSIONS
    ),
)
PLAN = PROGRAMME.sessions[0]


Draw = Callable[[Random], Any]


def some_id(letter: str) -> Callable[[Random], str]:
    return lambda random: f"s1-{letter}{random.randint(1, 3)}"


def some_session(random: Random) -> str:
    return random.choice(SESSIONS)


CONFERENCE_COMMANDS: tuple[Draw, ...] = (
    lambda r: m.ProgrammePublish(PROGRAMME),
    lambda r: m.SessionPrepare(some_session(r)),
    lambda r: m.SessionGoLive(some_session(r)),
    lambda r: m.SessionEnd(some_session(r)),
    lambda r: m.SurveyOpen(),
    lambda r: m.SurveyClose(),
)
POLL, QUESTION, RECORDING = some_id("p"), some_id("q"), some_id("r")
ROOM_COMMANDS: tuple[Draw, ...] = (
    lambda r: m.StageEnter(),
    lambda r: m.StageSetMedia(camera=r.random() < 0.5, microphone=r.random() < 0.5, screen=r.random() < 0.5),
    lambda r: m.StageLeave(),
    lambda r: m.StageRemove(r.choice(PEOPLE).person_id),
    lambda r: m.PollDraft("Vad är viktigast?", ("Ja", "Nej"), r.random() < 0.5),
    lambda r: m.PollDiscard(POLL(r)),
    lambda r: m.PollOpen(POLL(r)),
    lambda r: m.PollClose(POLL(r)),
    lambda r: m.PollCount(POLL(r), (r.randint(0, 99), 4)),
    lambda r: m.PollShow(POLL(r)),
    lambda r: m.QuestionAsk("".join(r.choices("åäö <>&\"'\\\U0001f600", k=9)) + "?"),
    lambda r: m.QuestionPublish(QUESTION(r)),
    lambda r: m.QuestionDismiss(QUESTION(r)),
    lambda r: m.QuestionMarkAnswered(QUESTION(r)),
    lambda r: m.RecordingStart(),
    lambda r: m.RecordingStop(),
    lambda r: m.RecordingFinish(RECORDING(r), r.random() * 9000),
    lambda r: m.RecordingFail(RECORDING(r), "disk full"),
    lambda r: m.RecordingErase(RECORDING(r)),
    lambda r: m.HarvestGather(tuple(m.HarvestPoint(f"b{r.randint(1, 3)}-{n}", "b1", f"Punkt {n}") for n in range(2))),
    lambda r: m.HarvestArrange((m.HarvestSheaf("", "Allt", tuple(f"b{n}-{r.randint(0, 1)}" for n in (1, 2))),)),
    lambda r: m.HarvestShow() if r.random() < 0.2 else m.HarvestVote(),
)
ACTORS = (*PEOPLE, MODERATOR, MODERATOR, m.SYSTEM, m.SYSTEM)


def draw(random: Random, commands: tuple[Draw, ...], most: int) -> list[tuple[m.Actor, Any]]:
    return [(random.choice(ACTORS), random.choice(commands)(random)) for _ in range(random.randint(1, most))]


def plain(value: object) -> Any:
    """`value` as the browser gets it."""
    return json.loads(msgspec.json.encode(value))


@pytest.fixture(scope="module", autouse=True)
def few_pairs() -> Iterator[None]:
    """So that random days come to the limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "MOST_ENDED_PAIRS", 0)
        patch.setattr(moving, "LINGERING", timedelta(0))
        yield


class Telling:
    """One vector: what an audience starts from, hears, and must then hold."""

    def __init__(self, actor: m.Actor, start: m.State) -> None:
        self.actor = actor
        self.start = plain(start)
        self.events: list[Any] = []

    def hear(self, event: m.Event) -> None:
        if hears(self.actor, event.audience):
            self.events.append(plain(event))

    def vector(self, end: m.State) -> dict[str, Any]:
        return {"start": self.start, "events": self.events, "end": plain(end)}


def tell(
    state: Any,
    steps: list[tuple[m.Actor, Any]],
    joins: int,
    decide: Callable[..., Any],
    apply: Callable[..., Any],
    redact: Callable[..., Any],
) -> list[dict[str, Any]]:
    """Plays `steps`; the audiences join (take their snapshot) before step number `joins`."""
    tellings: list[Telling] = []
    for number, (actor, command) in enumerate(steps):
        if number == joins:
            tellings = [Telling(audience, redact(state, audience)) for audience in AUDIENCES]
        try:
            events = decide(state, actor, command, START + timedelta(seconds=number, microseconds=number * 7))
        except Refused:
            continue
        for event in events:
            state = apply(state, event)
            for telling in tellings:
                telling.hear(event)
    return [telling.vector(redact(state, telling.actor)) for telling in tellings]


def in_session(state: m.RoomState, actor: m.Actor, command: m.RoomCommand, now: datetime) -> list[m.RoomEvent]:
    return room.decide(state, room.SessionContext(PLAN, m.SessionRun("live", live_at=START)), actor, command, now)


def in_rooms(state: m.BreakoutsState, actor: m.Actor, command: m.BreakoutsCommand, now: datetime) -> list[m.BreakoutsEvent]:
    return breakouts.decide(state, room.SessionContext(PLAN, m.SessionRun("live", live_at=START)), actor, command, now)


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    """The comparison is one run of Node over everything drawn. The seeds are always the same: a kind of event that is drawn
    today is drawn tomorrow."""
    drawn: list[dict[str, Any]] = []
    for seed in range(DAYS):
        random = Random(seed)
        steps = draw(random, ROOM_COMMANDS, 250)
        drawn.extend(tell(m.RoomState(), steps, random.randrange(len(steps)), in_session, room.apply, room.redact))
        steps = draw(random, CONFERENCE_COMMANDS, 30)
        joins = random.randrange(len(steps))
        drawn.extend(tell(m.ConferenceState(), steps, joins, conference.decide, conference.apply, conference.redact))
        steps = [some_command(random) for _ in range(random.randint(1, 150))]
        joins = random.randrange(len(steps))
        drawn.extend(tell(m.BreakoutsState(), steps, joins, in_rooms, breakouts.apply, breakouts.redact))
    return drawn


def test_every_kind_of_event_has_been_drawn(vectors: list[dict[str, Any]]) -> None:
    seen = {event["type"] for vector in vectors for event in vector["events"]}
    assert seen == {event.__struct_config__.tag for event in m.Event.__args__}


def test_browser_and_domain_hold_the_same_state_after_the_same_events(vectors: list[dict[str, Any]]) -> None:
    held = json.loads(run_node(SCRIPT, json.dumps([{"start": v["start"], "events": v["events"]} for v in vectors])))
    assert len(held) == len(vectors)
    for vector, state in zip(vectors, held, strict=True):
        assert state == vector["end"], vector["events"]


def test_browser_starts_a_stream_from_the_same_empty_state() -> None:
    held = json.loads(
        run_node(SCRIPT, json.dumps([{"empty": name} for name in ("conference", "session/s1", "breakouts/s1")]))
    )
    assert held == [plain(m.ConferenceState()), plain(m.RoomState()), plain(m.BreakoutsState())]

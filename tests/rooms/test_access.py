"""The one gate."""

from __future__ import annotations

import contextlib
import re
import typing
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import access, room
from rooms import messages as m
from rooms.errors import Refused
from tests.rooms import day


def test_every_command_has_its_row_in_the_table() -> None:
    assert set(access.COMMANDS) == set(typing.get_args(m.Command))


def test_commands_of_the_server_are_for_nobody_else() -> None:
    for command in (
        m.PollCount("x", ()),
        m.RecordingFinish("x", 1.0),
        m.RecordingFail("x", ""),
        m.RecordingErase("x"),
        m.BreakoutsCloseDue(),
        m.BreakoutSeat("x", "b1"),
        m.BreakoutsGather(()),
        m.BreakoutsMatch(()),
        m.ProgrammePublish(day.PROGRAMME),
    ):
        for actor in day.EVERYONE:
            with pytest.raises(Refused, match="forbidden"):
                access.check_command(actor, command)
        access.check_command(m.SYSTEM, command)


@pytest.mark.parametrize(
    ("audience", "listeners"),
    [
        ("everyone", {"anna", "bo", "siri", "mona", "britt"}),
        ("staff", {"mona", "britt"}),
        ("person:anna+moderators", {"anna", "mona"}),
        ("people:anna,bo+moderators", {"anna", "bo", "mona"}),
        ("people:+moderators", {"mona"}),
        ("moderators", {"mona"}),
    ],
)
def test_who_hears_what(audience: m.Audience, listeners: set[str]) -> None:
    assert {actor.person_id for actor in day.EVERYONE if access.hears(actor, audience)} == listeners


@given(st.lists(st.tuples(day.actors, day.phases, day.room_commands), max_size=40))
def test_those_of_one_audience_see_the_same(history: list[tuple[m.Actor, m.Phase, m.RoomCommand]]) -> None:
    state = m.RoomState()
    for actor, phase, command in history:
        with contextlib.suppress(Refused):
            for event in room.decide(state, day.context(phase), actor, command, day.NOON):
                state = room.apply(state, event)
    seen: dict[str, m.RoomState] = {}
    both = m.Actor("carl", "Carl", frozenset({"moderator", "board", "attendee"}))
    for actor in (*day.EVERYONE, both):
        view = room.redact(state, actor)
        assert seen.setdefault(access.audience_of(actor, state), view) == view


@pytest.mark.parametrize(
    ("actor", "phase", "allowed"),
    [
        (day.ANNA, "planned", False),
        (day.ANNA, "backstage", False),
        (day.ANNA, "live", True),
        (day.ANNA, "ended", False),
        (day.SIRI, "backstage", True),
        (day.MONA, "backstage", True),
        (day.MONA, "planned", False),
    ],
)
def test_who_may_watch_when(actor: m.Actor, phase: m.Phase, allowed: bool) -> None:
    if allowed:
        access.check_watching(actor, m.SessionRun(phase))
    else:
        with pytest.raises(Refused):
            access.check_watching(actor, m.SessionRun(phase))


def test_who_may_publish_when() -> None:
    access.check_publishing(day.SIRI, m.SessionRun("backstage"))
    for actor, run in (
        (day.ANNA, m.SessionRun("live")),
        (day.BRITT, m.SessionRun("live")),
        (day.SIRI, m.SessionRun("planned")),
        (day.SIRI, m.SessionRun("ended")),
    ):
        with pytest.raises(Refused):
            access.check_publishing(actor, run)


def test_pages_of_the_staff_are_not_for_attendees() -> None:
    pages: tuple[access.Page, ...] = ("desk", "board")
    for page in pages:
        with pytest.raises(Refused, match="forbidden"):
            access.check_page(day.ANNA, page)
    with pytest.raises(Refused, match="not_signed_in"):
        access.check_page(None, "lobby")
    assert access.check_page(day.BRITT, "board") is day.BRITT
    assert not access.may(day.BRITT, "desk")


def test_only_speakers_and_moderators_may_ever_be_on_stage() -> None:
    allowed = set()
    for actor in day.EVERYONE:
        try:
            allowed.add(access.check_on_stage_role(actor).person_id)
        except Refused as refusal:
            assert refusal.code == "forbidden"
    assert allowed == {"siri", "mona"}


def test_nothing_else_compares_roles() -> None:
    top = Path(access.__file__).parents[1]
    sources = [path for folder in ("rooms", "server", "live", "recordings") for path in (top / folder).rglob("*.py")]
    assert len(sources) > 50
    comparison = re.compile(r"\.roles\s*[&|<>=-]+\s*(frozenset\()?[{(]|\b(MODERATORS|STAFF|ON_STAGE|EVERYBODY)\b")
    found = {path.name for path in sources if comparison.search(path.read_text(encoding="utf-8"))}
    assert found == {"access.py"}


def a_room(**changes: object) -> m.BreakoutsState:
    """A round with Anna in its first room, which Mona visits."""
    rooms = {
        "b1": m.BreakoutRoom("b1", 1, "", people=("anna",), visitors=("mona", "britt")),
        "b2": m.BreakoutRoom("b2", 2, "", people=("bo",)),
    }
    return msgspec.structs.replace(m.BreakoutsState(phase="running", rooms=rooms), **changes)


def let_in(
    check: Callable[[m.Actor, m.BreakoutsState, str], m.BreakoutRoom], state: m.BreakoutsState
) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for actor in day.EVERYONE:
        for room_id in ("b1", "b2", "b3"):
            try:
                assert check(actor, state, room_id).id == room_id
                found.add((actor.person_id, room_id))
            except Refused as refusal:
                assert refusal.code == "not_in_room"
    return found


def test_who_is_let_into_a_breakout_room() -> None:
    seats = {("anna", "b1"), ("bo", "b2")}
    assert let_in(access.check_in_breakout, a_room()) == seats
    assert let_in(access.check_breakout_listening, a_room()) == {*seats, ("mona", "b1")}
    assert let_in(access.check_breakout_reading, a_room()) == {*seats, ("mona", "b1"), ("mona", "b2")}


def test_nobody_is_let_into_a_breakout_room_that_is_closed_but_its_people_read_its_notes() -> None:
    closed = {key: msgspec.structs.replace(room, closed_at=day.NOON) for key, room in a_room().rooms.items()}
    for state in (a_room(phase="over"), a_room(rooms=closed)):
        assert let_in(access.check_in_breakout, state) == set()
        assert let_in(access.check_breakout_listening, state) == set()
        assert ("anna", "b1") in let_in(access.check_breakout_reading, state)

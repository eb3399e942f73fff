"""The room as a whole: random commands, and the equation that makes snapshots and events interchangeable."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rooms import messages as m
from rooms import room
from rooms.access import COMMANDS, hears
from rooms.errors import Refused
from tests.rooms import day

ROOMS = msgspec.json.Decoder(m.RoomState)
EVENTS: msgspec.json.Decoder[m.Event] = msgspec.json.Decoder(m.Event)


class ARoomUnderRandomCommands(RuleBasedStateMachine):
    """Whatever is commanded: a typed refusal or events; and every audience's view stays what the events told it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = m.RoomState()
        self.now = day.NOON
        self.phase: m.Phase = "live"
        self.views = {actor.person_id: self.state for actor in day.EVERYONE}

    @rule(phase=day.phases)
    def the_session_moves_on(self, phase: m.Phase) -> None:
        self.phase = phase

    @rule(actor=day.actors, command=day.room_commands)
    def somebody_commands(self, actor: m.Actor, command: m.RoomCommand) -> None:
        self.now += timedelta(seconds=1)
        try:
            events = room.decide(self.state, day.context(self.phase), actor, command, self.now)
        except Refused:
            return
        for event in events:
            written = EVENTS.decode(msgspec.json.encode(event))  # as the journal gives it back
            assert isinstance(written, m.RoomEvent)
            self.state = room.apply(self.state, written)
            for someone in day.EVERYONE:
                if hears(someone, written.audience):
                    self.views[someone.person_id] = room.apply(self.views[someone.person_id], written)

    @invariant()
    def snapshot_before_and_event_is_snapshot_after(self) -> None:
        for someone in day.EVERYONE:
            assert self.views[someone.person_id] == room.redact(self.state, someone)

    @invariant()
    def a_snapshot_survives_the_wire(self) -> None:
        assert ROOMS.decode(msgspec.json.encode(self.state)) == self.state

    @invariant()
    def the_hall_sees_no_draft_no_hidden_count_and_nobody_elses_pending_question(self) -> None:
        view = room.redact(self.state, day.ANNA)
        assert all(poll.phase != "draft" for poll in view.polls.values())
        assert all(poll.counts is None or poll.phase == "shown" for poll in view.polls.values())
        assert all(q.published_at or q.author_id == day.ANNA.person_id for q in view.questions.values())

    @invariant()
    def at_most_one_recording_runs(self) -> None:
        assert sum(r.status == "running" for r in self.state.recordings.values()) <= 1


ARoomUnderRandomCommands.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRoom = ARoomUnderRandomCommands.TestCase


@given(command=day.room_commands | day.conference_commands, phase=day.phases)
def test_an_attendee_can_do_only_what_the_table_allows(command: m.Command, phase: m.Phase) -> None:
    if day.ANNA.roles & COMMANDS[type(command)] or not isinstance(command, m.RoomCommand):
        return
    try:
        room.decide(m.RoomState(), day.context(phase), day.ANNA, command, day.NOON)
    except Refused as refusal:
        assert refusal.code == "forbidden"
    else:
        raise AssertionError(f"an attendee could {command}")


@given(st.lists(st.tuples(day.actors, day.room_commands), max_size=30))
def test_replaying_the_events_gives_the_same_room(steps: list[tuple[m.Actor, m.RoomCommand]]) -> None:
    state, events = m.RoomState(), list[m.RoomEvent]()
    for actor, command in steps:
        try:
            new = room.decide(state, day.context(), actor, command, day.NOON)
        except Refused:
            continue
        for event in new:
            state = room.apply(state, event)
        events += new
    again = m.RoomState()
    for event in events:
        again = room.apply(again, event)
    assert again == state

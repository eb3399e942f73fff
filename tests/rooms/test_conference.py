"""Sessions' phases and the survey."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rooms import conference
from rooms import messages as m
from rooms.errors import Refused
from tests.rooms import day

STATE = m.ConferenceState(programme=day.PROGRAMME)


def after(*commands: m.ConferenceCommand, state: m.ConferenceState = STATE) -> m.ConferenceState:
    for command in commands:
        for event in conference.decide(state, day.MONA, command, day.NOON):
            state = conference.apply(state, event)
    return state


def refusal(state: m.ConferenceState, command: m.ConferenceCommand, actor: m.Actor = day.MONA) -> str:
    with pytest.raises(Refused) as caught:
        conference.decide(state, actor, command, day.NOON)
    return caught.value.code


def test_a_session_goes_through_its_phases() -> None:
    state = after(m.SessionPrepare("s1"))
    assert state.runs["s1"].phase == "backstage"
    state = after(m.SessionGoLive("s1"), state=state)
    assert state.runs["s1"].live_at == day.NOON
    state = after(m.SessionEnd("s1"), state=state)
    assert (state.runs["s1"].phase, state.runs["s1"].ended_at) == ("ended", day.NOON)


@pytest.mark.parametrize("command", [m.SessionGoLive("s1"), m.SessionEnd("s1")])
def test_a_planned_session_can_only_be_prepared(command: m.ConferenceCommand) -> None:
    assert refusal(STATE, command) == "illegal_step"


def test_an_ended_session_stays_ended() -> None:
    state = after(m.SessionPrepare("s1"), m.SessionGoLive("s1"), m.SessionEnd("s1"))
    for command in (m.SessionPrepare("s1"), m.SessionGoLive("s1"), m.SessionEnd("s1")):
        assert refusal(state, command) == "illegal_step"


def test_two_sessions_cannot_be_live_in_one_room() -> None:
    state = after(m.SessionPrepare("s1"), m.SessionGoLive("s1"), m.SessionPrepare("s2"))
    assert refusal(state, m.SessionGoLive("s2")) == "room_busy"


def test_two_sessions_can_be_live_in_two_rooms() -> None:
    state = after(m.SessionPrepare("s1"), m.SessionGoLive("s1"), m.SessionPrepare("s3"), m.SessionGoLive("s3"))
    assert state.runs["s3"].phase == "live"


def test_a_session_that_is_not_in_the_programme_does_not_exist() -> None:
    assert refusal(STATE, m.SessionPrepare("nowhere")) == "not_found"


def test_publishing_the_same_programme_again_is_nothing_new() -> None:
    assert conference.decide(STATE, m.SYSTEM, m.ProgrammePublish(day.PROGRAMME), day.NOON) == []


def test_only_the_server_publishes_a_programme() -> None:
    assert refusal(STATE, m.ProgrammePublish(day.PROGRAMME)) == "forbidden"


def test_the_survey_opens_and_closes_once() -> None:
    state = after(m.SurveyOpen())
    assert refusal(state, m.SurveyOpen()) == "illegal_step"
    conference.check_survey(state)
    state = after(m.SurveyClose(), state=state)
    assert refusal(state, m.SurveyOpen()) == "illegal_step"
    with pytest.raises(Refused, match="survey_closed"):
        conference.check_survey(state)


def test_people_are_led_to_what_is_live_then_to_what_is_prepared_then_to_what_the_clock_says() -> None:
    at = day.NOON + timedelta(minutes=70)
    by_clock = conference.current_session(STATE, at)
    assert by_clock is not None and by_clock.id == "s2"
    prepared = conference.current_session(after(m.SessionPrepare("s3")), at)
    assert prepared is not None and prepared.id == "s3"
    live = conference.current_session(after(m.SessionPrepare("s3"), m.SessionPrepare("s1"), m.SessionGoLive("s1")), at)
    assert live is not None and live.id == "s1"
    assert conference.current_session(STATE, day.NOON - timedelta(hours=1)) is None


def test_the_next_session_is_the_first_that_is_neither_begun_nor_over() -> None:
    state = after(m.SessionPrepare("s1"))
    upcoming = conference.next_session(state, day.NOON)
    assert upcoming is not None and upcoming.id == "s2"


class AConferenceUnderRandomCommands(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = STATE
        self.seen: dict[str, list[m.Phase]] = {}

    @rule(actor=day.actors, command=day.conference_commands)
    def somebody_commands(self, actor: m.Actor, command: m.ConferenceCommand) -> None:
        try:
            events = conference.decide(self.state, actor, command, day.NOON)
        except Refused:
            return
        for event in events:
            self.state = conference.apply(self.state, event)
        for session_id, run in self.state.runs.items():
            phases = self.seen.setdefault(session_id, ["planned"])
            if phases[-1] != run.phase:
                phases.append(run.phase)

    @invariant()
    def phases_only_go_forward(self) -> None:
        order = ["planned", "backstage", "live", "ended"]
        for phases in self.seen.values():
            assert phases == sorted(phases, key=order.index)

    @invariant()
    def one_live_session_a_room(self) -> None:
        rooms = [
            plan.room for plan in day.PROGRAMME.sessions if self.state.runs.get(plan.id, m.SessionRun()).phase == "live"
        ]
        assert len(rooms) == len(set(rooms))


AConferenceUnderRandomCommands.TestCase.settings = settings(max_examples=80, deadline=None)
TestConference = AConferenceUnderRandomCommands.TestCase

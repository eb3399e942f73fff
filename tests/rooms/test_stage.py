"""The stage."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms import room
from rooms.errors import Refused
from rooms.stage import MOST_ON_STAGE
from tests.rooms import day


def step(state: m.RoomState, actor: m.Actor, command: m.RoomCommand, phase: m.Phase = "backstage") -> m.RoomState:
    for event in room.decide(state, day.context(phase), actor, command, day.NOON):
        state = room.apply(state, event)
    return state


ON_STAGE = step(m.RoomState(), day.SIRI, m.StageEnter())


def test_a_speaker_enters_in_backstage_and_says_what_is_on() -> None:
    state = step(ON_STAGE, day.SIRI, m.StageSetMedia(camera=True, microphone=False, screen=False))
    member = state.stage["siri"]
    assert (member.person_id, member.camera, member.microphone) == ("siri", True, False)


def test_entering_twice_is_harmless() -> None:
    assert step(ON_STAGE, day.SIRI, m.StageEnter()) == ON_STAGE


@pytest.mark.parametrize(("phase", "code"), [("planned", "session_not_open"), ("ended", "session_ended")])
def test_there_is_no_stage_before_or_after(phase: m.Phase, code: str) -> None:
    with pytest.raises(Refused, match=code):
        step(m.RoomState(), day.SIRI, m.StageEnter(), phase)


def test_an_attendee_does_not_go_on_stage() -> None:
    with pytest.raises(Refused, match="forbidden"):
        step(m.RoomState(), day.ANNA, m.StageEnter())


def test_media_needs_a_place_on_stage() -> None:
    with pytest.raises(Refused, match="not_on_stage"):
        step(m.RoomState(), day.SIRI, m.StageSetMedia(camera=True, microphone=True, screen=True))


def test_a_moderator_takes_somebody_off() -> None:
    assert step(ON_STAGE, day.MONA, m.StageRemove("siri")).stage == {}
    with pytest.raises(Refused, match="forbidden"):
        step(ON_STAGE, day.SIRI, m.StageRemove("siri"))


def test_the_stage_holds_so_many() -> None:
    state = m.RoomState()
    for number in range(MOST_ON_STAGE):
        state = step(state, m.Actor(f"p{number}", "X", frozenset({"speaker"})), m.StageEnter())
    with pytest.raises(Refused, match="too_many"):
        step(state, day.SIRI, m.StageEnter())

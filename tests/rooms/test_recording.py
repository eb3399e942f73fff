"""Recordings: pressed, running, stopped, playable."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms import room
from rooms.access import check_recording
from rooms.errors import Refused
from tests.rooms import day


def step(
    state: m.RoomState, actor: m.Actor, command: m.RoomCommand, phase: m.Phase = "live", kind: m.Kind = "plenary"
) -> m.RoomState:
    for event in room.decide(state, day.context(phase, kind), actor, command, day.NOON):
        state = room.apply(state, event)
    return state


RUNNING = step(m.RoomState(), day.MONA, m.RecordingStart())
STOPPED = step(RUNNING, day.MONA, m.RecordingStop())


def test_the_journal_knows_who_pressed() -> None:
    assert RUNNING.recordings["s1-r1"].started_by == "mona"


def test_a_breakout_is_never_recorded() -> None:
    with pytest.raises(Refused, match="not_recordable"):
        step(m.RoomState(), day.MONA, m.RecordingStart(), kind="breakouts")


def test_one_recording_at_a_time() -> None:
    with pytest.raises(Refused, match="already_recording"):
        step(RUNNING, day.MONA, m.RecordingStart())


def test_nothing_is_recorded_before_the_session_is_live() -> None:
    with pytest.raises(Refused, match="not_live"):
        step(m.RoomState(), day.MONA, m.RecordingStart(), "backstage")


def test_an_attendee_cannot_record() -> None:
    with pytest.raises(Refused, match="forbidden"):
        step(m.RoomState(), day.ANNA, m.RecordingStart())


def test_a_finished_recording_can_be_seen_and_an_unfinished_one_not() -> None:
    done = step(STOPPED, m.SYSTEM, m.RecordingFinish("s1-r1", 61.5)).recordings["s1-r1"]
    assert check_recording(day.ANNA, done).duration == 61.5
    for state in (RUNNING, STOPPED):
        with pytest.raises(Refused, match="not_found"):
            check_recording(day.ANNA, state.recordings["s1-r1"])
    with pytest.raises(Refused, match="not_signed_in"):
        check_recording(None, done)


def test_a_failed_recording_says_why_and_another_can_start() -> None:
    failed = step(RUNNING, m.SYSTEM, m.RecordingFail("s1-r1", "disk full"))
    assert (failed.recordings["s1-r1"].status, failed.recordings["s1-r1"].reason) == ("failed", "disk full")
    assert step(failed, day.MONA, m.RecordingStart()).recordings["s1-r2"].status == "running"


def test_finishing_twice_is_harmless() -> None:
    done = step(STOPPED, m.SYSTEM, m.RecordingFinish("s1-r1", 61.5))
    assert step(done, m.SYSTEM, m.RecordingFinish("s1-r1", 1.0)) == done
    assert step(done, m.SYSTEM, m.RecordingFail("s1-r1", "late")) == done


def test_only_what_is_finished_is_erased_and_then_nobody_sees_it() -> None:
    erase = m.RecordingErase("s1-r1")
    assert step(RUNNING, m.SYSTEM, erase) == RUNNING and step(STOPPED, m.SYSTEM, erase) == STOPPED
    gone = step(step(STOPPED, m.SYSTEM, m.RecordingFinish("s1-r1", 61.5)), m.SYSTEM, erase)
    assert gone.recordings["s1-r1"].status == "erased"
    assert step(gone, m.SYSTEM, erase) == gone
    with pytest.raises(Refused, match="not_found"):
        check_recording(day.ANNA, gone.recordings["s1-r1"])

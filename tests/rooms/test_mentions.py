"""Whom states and events mention: the journal knows ids, and names are joined when something is sent."""

from __future__ import annotations

import typing

import msgspec

from rooms import messages as m
from rooms.mentions import people_in_event, people_in_state
from tests.rooms import day

QUESTION = m.Question("s1-q1", "anna", "Hur?", day.NOON)


def test_events_mention_those_whose_name_is_shown() -> None:
    assert people_in_event(m.StageEntered("siri", day.NOON)) == {"siri"}
    assert people_in_event(m.QuestionAsked(QUESTION)) == people_in_event(m.QuestionPublished(QUESTION)) == {"anna"}
    assert people_in_event(m.RecordingStarted("s1-r1", "mona", day.NOON)) == {"mona"}
    assert people_in_event(m.StageLeft("siri")) == people_in_event(m.SurveyOpened(day.NOON)) == frozenset()


def test_a_state_mentions_its_stage_its_authors_and_who_recorded() -> None:
    recording = m.Recording("s1-r1", "running", day.NOON, "mona")
    room = m.RoomState({"siri": m.StageMember("siri", day.NOON)}, {}, {"s1-q1": QUESTION}, {"s1-r1": recording})
    assert people_in_state(room) == {"siri", "anna", "mona"}
    assert people_in_state(m.ConferenceState(day.PROGRAMME)) == frozenset()


def test_no_event_carries_the_name_of_a_person() -> None:
    """Erasing somebody is deleting a row: what is in the journal for ever must not know them by name."""
    for event in typing.get_args(m.Event):
        if event is not m.ProgrammePublished:  # the programme names rooms, sessions and announced speakers
            schema = msgspec.json.schema(event)
            names = {key for part in schema["$defs"].values() for key in part.get("properties", {}) if "name" in key}
            assert not names, event

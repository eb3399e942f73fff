"""What is kept about one person, as `person_data` collects it: the shape of `everything.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from server.person import Person


class LinkData(Struct, frozen=True):
    id: str
    created_at: datetime
    is_withdrawn: bool
    fingerprint: str  # SHA-256 of the token; the token itself is not kept


class SessionData(Struct, frozen=True):
    """Minutes in a session while it was live, over all devices."""

    session_id: str
    title: str
    minutes: float
    background_minutes: float
    from_at: datetime
    to_at: datetime


class StretchData(Struct, frozen=True):
    """As it was written down: one connection's presence."""

    id: str
    session_id: str
    from_at: datetime
    seen_at: datetime
    is_visible: bool


class AnswerData(Struct, frozen=True):
    """`is_anonymous`: the poll is open still; when it closes, nobody can tell any more whose this is."""

    session_id: str
    poll_id: str
    poll: str
    answer: str
    is_anonymous: bool


class SurveyData(Struct, frozen=True):
    """While the evaluation is open; afterwards nobody can tell whose it is."""

    conference: int | None
    association: int | None
    comment: str


class VoteData(Struct, frozen=True):
    """`up` false: taken back."""

    session_id: str
    question_id: str
    up: bool


class QuestionData(Struct, frozen=True):
    session_id: str
    id: str
    text: str
    status: str
    asked_at: datetime
    published_at: datetime | None


class EventData(Struct, frozen=True):
    """An entry of the journal that they caused, or that names them. `command`: the tab's id and the command's number."""

    stream: str
    seq: int
    at: datetime
    is_own: bool
    command: str
    event: dict[str, Any]


class RecordingData(Struct, frozen=True):
    """A recording that was made while they were on stage, as far as it is kept."""

    session_id: str
    recording_id: str
    started_at: datetime
    stopped_at: datetime | None
    status: str


class PersonData(Struct, frozen=True):
    made_at: datetime
    conference: str
    organiser: str
    time_zone: str
    languages: tuple[str, ...]
    person: Person
    changed_at: datetime
    links: tuple[LinkData, ...]
    sessions: tuple[SessionData, ...]
    stretches: tuple[StretchData, ...]
    attendance_deleted_at: datetime | None
    answers: tuple[AnswerData, ...]
    survey: SurveyData | None
    votes: tuple[VoteData, ...]
    questions: tuple[QuestionData, ...]
    speaks_in: tuple[str, ...]  # titles of sessions whose programme names them
    recordings: tuple[RecordingData, ...]
    events: tuple[EventData, ...]
    titles: dict[str, str]  # of the sessions, by their ids

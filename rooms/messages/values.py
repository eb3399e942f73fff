"""What is in the messages, and the snapshots: the state of a stream, less what its reader may not see.

Neighbours: `commands`, `events` and `frames`, which carry these; `breakouts`, the same of breakout rooms.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rooms.messages.base import Id, Value
from rooms.messages.breakouts import BreakoutsState
from rooms.messages.harvest import Harvest

__all__ = [
    "CONFERENCE",
    "ConferenceState",
    "Goals",
    "Kind",
    "Phase",
    "Poll",
    "PollPhase",
    "Programme",
    "Question",
    "QuestionStatus",
    "Rating",
    "Recording",
    "RecordingStatus",
    "RoomPlan",
    "RoomState",
    "SessionPlan",
    "SessionRun",
    "StageMember",
    "State",
    "StreamName",
    "Survey",
    "SurveyPhase",
    "breakouts_stream",
    "session_stream",
]

Kind = Literal["plenary", "breakouts", "assembly", "break"]
Phase = Literal["planned", "backstage", "live", "ended"]
PollPhase = Literal["draft", "open", "closed", "shown"]
QuestionStatus = Literal["pending", "published", "answered", "dismissed"]
RecordingStatus = Literal["running", "stopped", "available", "failed", "erased"]
SurveyPhase = Literal["planned", "open", "closed"]

StreamName = Annotated[
    str, Meta(min_length=1, max_length=80, pattern=r"^(conference|(session|breakouts)/[A-Za-z0-9_-]{1,64})$")
]
Rating = Annotated[int, Meta(ge=1, le=5)]

CONFERENCE: str = "conference"  # the stream of programme, sessions' phases and the survey


def session_stream(session_id: str) -> str:
    """The name of the stream in which a session's stage, polls, questions and recordings happen."""
    return f"session/{session_id}"


def breakouts_stream(session_id: str) -> str:
    """The name of the stream of a session's breakout rooms."""
    return f"breakouts/{session_id}"


class Goals(Value, frozen=True):
    """What the board wants of a conference; shares are 0..1, the mean is on the five-point scale."""

    participants: int = 120
    satisfied_share: float = 0.9
    mean: float = 4.0


class RoomPlan(Value, frozen=True):
    id: Id
    title: str


class SessionPlan(Value, frozen=True):
    id: Id
    title: str
    kind: Kind
    starts_at: datetime
    ends_at: datetime
    room: Id
    theme: str = ""
    speakers: tuple[str, ...] = ()
    host: str = ""  # the organisation that leads a joint session


class Programme(Value, frozen=True):
    name: str
    organiser: str
    time_zone: str  # IANA name
    languages: tuple[str, ...]
    goals: Goals
    rooms: tuple[RoomPlan, ...]
    sessions: tuple[SessionPlan, ...]  # in order of time


class SessionRun(Value, frozen=True):
    """How far a session has come, and when it took each step."""

    phase: Phase = "planned"
    backstage_at: datetime | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None


class Survey(Value, frozen=True):
    phase: SurveyPhase = "planned"
    opened_at: datetime | None = None
    closed_at: datetime | None = None


class StageMember(Value, frozen=True):
    """Somebody who may be seen and heard. What is on is what they chose to send."""

    person_id: Id
    entered_at: datetime
    camera: bool = False
    microphone: bool = False
    screen: bool = False


class Poll(Value, frozen=True):
    """A single-choice poll. `counts` (one per option) is unknown until closed, and hidden from the hall until shown. Empty:
    too few have answered an anonymous poll to tell anything of it (`rooms.polls.LEAST_ANSWERS`)."""

    id: Id
    title: str
    options: tuple[str, ...]
    anonymous: bool
    phase: PollPhase = "draft"
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    counts: tuple[int, ...] | None = None


class Question(Value, frozen=True):
    """A question from the hall. Nobody but its author and the moderators sees it before it is published."""

    id: Id
    author_id: str
    text: str
    asked_at: datetime
    status: QuestionStatus = "pending"
    published_at: datetime | None = None


class Recording(Value, frozen=True):
    id: Id
    status: RecordingStatus
    started_at: datetime
    started_by: str
    stopped_at: datetime | None = None
    duration: float | None = None  # seconds of media, known when available
    reason: str = ""


# --- snapshots: the state of a stream, less what its reader may not see ----------------------------------------------


class ConferenceState(Struct, frozen=True, forbid_unknown_fields=True, tag="conference"):
    programme: Programme | None = None
    runs: dict[str, SessionRun] = {}
    survey: Survey = Survey()


class RoomState(Struct, frozen=True, forbid_unknown_fields=True, tag="room"):
    """What happens in one session: who is on stage, polls and questions by id in order of creation, recordings, and what its
    breakout rooms brought home."""

    stage: dict[str, StageMember] = {}
    polls: dict[str, Poll] = {}
    questions: dict[str, Question] = {}
    recordings: dict[str, Recording] = {}
    harvest: Harvest | None = None


State = ConferenceState | RoomState | BreakoutsState

"""What happened in the conference and in a session's room, and who may hear of it. Neighbours: `commands`."""

from __future__ import annotations

from datetime import datetime

from rooms.messages.base import Audience, EventBase
from rooms.messages.breakout_events import BreakoutsEvent
from rooms.messages.harvest import HarvestEvent
from rooms.messages.values import Poll, Programme, Question

__all__ = [
    "ConferenceEvent",
    "Event",
    "PollClosed",
    "PollCounted",
    "PollDiscarded",
    "PollDrafted",
    "PollOpened",
    "PollShown",
    "ProgrammePublished",
    "QuestionAnswered",
    "QuestionAsked",
    "QuestionDismissed",
    "QuestionPublished",
    "RecordingAvailable",
    "RecordingErased",
    "RecordingFailed",
    "RecordingStarted",
    "RecordingStopped",
    "RoomEvent",
    "SessionEnded",
    "SessionPrepared",
    "SessionWentLive",
    "StageEntered",
    "StageLeft",
    "StageMediaSet",
    "SurveyClosed",
    "SurveyOpened",
]


class ProgrammePublished(EventBase, tag="programme.published", frozen=True):
    programme: Programme


class SessionPrepared(EventBase, tag="session.prepared", frozen=True):
    session_id: str
    at: datetime


class SessionWentLive(EventBase, tag="session.went_live", frozen=True):
    session_id: str
    at: datetime


class SessionEnded(EventBase, tag="session.ended", frozen=True):
    session_id: str
    at: datetime


class SurveyOpened(EventBase, tag="survey.opened", frozen=True):
    at: datetime


class SurveyClosed(EventBase, tag="survey.closed", frozen=True):
    at: datetime


class StageEntered(EventBase, tag="stage.entered", frozen=True):
    person_id: str
    at: datetime


class StageMediaSet(EventBase, tag="stage.media_set", frozen=True):
    person_id: str
    camera: bool
    microphone: bool
    screen: bool


class StageLeft(EventBase, tag="stage.left", frozen=True):
    person_id: str


class PollDrafted(EventBase, tag="poll.drafted", frozen=True):
    poll: Poll

    @property
    def audience(self) -> Audience:
        return "staff"


class PollDiscarded(EventBase, tag="poll.discarded", frozen=True):
    poll_id: str

    @property
    def audience(self) -> Audience:
        return "staff"


class PollOpened(EventBase, tag="poll.opened", frozen=True):
    """Carries the whole poll: the hall has not seen the draft."""

    poll: Poll


class PollClosed(EventBase, tag="poll.closed", frozen=True):
    poll_id: str
    at: datetime


class PollCounted(EventBase, tag="poll.counted", frozen=True):
    poll_id: str
    counts: tuple[int, ...]

    @property
    def audience(self) -> Audience:
        return "staff"


class PollShown(EventBase, tag="poll.shown", frozen=True):
    poll_id: str
    counts: tuple[int, ...]


class QuestionAsked(EventBase, tag="question.asked", frozen=True):
    question: Question

    @property
    def audience(self) -> Audience:
        return f"person:{self.question.author_id}+moderators"


class QuestionPublished(EventBase, tag="question.published", frozen=True):
    """Carries the whole question: the hall has not seen it before."""

    question: Question


class QuestionDismissed(EventBase, tag="question.dismissed", frozen=True):
    question_id: str
    author_id: str
    was_published: bool

    @property
    def audience(self) -> Audience:
        return "everyone" if self.was_published else f"person:{self.author_id}+moderators"


class QuestionAnswered(EventBase, tag="question.answered", frozen=True):
    question_id: str


class RecordingStarted(EventBase, tag="recording.started", frozen=True):
    recording_id: str
    by: str
    at: datetime


class RecordingStopped(EventBase, tag="recording.stopped", frozen=True):
    recording_id: str
    at: datetime
    reason: str = ""


class RecordingAvailable(EventBase, tag="recording.available", frozen=True):
    recording_id: str
    duration: float


class RecordingFailed(EventBase, tag="recording.failed", frozen=True):
    recording_id: str
    reason: str
    at: datetime


class RecordingErased(EventBase, tag="recording.erased", frozen=True):
    recording_id: str


ConferenceEvent = ProgrammePublished | SessionPrepared | SessionWentLive | SessionEnded | SurveyOpened | SurveyClosed
RoomEvent = (
    StageEntered
    | StageMediaSet
    | StageLeft
    | PollDrafted
    | PollDiscarded
    | PollOpened
    | PollClosed
    | PollCounted
    | PollShown
    | QuestionAsked
    | QuestionPublished
    | QuestionDismissed
    | QuestionAnswered
    | RecordingStarted
    | RecordingStopped
    | RecordingAvailable
    | RecordingFailed
    | RecordingErased
    | HarvestEvent
)
Event = ConferenceEvent | RoomEvent | BreakoutsEvent

"""What is asked of the conference and of a session's room. Neighbours: `events`, what comes of it; `rooms/access`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rooms.messages.base import CommandBase, Id, Line
from rooms.messages.breakout_commands import BreakoutsCommand
from rooms.messages.harvest import HarvestCommand
from rooms.messages.values import Programme

__all__ = [
    "Command",
    "ConferenceCommand",
    "PollAnswer",
    "PollClose",
    "PollCount",
    "PollDiscard",
    "PollDraft",
    "PollOpen",
    "PollShow",
    "ProgrammePublish",
    "QuestionAsk",
    "QuestionDismiss",
    "QuestionMarkAnswered",
    "QuestionPublish",
    "QuestionVote",
    "RecordingErase",
    "RecordingFail",
    "RecordingFinish",
    "RecordingStart",
    "RecordingStop",
    "RoomCommand",
    "RowCommand",
    "SessionEnd",
    "SessionGoLive",
    "SessionPrepare",
    "StageEnter",
    "StageLeave",
    "StageRemove",
    "StageSetMedia",
    "SurveyClose",
    "SurveyOpen",
]


class ProgrammePublish(CommandBase, tag="programme.publish", frozen=True):
    """The server publishes the programme file at its start, if it has changed."""

    programme: Programme


class SessionPrepare(CommandBase, tag="session.prepare", frozen=True):
    """planned → backstage."""

    session_id: Id


class SessionGoLive(CommandBase, tag="session.go_live", frozen=True):
    """backstage → live. Refused with `room_busy` while another session is live in the same room."""

    session_id: Id


class SessionEnd(CommandBase, tag="session.end", frozen=True):
    """live → ended (or backstage → ended: called off)."""

    session_id: Id


class SurveyOpen(CommandBase, tag="survey.open", frozen=True):
    pass


class SurveyClose(CommandBase, tag="survey.close", frozen=True):
    pass


class StageEnter(CommandBase, tag="stage.enter", frozen=True):
    pass


class StageSetMedia(CommandBase, tag="stage.set_media", frozen=True):
    camera: bool
    microphone: bool
    screen: bool


class StageLeave(CommandBase, tag="stage.leave", frozen=True):
    pass


class StageRemove(CommandBase, tag="stage.remove", frozen=True):
    """A moderator takes somebody off the stage, or the server does after a lost connection."""

    person_id: Id


class PollDraft(CommandBase, tag="poll.draft", frozen=True):
    title: Line
    options: Annotated[tuple[Line, ...], Meta(max_length=10)]
    anonymous: bool


class PollDiscard(CommandBase, tag="poll.discard", frozen=True):
    poll_id: Id


class PollOpen(CommandBase, tag="poll.open", frozen=True):
    poll_id: Id


class PollClose(CommandBase, tag="poll.close", frozen=True):
    poll_id: Id


class PollCount(CommandBase, tag="poll.count", frozen=True):
    """The server tells the count of a closed poll, from the rows."""

    poll_id: Id
    counts: tuple[int, ...]


class PollShow(CommandBase, tag="poll.show", frozen=True):
    poll_id: Id


class PollAnswer(CommandBase, tag="poll.answer", frozen=True):
    """A row, not an event: changeable while the poll is open, acknowledged after its commit."""

    poll_id: Id
    option: Annotated[int, Meta(ge=0, le=9)]


class QuestionAsk(CommandBase, tag="question.ask", frozen=True):
    text: Annotated[str, Meta(max_length=1000)]


class QuestionPublish(CommandBase, tag="question.publish", frozen=True):
    question_id: Id


class QuestionDismiss(CommandBase, tag="question.dismiss", frozen=True):
    question_id: Id


class QuestionMarkAnswered(CommandBase, tag="question.mark_answered", frozen=True):
    question_id: Id


class QuestionVote(CommandBase, tag="question.vote", frozen=True):
    """A row, not an event: `up` false takes the vote back."""

    question_id: Id
    up: bool


class RecordingStart(CommandBase, tag="recording.start", frozen=True):
    pass


class RecordingStop(CommandBase, tag="recording.stop", frozen=True):
    """`reason` is empty when a moderator pressed; the server says why a recorder ended by itself."""

    reason: Line = ""


class RecordingFinish(CommandBase, tag="recording.finish", frozen=True):
    """The server tells that the file is closed and plays; `duration` in seconds."""

    recording_id: Id
    duration: float


class RecordingFail(CommandBase, tag="recording.fail", frozen=True):
    recording_id: Id
    reason: str


class RecordingErase(CommandBase, tag="recording.erase", frozen=True):
    """The server deletes a recording that has been kept for as long as it shall be."""

    recording_id: Id


ConferenceCommand = ProgrammePublish | SessionPrepare | SessionGoLive | SessionEnd | SurveyOpen | SurveyClose
RowCommand = PollAnswer | QuestionVote
RoomCommand = (
    StageEnter
    | StageSetMedia
    | StageLeave
    | StageRemove
    | PollDraft
    | PollDiscard
    | PollOpen
    | PollClose
    | PollCount
    | PollShow
    | QuestionAsk
    | QuestionPublish
    | QuestionDismiss
    | QuestionMarkAnswered
    | RecordingStart
    | RecordingStop
    | RecordingFinish
    | RecordingFail
    | RecordingErase
    | HarvestCommand
)
Command = ConferenceCommand | RoomCommand | RowCommand | BreakoutsCommand

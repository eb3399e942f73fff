"""Every command, event, snapshot and frame, in one place.

Commands ask, events tell what happened, frames carry both over the WebSocket. All are tagged unions that forbid unknown
fields, so a misspelt or foreign message is refused where it enters. Documented one by one in `docs/protocol.md`;
a test asserts that none is missing. Times are aware datetimes in UTC (RFC 3339 on the wire); ids are short strings.
Neighbours: `base`, what they are made of; `breakouts`, `breakout_commands` and `breakout_events`, those of breakout rooms;
`harvest`, what these bring home.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from rooms.messages.base import *  # noqa: F403
from rooms.messages.base import Audience, CommandBase, EventBase, Id, Line, Role, Value
from rooms.messages.breakout_commands import *  # noqa: F403
from rooms.messages.breakout_commands import BreakoutsCommand
from rooms.messages.breakout_events import *  # noqa: F403
from rooms.messages.breakout_events import BreakoutsEvent
from rooms.messages.breakouts import *  # noqa: F403
from rooms.messages.breakouts import BreakoutsState, people_and_moderators
from rooms.messages.harvest import *  # noqa: F403
from rooms.messages.harvest import Harvest, HarvestCommand, HarvestEvent

# --- values ---------------------------------------------------------------------------------------------------------

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

# --- commands -------------------------------------------------------------------------------------------------------


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

# --- events ---------------------------------------------------------------------------------------------------------


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

# --- frames: client to server ---------------------------------------------------------------------------------------


class _ClientFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class Hello(_ClientFrame, tag="hello", frozen=True):
    """First on every connection. `client` is the tab's random id: with a command's id it makes a resend harmless.
    `follow` maps each stream to the last sequence number seen (0: none, send a snapshot)."""

    client: Id
    follow: Annotated[dict[StreamName, Annotated[int, Meta(ge=0)]], Meta(max_length=8)] = {}
    visible: bool = True


class Follow(_ClientFrame, tag="follow", frozen=True):
    """Following a session's stream is being present in that session."""

    stream: StreamName
    since: Annotated[int, Meta(ge=0)] = 0


class Unfollow(_ClientFrame, tag="unfollow", frozen=True):
    stream: StreamName


class Visibility(_ClientFrame, tag="visibility", frozen=True):
    """The tab went to the background or came back."""

    visible: bool


class Do(_ClientFrame, tag="do", frozen=True):
    """A command for a stream. Answered by exactly one `ack` or `refused` with the same id."""

    id: Annotated[int, Meta(ge=0, le=2**53)]
    stream: StreamName
    command: Command


ClientFrame = Hello | Follow | Unfollow | Visibility | Do

# --- frames: server to client ---------------------------------------------------------------------------------------


class _ServerFrame(Struct, frozen=True, tag_field="type"):
    pass


class Welcome(_ServerFrame, tag="welcome", frozen=True):
    """`server_time` lets the page correct a wrong clock; `epoch` changes when the server process does."""

    person_id: str
    name: str
    roles: tuple[Role, ...]
    server_time: datetime
    epoch: str


class Snapshot(_ServerFrame, tag="snapshot", frozen=True):
    """`people`: the names of those whom the state mentions. States and events know people by id only, so that erasing a
    person is deleting a row; names are joined when something is sent."""

    stream: str
    seq: int
    state: State
    people: dict[str, str]


class EventFrame(_ServerFrame, tag="event", frozen=True):
    """Sequence numbers rise; those an audience may not see are left out."""

    stream: str
    seq: int
    at: datetime
    event: Event | Raw
    people: dict[str, str]


class Caught(_ServerFrame, tag="caught_up", frozen=True):
    """Everything missed since the last sequence number has been sent; `seq` is the stream's last."""

    stream: str
    seq: int


class Mine(_ServerFrame, tag="mine", frozen=True):
    """What only this person knows: their answers to open polls (option by poll id) and the questions they voted for."""

    stream: str
    answers: dict[str, int]
    votes: tuple[str, ...]


class Ack(_ServerFrame, tag="ack", frozen=True):
    id: int
    result: dict[str, Any] | UnsetType = UNSET


class RefusedFrame(_ServerFrame, tag="refused", frozen=True):
    id: int | None
    code: str
    message: str


class Resync(_ServerFrame, tag="resync", frozen=True):
    """Sent before the server closes a connection that was too slow; the client comes back with its sequence numbers."""

    reason: str


class NotesFrame(_ServerFrame, tag="notes", frozen=True):
    """Somebody wrote in the notes of a breakout room: an update of Yjs's in Base64, for those who are in the room. It may be
    lost; a page that notices asks for what it lacks."""

    stream: str
    room_id: str
    update: str


# Ephemeral signals: not in the journal, the latest value wins, coalesced.


class _Signal(_ServerFrame, frozen=True):
    stream: str

    @property
    def audience(self) -> Audience:
        return "everyone"

    @property
    def about(self) -> str:
        """What of the stream: of each kind the latest about the same is kept."""
        return ""


class PresenceSignal(_Signal, tag="presence", frozen=True):
    """How many people (not tabs) are in a session now; `background` of them only in hidden tabs."""

    present: int
    background: int


class TallySignal(_Signal, tag="tally", frozen=True):
    """How many have answered each open poll, and how many votes each question has. Only what changed. An anonymous poll is
    left out until enough have answered (`rooms.polls.LEAST_ANSWERS`)."""

    answered: dict[str, int]
    votes: dict[str, int]


class SlotsSignal(_Signal, tag="slots", frozen=True):
    """Who is to be seen and heard in which receive slot of the session's media: slot use (`video0`, `screen0`,
    `audio1`, ...) to person id, empty string while free. `codecs`: what the pictures among them are sent in ("H264"), so
    that a page knows which of them its browser cannot show."""

    slots: dict[str, str]
    codecs: dict[str, str] = {}


class SpeakingSignal(_Signal, tag="speaking", frozen=True):
    person_id: str  # the active speaker; empty: silence


class MediaSignal(_Signal, tag="media", frozen=True):
    """The media of a session came up anew (`reset`: offer again) or is away (`down`). With `lost` the reset concerns only
    connections whose id, the last part of their address, begins with one of these."""

    status: Literal["reset", "down"]
    lost: tuple[str, ...] = ()


class UpdatesSignal(_Signal, tag="updates", frozen=True):
    """Whether what happens on other nodes is known here late (`delayed`), on the stream `conference`."""

    delayed: bool


class RoomsSignal(_Signal, tag="rooms", frozen=True):
    """How many people are in each breakout room that is open to anybody, on its stream."""

    counts: dict[str, int]


class RoomsLifeSignal(_Signal, tag="rooms_life", frozen=True):
    """Which of those who sit in breakout rooms are not connected, and in which rooms nobody has been heard for a while."""

    away: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def audience(self) -> Audience:
        return "moderators"


class StageNotesSignal(_Signal, tag="stage_notes", frozen=True):
    """The notes that are on the stage, as they read; `room_id` empty: none any more."""

    room_id: str
    text: str


class BreakoutMediaSignal(_Signal, tag="breakout_media", frozen=True):
    """As `slots` and `speaking`, of a breakout room, for its `people` alone and the moderators. `muted`: those of its people
    whose microphone is off, as far as they have told."""

    room_id: str
    people: tuple[str, ...]
    slots: dict[str, str]
    codecs: dict[str, str]
    speaking: str
    muted: tuple[str, ...]

    @property
    def audience(self) -> Audience:
        return people_and_moderators(self.people)

    @property
    def about(self) -> str:
        return self.room_id


ServerFrame = (
    Welcome
    | Snapshot
    | EventFrame
    | Caught
    | Mine
    | Ack
    | RefusedFrame
    | Resync
    | NotesFrame
    | PresenceSignal
    | TallySignal
    | SlotsSignal
    | SpeakingSignal
    | MediaSignal
    | UpdatesSignal
    | RoomsSignal
    | RoomsLifeSignal
    | StageNotesSignal
    | BreakoutMediaSignal
)
Signal = (
    PresenceSignal
    | TallySignal
    | SlotsSignal
    | SpeakingSignal
    | MediaSignal
    | UpdatesSignal
    | RoomsSignal
    | RoomsLifeSignal
    | StageNotesSignal
    | BreakoutMediaSignal
)

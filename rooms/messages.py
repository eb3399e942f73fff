"""Every command, event, snapshot and frame, in one place.

Commands ask, events tell what happened, frames carry both over the WebSocket. All are tagged unions that forbid unknown
fields, so a misspelt or foreign message is refused where it enters. Documented one by one in `docs/protocol.md`;
a test asserts that none is missing. Times are aware datetimes in UTC (RFC 3339 on the wire); ids are short strings.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

# --- values ---------------------------------------------------------------------------------------------------------

Role = Literal["attendee", "speaker", "moderator", "board", "organiser"]
Kind = Literal["plenary", "breakouts", "assembly", "break"]
Phase = Literal["planned", "backstage", "live", "ended"]
PollPhase = Literal["draft", "open", "closed", "shown"]
QuestionStatus = Literal["pending", "published", "answered", "dismissed"]
RecordingStatus = Literal["running", "stopped", "available", "failed", "erased"]
SurveyPhase = Literal["planned", "open", "closed"]
Audience = str  # "everyone" | "moderators" | "staff" (moderators and board) | "person:ID+moderators"

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
StreamName = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^(conference|session/[A-Za-z0-9_-]{1,64})$")]
Line = Annotated[str, Meta(max_length=300)]
Prose = Annotated[str, Meta(max_length=2000)]
Rating = Annotated[int, Meta(ge=1, le=5)]

CONFERENCE: str = "conference"  # the stream of programme, sessions' phases and the survey


def session_stream(session_id: str) -> str:
    """The name of the stream in which a session's stage, polls, questions and recordings happen."""
    return f"session/{session_id}"


class Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """Who acts: a participant with roles, or the server itself (`SYSTEM`)."""

    person_id: str
    name: str = ""
    roles: frozenset[Role] = frozenset()
    is_system: bool = False


SYSTEM = Actor(person_id="system", is_system=True)


class _Value(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Goals(_Value, frozen=True):
    """What the board wants of a conference; shares are 0..1, the mean is on the five-point scale."""

    participants: int = 120
    satisfied_share: float = 0.9
    mean: float = 4.0


class RoomPlan(_Value, frozen=True):
    id: Id
    title: str


class SessionPlan(_Value, frozen=True):
    id: Id
    title: str
    kind: Kind
    starts_at: datetime
    ends_at: datetime
    room: Id
    theme: str = ""
    speakers: tuple[str, ...] = ()
    host: str = ""  # the organisation that leads a joint session


class Programme(_Value, frozen=True):
    name: str
    organiser: str
    time_zone: str  # IANA name
    languages: tuple[str, ...]
    goals: Goals
    rooms: tuple[RoomPlan, ...]
    sessions: tuple[SessionPlan, ...]  # in order of time


class SessionRun(_Value, frozen=True):
    """How far a session has come, and when it took each step."""

    phase: Phase = "planned"
    backstage_at: datetime | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None


class Survey(_Value, frozen=True):
    phase: SurveyPhase = "planned"
    opened_at: datetime | None = None
    closed_at: datetime | None = None


class StageMember(_Value, frozen=True):
    """Somebody who may be seen and heard. What is on is what they chose to send."""

    person_id: Id
    entered_at: datetime
    camera: bool = False
    microphone: bool = False
    screen: bool = False


class Poll(_Value, frozen=True):
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


class Question(_Value, frozen=True):
    """A question from the hall. Nobody but its author and the moderators sees it before it is published."""

    id: Id
    author_id: str
    text: str
    asked_at: datetime
    status: QuestionStatus = "pending"
    published_at: datetime | None = None


class Recording(_Value, frozen=True):
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
    """What happens in one session: who is on stage, polls and questions by id in order of creation, recordings."""

    stage: dict[str, StageMember] = {}
    polls: dict[str, Poll] = {}
    questions: dict[str, Question] = {}
    recordings: dict[str, Recording] = {}


State = ConferenceState | RoomState

# --- commands -------------------------------------------------------------------------------------------------------


class _Command(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class ProgrammePublish(_Command, tag="programme.publish", frozen=True):
    """The server publishes the programme file at its start, if it has changed."""

    programme: Programme


class SessionPrepare(_Command, tag="session.prepare", frozen=True):
    """planned → backstage."""

    session_id: Id


class SessionGoLive(_Command, tag="session.go_live", frozen=True):
    """backstage → live. Refused with `room_busy` while another session is live in the same room."""

    session_id: Id


class SessionEnd(_Command, tag="session.end", frozen=True):
    """live → ended (or backstage → ended: called off)."""

    session_id: Id


class SurveyOpen(_Command, tag="survey.open", frozen=True):
    pass


class SurveyClose(_Command, tag="survey.close", frozen=True):
    pass


class StageEnter(_Command, tag="stage.enter", frozen=True):
    pass


class StageSetMedia(_Command, tag="stage.set_media", frozen=True):
    camera: bool
    microphone: bool
    screen: bool


class StageLeave(_Command, tag="stage.leave", frozen=True):
    pass


class StageRemove(_Command, tag="stage.remove", frozen=True):
    """A moderator takes somebody off the stage, or the server does after a lost connection."""

    person_id: Id


class PollDraft(_Command, tag="poll.draft", frozen=True):
    title: Line
    options: Annotated[tuple[Line, ...], Meta(max_length=10)]
    anonymous: bool


class PollDiscard(_Command, tag="poll.discard", frozen=True):
    poll_id: Id


class PollOpen(_Command, tag="poll.open", frozen=True):
    poll_id: Id


class PollClose(_Command, tag="poll.close", frozen=True):
    poll_id: Id


class PollCount(_Command, tag="poll.count", frozen=True):
    """The server tells the count of a closed poll, from the rows."""

    poll_id: Id
    counts: tuple[int, ...]


class PollShow(_Command, tag="poll.show", frozen=True):
    poll_id: Id


class PollAnswer(_Command, tag="poll.answer", frozen=True):
    """A row, not an event: changeable while the poll is open, acknowledged after its commit."""

    poll_id: Id
    option: Annotated[int, Meta(ge=0, le=9)]


class QuestionAsk(_Command, tag="question.ask", frozen=True):
    text: Annotated[str, Meta(max_length=1000)]


class QuestionPublish(_Command, tag="question.publish", frozen=True):
    question_id: Id


class QuestionDismiss(_Command, tag="question.dismiss", frozen=True):
    question_id: Id


class QuestionMarkAnswered(_Command, tag="question.mark_answered", frozen=True):
    question_id: Id


class QuestionVote(_Command, tag="question.vote", frozen=True):
    """A row, not an event: `up` false takes the vote back."""

    question_id: Id
    up: bool


class RecordingStart(_Command, tag="recording.start", frozen=True):
    pass


class RecordingStop(_Command, tag="recording.stop", frozen=True):
    """`reason` is empty when a moderator pressed; the server says why a recorder ended by itself."""

    reason: Line = ""


class RecordingFinish(_Command, tag="recording.finish", frozen=True):
    """The server tells that the file is closed and plays; `duration` in seconds."""

    recording_id: Id
    duration: float


class RecordingFail(_Command, tag="recording.fail", frozen=True):
    recording_id: Id
    reason: str


class RecordingErase(_Command, tag="recording.erase", frozen=True):
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
)
Command = ConferenceCommand | RoomCommand | RowCommand

# --- events ---------------------------------------------------------------------------------------------------------


class _Event(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What happened. `audience` says who may hear of it; it is a function of the event alone."""

    @property
    def audience(self) -> Audience:
        return "everyone"


class ProgrammePublished(_Event, tag="programme.published", frozen=True):
    programme: Programme


class SessionPrepared(_Event, tag="session.prepared", frozen=True):
    session_id: str
    at: datetime


class SessionWentLive(_Event, tag="session.went_live", frozen=True):
    session_id: str
    at: datetime


class SessionEnded(_Event, tag="session.ended", frozen=True):
    session_id: str
    at: datetime


class SurveyOpened(_Event, tag="survey.opened", frozen=True):
    at: datetime


class SurveyClosed(_Event, tag="survey.closed", frozen=True):
    at: datetime


class StageEntered(_Event, tag="stage.entered", frozen=True):
    person_id: str
    at: datetime


class StageMediaSet(_Event, tag="stage.media_set", frozen=True):
    person_id: str
    camera: bool
    microphone: bool
    screen: bool


class StageLeft(_Event, tag="stage.left", frozen=True):
    person_id: str


class PollDrafted(_Event, tag="poll.drafted", frozen=True):
    poll: Poll

    @property
    def audience(self) -> Audience:
        return "staff"


class PollDiscarded(_Event, tag="poll.discarded", frozen=True):
    poll_id: str

    @property
    def audience(self) -> Audience:
        return "staff"


class PollOpened(_Event, tag="poll.opened", frozen=True):
    """Carries the whole poll: the hall has not seen the draft."""

    poll: Poll


class PollClosed(_Event, tag="poll.closed", frozen=True):
    poll_id: str
    at: datetime


class PollCounted(_Event, tag="poll.counted", frozen=True):
    poll_id: str
    counts: tuple[int, ...]

    @property
    def audience(self) -> Audience:
        return "staff"


class PollShown(_Event, tag="poll.shown", frozen=True):
    poll_id: str
    counts: tuple[int, ...]


class QuestionAsked(_Event, tag="question.asked", frozen=True):
    question: Question

    @property
    def audience(self) -> Audience:
        return f"person:{self.question.author_id}+moderators"


class QuestionPublished(_Event, tag="question.published", frozen=True):
    """Carries the whole question: the hall has not seen it before."""

    question: Question


class QuestionDismissed(_Event, tag="question.dismissed", frozen=True):
    question_id: str
    author_id: str
    was_published: bool

    @property
    def audience(self) -> Audience:
        return "everyone" if self.was_published else f"person:{self.author_id}+moderators"


class QuestionAnswered(_Event, tag="question.answered", frozen=True):
    question_id: str


class RecordingStarted(_Event, tag="recording.started", frozen=True):
    recording_id: str
    by: str
    at: datetime


class RecordingStopped(_Event, tag="recording.stopped", frozen=True):
    recording_id: str
    at: datetime
    reason: str = ""


class RecordingAvailable(_Event, tag="recording.available", frozen=True):
    recording_id: str
    duration: float


class RecordingFailed(_Event, tag="recording.failed", frozen=True):
    recording_id: str
    reason: str
    at: datetime


class RecordingErased(_Event, tag="recording.erased", frozen=True):
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
)
Event = ConferenceEvent | RoomEvent

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


# Ephemeral signals: not in the journal, the latest value wins, coalesced.


class PresenceSignal(_ServerFrame, tag="presence", frozen=True):
    """How many people (not tabs) are in a session now; `background` of them only in hidden tabs."""

    stream: str
    present: int
    background: int


class TallySignal(_ServerFrame, tag="tally", frozen=True):
    """How many have answered each open poll, and how many votes each question has. Only what changed. An anonymous poll is
    left out until enough have answered (`rooms.polls.LEAST_ANSWERS`)."""

    stream: str
    answered: dict[str, int]
    votes: dict[str, int]


class SlotsSignal(_ServerFrame, tag="slots", frozen=True):
    """Who is to be seen and heard in which receive slot of the session's media: slot use (`video0`, `screen0`,
    `audio1`, ...) to person id, empty string while free. `codecs`: what the pictures among them are sent in ("H264"), so
    that a page knows which of them its browser cannot show."""

    stream: str
    slots: dict[str, str]
    codecs: dict[str, str] = {}


class SpeakingSignal(_ServerFrame, tag="speaking", frozen=True):
    stream: str
    person_id: str  # the active speaker; empty: silence


class MediaSignal(_ServerFrame, tag="media", frozen=True):
    """The media of a session came up anew (`reset`: offer again) or is away (`down`). With `lost` the reset concerns only
    connections whose id, the last part of their address, begins with one of these."""

    stream: str
    status: Literal["reset", "down"]
    lost: tuple[str, ...] = ()


class UpdatesSignal(_ServerFrame, tag="updates", frozen=True):
    """Whether what happens on other nodes is known here late (`delayed`), on the stream `conference`."""

    stream: str
    delayed: bool


ServerFrame = (
    Welcome
    | Snapshot
    | EventFrame
    | Caught
    | Mine
    | Ack
    | RefusedFrame
    | Resync
    | PresenceSignal
    | TallySignal
    | SlotsSignal
    | SpeakingSignal
    | MediaSignal
    | UpdatesSignal
)
Signal = PresenceSignal | TallySignal | SlotsSignal | SpeakingSignal | MediaSignal | UpdatesSignal

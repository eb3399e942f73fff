"""What the WebSocket carries: frames of the client, frames of the server, and ephemeral signals.

Neighbours: `commands` and `events`, their cargo; `server/socket`, which reads and writes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from rooms.messages.base import Audience, Id, Role
from rooms.messages.breakouts import people_and_moderators
from rooms.messages.commands import Command
from rooms.messages.events import Event
from rooms.messages.values import State, StreamName

__all__ = [
    "Ack",
    "BreakoutMediaSignal",
    "Caught",
    "ClientFrame",
    "Do",
    "EventFrame",
    "Follow",
    "Hello",
    "MediaSignal",
    "Mine",
    "NotesFrame",
    "PresenceSignal",
    "RefusedFrame",
    "Resync",
    "RoomsLifeSignal",
    "RoomsSignal",
    "ServerFrame",
    "Signal",
    "SlotsSignal",
    "Snapshot",
    "SpeakingSignal",
    "StageNotesSignal",
    "TallySignal",
    "Unfollow",
    "UpdatesSignal",
    "Visibility",
    "Welcome",
]

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

"""What nodes say to each other about media, through Redis: typed, msgpack. Neighbours: `media_calls`, which carries it;
`media_shard`, what is kept of notices; `media_engine`, which means it.

A peer's id names the lease that it was admitted under, and the room's epoch: `LEASE.EPOCH~ID`, so that everybody knows whom
to ask, and one prefix tells all who were lost with a room, or with a node.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from live.control import RefusalCode, RoomKind, Use


class Admit(Struct, frozen=True, tag="admit"):
    room: str
    label: str
    offer: str
    uses: dict[str, Use] | None
    may_send: bool
    may_receive: bool
    kind: RoomKind = "stage"


class RestartIce(Struct, frozen=True, tag="restart_ice"):
    room: str
    peer_id: str
    ufrag: str


class Remove(Struct, frozen=True, tag="remove"):
    room: str
    peer_id: str


class RemoveLabel(Struct, frozen=True, tag="remove_label"):
    room: str
    label: str
    senders_only: bool


class RemoveReceivers(Struct, frozen=True, tag="remove_receivers"):
    room: str


class View(Struct, frozen=True, tag="view"):
    room: str
    peer_id: str
    heights: dict[str, int]


class LookAt(Struct, frozen=True, tag="look_at"):
    """Asks for a `RoomReport`."""

    room: str


class Record(Struct, frozen=True, tag="record"):
    session_id: str
    room: str
    recording_id: str


class FinishRecord(Struct, frozen=True, tag="finish_record"):
    """Answered with whether it was being made there."""

    recording_id: str


class Tell(Struct, frozen=True, tag="tell"):
    """Asks for a `Whole`: notices were missed."""


Call = Admit | RestartIce | Remove | RemoveLabel | RemoveReceivers | View | LookAt | Record | FinishRecord | Tell


class Request(Struct, frozen=True, tag="request"):
    """`lease`: that it is meant for. `sender`: the node to answer."""

    id: int
    sender: str
    lease: str
    call: Call


class Result(Struct, frozen=True, tag="result"):
    id: int
    value: msgspec.Raw


class Failure(Struct, frozen=True, tag="failure"):
    """`code` "moved": the lease is over, or the room is another's."""

    id: int
    code: RefusalCode | str
    detail: str = ""


Message = Request | Result | Failure


# --- notices: what one node tells all others, numbered from 1 in each lease


class RoomTold(Struct, frozen=True, tag="room"):
    """How a room is that is held here. `is_tapped`: a recording is made of it."""

    room: str
    epoch: int
    slots: dict[str, str] = {}
    codecs: dict[str, str] = {}
    speaker: str = ""
    is_tapped: bool = False


class RoomLeft(Struct, frozen=True, tag="left"):
    """A room is not held any more, and its peers have to offer again."""

    room: str
    epoch: int


class Seated(Struct, frozen=True, tag="seated"):
    """Somebody was admitted, or has another ICE session. `ufrag`: the engine's."""

    room: str
    peer_id: str
    label: str
    sends: bool
    external: bool
    ufrag: str


class Gone(Struct, frozen=True, tag="gone"):
    peer_id: str
    reason: str


class Lost(Struct, frozen=True, tag="lost"):
    """A part of the node's engine died, with all peers whose ids begin with `prefix`, and the taps of these rooms."""

    prefix: str
    tapped: tuple[str, ...]


Notice = RoomTold | RoomLeft | Seated | Gone | Lost


class Notices(Struct, frozen=True):
    """`first`: the number of the first of them."""

    lease: str
    first: int
    notices: tuple[Notice, ...]


class Whole(Struct, frozen=True):
    """What all notices up to `number` come to."""

    lease: str
    number: int
    rooms: tuple[RoomTold, ...]
    seats: tuple[Seated, ...]


class About(Struct, frozen=True):
    """What goes with a node's lease. `number`: of its newest notice."""

    name: str
    number: int
    is_draining: bool = False


def hold_prefix(lease: str, epoch: int) -> str:
    """How the ids of all peers begin that were admitted while a room was held so."""
    return f"{lease}.{epoch}~"


def lease_prefix(lease: str) -> str:
    return f"{lease}."


def lease_of(peer_id: str) -> str:
    """ "" if it is no such id."""
    hold, tilde, _ = peer_id.partition("~")
    return hold.rpartition(".")[0] if tilde else ""


def own_id(peer_id: str) -> str:
    """The id that the engine of the peer's node gave."""
    return peer_id.partition("~")[2]


def node_of(lease: str) -> str:
    return lease.rpartition(".")[0]

"""What the web process and the worker say to each other: length-prefixed JSON, typed. Neighbours: `client`, `worker`."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

import msgspec
from msgspec import Struct

from live.control import HeldRoom, Notification, RefusalCode, RoomKind, Use

MAX_FRAME: Final = 8 << 20  # octets
_LENGTH: Final = struct.Struct("!I")


class Admit(Struct, frozen=True, tag="admit"):
    room: str
    label: str
    offer: str
    uses: dict[str, Use] | None
    may_send: bool
    may_receive: bool
    home: int
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


class TapRoom(Struct, frozen=True, tag="tap"):
    room: str
    tap_id: str
    host: str
    video_port: int
    audio_port: int
    codecs: tuple[str, ...]


class Untap(Struct, frozen=True, tag="untap"):
    room: str
    tap_id: str


class View(Struct, frozen=True, tag="view"):
    room: str
    peer_id: str
    heights: dict[str, int]


class Rehome(Struct, frozen=True, tag="rehome"):
    """The room's home died, and this is the new one."""

    room: str
    home: int


class Statistics(Struct, frozen=True, tag="statistics"):
    pass


class Beat(Struct, frozen=True, tag="beat"):
    """Are you there?"""


class Adopt(Struct, frozen=True, tag="adopt"):
    """You are mine from now on: what do you have? The answer is `Held`."""


class End(Struct, frozen=True, tag="end"):
    """Nobody will need you any more. Without it, a worker may wait for another server (`adoption`)."""


Call = (
    Admit
    | RestartIce
    | Remove
    | RemoveLabel
    | RemoveReceivers
    | TapRoom
    | Untap
    | View
    | Rehome
    | Statistics
    | Beat
    | Adopt
    | End
)


class Request(Struct, frozen=True):
    id: int
    call: Call


class Result(Struct, frozen=True, tag="result"):
    id: int
    value: msgspec.Raw


class Failure(Struct, frozen=True, tag="failure"):
    id: int
    code: RefusalCode
    detail: str


class Notice(Struct, frozen=True, tag="notice"):
    notification: Notification


Reply = Result | Failure | Notice


class Place(Struct, frozen=True):
    """Which worker a process is. `life`: its processes are counted. `links`: the name by which workers find each other; "":
    there are no others. `node`: the node's name, "" if it has none."""

    index: int = 0
    life: int = 1
    links: str = ""
    node: str = ""

    @property
    def prefix(self) -> str:
        """How the ids of its peers begin: an id never means another process's."""
        return f"{self.index}.{self.life}-"


class Kept(Struct, frozen=True):
    """How a worker is kept for another server: the name that it waits under, what that one must agree in, and for how many
    seconds it waits; 0: not at all."""

    name: str = ""
    terms: str = ""
    seconds: float = 0.0


class Held(Struct, frozen=True):
    """What a worker has: all that its server has to know. `terms`: see `adoption.terms_of`."""

    place: Place = Place()
    terms: str = ""
    ports: tuple[int, int] = (0, 0)  # UDP, TCP
    rooms: tuple[HeldRoom, ...] = ()


def worker_of(peer_id: str) -> int:
    """The worker's index, from a peer's id; -1: no such id was ever given out."""
    index, dot, _ = peer_id.partition(".")
    return int(index) if dot and index.isascii() and index.isdigit() and len(index) < 4 else -1


def frame(message: Request | Reply) -> bytes:
    body = msgspec.json.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Returns the next frame's body, None at the end of the connection."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME:
            return None
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

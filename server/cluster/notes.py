"""What is written in notes on one node, told to the others, whose pages hear of it. What is lost on the way they ask for."""

from __future__ import annotations

from typing import Final

import msgspec

from server.cluster.node import Nodes
from server.cluster.redis import RedisLink
from server.notes.notebook import Place
from server.notes.telling import Telling

CHANNEL: Final = "notes"


class Written(msgspec.Struct, frozen=True, array_like=True):
    node: str
    session_id: str
    room_id: str
    update: bytes


class SharedNotes:
    """`connect` before anything is written here."""

    def __init__(self, link: RedisLink, nodes: Nodes) -> None:
        self._link = link
        self._nodes = nodes
        self._telling: Telling | None = None
        link.on(CHANNEL, self._hear)

    def connect(self, telling: Telling) -> None:
        self._telling = telling
        telling.elsewhere = self._tell

    def _tell(self, place: Place, update: bytes) -> None:
        written = Written(self._nodes.id, place.session_id, place.room_id, update)
        self._link.tell(CHANNEL, msgspec.msgpack.encode(written))

    def _hear(self, message: bytes) -> None:
        written = msgspec.msgpack.decode(message, type=Written)
        if written.node != self._nodes.id and self._telling is not None:
            self._telling.heard(Place(written.session_id, written.room_id), written.update)

"""The bus between nodes: entries that were written here are told to the others as they are (docs/decisions/0009). One who
misses some finds a gap in the stream's sequence, or nothing at all, and reads the journal either way: `watch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import structlog

from rooms import messages as m
from rooms.errors import Refused
from server.bus import MemoryBus
from server.cluster.node import Nodes
from server.cluster.redis import RedisLink
from server.journal import Entry
from server.streams import Streams

CHANNEL: Final = "events"
MOST_BYTES: Final = 65_536  # of one entry; a larger one is only mentioned
LOOK_SECONDS: Final = 2.0  # how often the journal is read for what was not heard
UNWELL_LOOK_SECONDS: Final = 1.0  # and while announcements do not arrive

_log = structlog.get_logger("bus")
_encoder: Final = msgspec.msgpack.Encoder()
_body: Final = msgspec.json.Decoder(m.Event)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """An entry on its way. `body` None: too large, see the journal."""

    node: str
    stream: str
    seq: int
    at: datetime
    actor: str
    cause: str | None
    body: bytes | None


class RedisBus(MemoryBus):
    """`connect(streams)` before the link runs."""

    def __init__(self, link: RedisLink, nodes: Nodes) -> None:
        super().__init__()
        self._link = link
        self._nodes = nodes

    def connect(self, streams: Streams) -> None:
        """What others tell goes to `streams`."""

        def hear(message: bytes) -> None:
            told = msgspec.msgpack.decode(message, type=Told)
            if told.node == self._nodes.id:
                return
            if told.body is None:
                streams.hear_of(told.stream, told.seq)
                return
            event = _body.decode(told.body)
            streams.hear(Entry(told.stream, told.seq, told.at, told.actor, event, told.body, told.cause))

        self._link.on(CHANNEL, hear)

    def announce(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            body = entry.body if len(entry.body) <= MOST_BYTES else None
            told = Told(self._nodes.id, entry.stream, entry.seq, entry.at, entry.actor, entry.cause, body)
            self._link.tell(CHANNEL, _encoder.encode(told))
        super().announce(entries)


async def watch(streams: Streams, nodes: Nodes) -> None:
    """Reads the journal for what was not heard, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS if nodes.is_well else UNWELL_LOOK_SECONDS)
        try:
            await streams.look()
        except Refused as refusal:  # the database is away; nothing can have been written either
            _log.warning("the journal cannot be read", code=refusal.code)

"""The journal: events of each stream, totally ordered without gaps, durable before anybody hears of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.database import Database
from server.database.dialect import gate, insert_if_free
from server.tables import events

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(m.Event)

MOST_ENTRIES: Final = 5000  # of many streams, in one reading

# Events after which some writes must not come: those ask `has_closed` in their own transaction.
CLOSING: Final = (m.SurveyClosed, m.PollClosed)


class Conflict(Exception):
    """Somebody else has appended to the stream meanwhile: another node, or another process. Nothing was written."""


class Entry(msgspec.Struct, frozen=True):
    """One event in its place. `cause` is "person/client/id" of the command it came from, on a command's first event only."""

    stream: str
    seq: int
    at: datetime
    actor: str
    event: m.Event
    body: bytes  # the event as JSON, encoded once for the journal and for everybody who hears it
    cause: str | None = None


async def has_closed(connection: AsyncConnection, stream: str, poll_id: str | None = None, since: int = 0) -> bool:
    """True if a poll of the stream's, or the survey (None), has closed by now, for a write that must not come after that:
    asked in the write's own transaction, no other commit can come between, on any node. It was open at `since`."""
    await gate(connection, _gate(stream, poll_id), close=False)
    tag = (m.PollClosed if poll_id is not None else m.SurveyClosed).__struct_config__.tag
    start = msgspec.json.encode({"type": tag} | ({"poll_id": poll_id} if poll_id is not None else {}))[:-1]  # of a body
    is_one = func.substr(events.c.body, 1, len(start)) == start
    query = select(events.c.seq).where(events.c.stream == stream, events.c.seq > since, is_one).limit(1)
    return (await connection.execute(query)).first() is not None


class Journal:
    """Appends and reads entries. The caller (`Streams`) gives out sequence numbers under the stream's lock; where another
    node has given out the same, the database's primary key (stream, seq) lets one of them have it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self,
        stream: str,
        first_seq: int,
        new_events: Sequence[m.Event],
        *,
        actor: str,
        cause: str | None,
        at: datetime,
    ) -> list[Entry]:
        """Writes `new_events` as `first_seq`, `first_seq + 1`, ... and returns them once they are durable. Raises `Conflict`
        if `first_seq` is taken, or `cause` has been dealt with; then nothing is written."""
        entries = [
            Entry(stream, first_seq + i, at, actor, event, _encoder.encode(event), cause if i == 0 else None)
            for i, event in enumerate(new_events)
        ]
        rows = [
            {"stream": e.stream, "seq": e.seq, "at": e.at.timestamp(), "actor": actor, "cause": e.cause, "body": e.body}
            for e in entries
        ]

        first = insert_if_free(self._database.dialect, events)
        gates = [_gate(stream, getattr(event, "poll_id", None)) for event in new_events if isinstance(event, CLOSING)]

        async def work(connection: AsyncConnection) -> bool:
            for name in gates:
                await gate(connection, name, close=True)
            # No error, which would cost everybody in this commit another one. Who has the first has the others too.
            if (await connection.execute(first, rows[0])).rowcount != 1:
                return False
            if rows[1:]:
                await connection.execute(insert(events), rows[1:])
            return True

        if not await self._database.write(work):
            raise Conflict(stream)
        return entries

    async def read(self, stream: str, since: int = 0) -> list[Entry]:
        """The entries of a stream after sequence number `since`."""
        return await self._read(and_(events.c.stream == stream, events.c.seq > since))

    async def read_after(self, seen: Mapping[str, int]) -> list[Entry]:
        """The entries of many streams, each after the sequence number that was seen: stream by stream, in order, at most
        `MOST_ENTRIES`; whoever sees that many asks again."""
        return await self._read(
            or_(*(and_(events.c.stream == name, events.c.seq > seq) for name, seq in seen.items())), MOST_ENTRIES
        )

    async def _read(self, which: ColumnElement[bool], most: int | None = None) -> list[Entry]:
        query = select(events).where(which).order_by(events.c.stream, events.c.seq).limit(most)

        async def work(connection: AsyncConnection) -> list[Entry]:
            return [_entry(row) for row in await connection.execute(query)]

        return await self._database.read(work)

    async def streams(self) -> list[str]:
        """The names of all streams that have an event."""

        async def work(connection: AsyncConnection) -> list[str]:
            return list((await connection.execute(select(events.c.stream).distinct())).scalars())

        return await self._database.read(work)


def _entry(row: Row[Any]) -> Entry:
    at = datetime.fromtimestamp(row.at, UTC)
    return Entry(row.stream, row.seq, at, row.actor, _decoder.decode(row.body), row.body, row.cause)


def _gate(stream: str, poll_id: str | None) -> str:
    return f"{stream} closes {poll_id or ''}"

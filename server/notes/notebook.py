"""The rows of notes: one for each room, with the whole document as it is now."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.database import Database
from server.database.dialect import gate, upsert
from server.notes import document
from server.tables import notes


class Place(NamedTuple):
    """Whose notes: a room's of a session. Rooms of later rounds have other ids."""

    session_id: str
    room_id: str


class Answer(NamedTuple):
    """What a page lacked, and how much the server has now."""

    update: bytes
    vector: bytes


class Notebook:
    """`on_change(place, update)` is called when somebody's update is durable."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self.on_change: Callable[[Place, bytes], None] = lambda place, update: None

    async def write(self, place: Place, update: bytes, vector: bytes) -> Answer:
        """Merges what a page has written; durable when it returns. `vector`: how much the page has. Raises `Refused`."""

        async def work(connection: AsyncConnection) -> tuple[bytes, bool]:
            await gate(connection, f"notes {place}", close=True)
            before = await _state(connection, place)
            after = document.merge(before, update)
            if after != before:
                row = {**place._asdict(), "state": after, "changed_at": self._now().timestamp()}
                await connection.execute(
                    upsert(self._database.dialect, notes, *Place._fields, update=("state", "changed_at")), row
                )
            return after, after != before

        state, is_new = await self._database.write(work)
        if is_new:
            self.on_change(place, update)
        return Answer(document.missing(state, vector), document.vector_of(state))

    async def read(self, place: Place, vector: bytes = b"") -> Answer:
        """What a page with `vector` lacks. Raises `Refused`."""
        state = await self._read(place)
        return Answer(document.missing(state, vector), document.vector_of(state))

    async def text(self, place: Place) -> str:
        """The notes as they read; "" if there are none."""
        return document.text_of(await self._read(place))

    async def texts(self, session_id: str, room_ids: Collection[str] | None = None) -> dict[Place, str]:
        """The notes that say something, of a session's rooms or of some of them: no others are opened."""

        async def work(connection: AsyncConnection) -> list[Row[Any]]:
            some = [] if room_ids is None else [notes.c.room_id.in_(room_ids)]
            query = select(notes).where(notes.c.session_id == session_id, *some)
            return list(await connection.execute(query))

        rows = await self._database.read(work)
        found = {Place(row.session_id, row.room_id): document.text_of(row.state) for row in rows}
        return {place: text for place, text in found.items() if text.strip()}

    async def _read(self, place: Place) -> bytes:
        async def work(connection: AsyncConnection) -> bytes:
            return await _state(connection, place)

        return await self._database.read(work)


async def delete_all(connection: AsyncConnection) -> int:
    """Deletes everybody's notes; returns how many there were."""
    return (await connection.execute(delete(notes))).rowcount


async def _state(connection: AsyncConnection, place: Place) -> bytes:
    conditions = [notes.c[name] == value for name, value in place._asdict().items()]
    found: bytes | None = (await connection.execute(select(notes.c.state).where(*conditions))).scalar_one_or_none()
    return found or document.EMPTY

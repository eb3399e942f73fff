"""Presence: who is in which session now, written down so that a killed server neither loses nor invents minutes.

Following a session's stream is being present in it. Each stretch of one connection with the tab visible, or in the
background, is one row; heartbeats move `seen_at` forward while it lasts. Each stretch has its own moment within the
interval (`rota`), so that ten thousand are some seven hundred rows a second and not all of them at once. A stretch that a
kill cut off ends at its last heartbeat, and one that a suspended machine slept through ends when it fell asleep.
`rooms/attendance.py` merges stretches into minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms.attendance import RECONNECT_GRACE
from rooms.errors import Refused
from server.database import Database
from server.database.dialect import upsert
from server.rota import Rota
from server.tables import attendance

SETTLE_SECONDS: Final = 1.0  # a new stretch is on the disk this soon after it began
STOP_SECONDS: Final = 3.0  # for the last of it

_log = structlog.get_logger("presence")


class Stretch:
    """One connection in one session, visible or not, since `from_at`."""

    __slots__ = ("from_at", "id", "person_id", "session_id", "visible")

    def __init__(self, session_id: str, person_id: str, from_at: float, *, visible: bool) -> None:
        self.id = secrets.token_hex(8)
        self.session_id = session_id
        self.person_id = person_id
        self.from_at = from_at
        self.visible = visible

    def begin_anew(self, now: float) -> None:
        """The same connection, from now on: another row."""
        self.id = secrets.token_hex(8)
        self.from_at = now

    def row(self, seen_at: float) -> dict[str, Any]:
        return {
            "id": self.id,
            "session_id": self.session_id,
            "person_id": self.person_id,
            "from_at": self.from_at,
            "seen_at": max(seen_at, self.from_at),
            "visible": self.visible,
        }


class Presence:
    """`start`, then `enter` and `leave` for every connection, then `stop`. `on_change(session_id)` tells of new counts,
    `on_person(session_id, person_id, visible)` who is here, with a visible tab or without; None: no longer."""

    def __init__(self, database: Database, now: Callable[[], datetime], heartbeat: float) -> None:
        self._database = database
        self._now = now
        self.on_change: Callable[[str], None] = lambda session_id: None
        self.on_person: Callable[[str, str, bool | None], None] = lambda session_id, person_id, visible: None
        self.elsewhere: Callable[[str], Iterable[Mapping[str, int]]] = lambda session_id: ()  # who is there on other nodes
        self._tick = min(SETTLE_SECONDS, heartbeat)
        self._rota = Rota[Stretch](heartbeat, self._tick)  # of all in `_present`
        self._present: dict[tuple[str, str], Stretch] = {}  # by connection id and session id
        self._sessions: dict[str, dict[str, list[Stretch]]] = {}  # by session id and person id
        self._unwritten: dict[str, dict[str, Any]] = {}  # rows by id, bounded by the connections there are
        self._awake_at: float | None = None  # when this process last ran for certain; None until `start`
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Beats and writes from now on: two tasks, so that a slow disk does not look like a machine that slept."""
        self._awake_at = self._now().timestamp()
        beating, writing = self._beat_forever(), self._write_forever()
        self._tasks = (asyncio.create_task(beating, name="heartbeat"), asyncio.create_task(writing, name="presence"))

    async def stop(self) -> None:
        """Ends every stretch now, and writes it if the database takes it soon: else each ended with its last heartbeat."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for connection_id, session_id in list(self._present):
            self.leave(connection_id, session_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.flush()

    def enter(self, connection_id: str, person_id: str, session_id: str, *, visible: bool) -> None:
        """A connection is in a session from now on; entering again changes its visibility."""
        known = self._present.get((connection_id, session_id))
        if known is not None:
            if known.visible == visible:
                return
            self.leave(connection_id, session_id)
        now = self._wake()
        stretch = Stretch(session_id, person_id, now, visible=visible)
        self._present[connection_id, session_id] = stretch
        self._sessions.setdefault(session_id, {}).setdefault(person_id, []).append(stretch)
        self._rota.add(stretch)
        self._unwritten[stretch.id] = stretch.row(now)
        self._tell(session_id, person_id)

    def leave(self, connection_id: str, session_id: str) -> None:
        """A connection is no longer in a session; harmless if it never was."""
        now = self._wake()  # connections that end are the first that is heard after a sleep, before any heartbeat
        stretch = self._present.pop((connection_id, session_id), None)
        if stretch is None:
            return
        self._rota.discard(stretch)
        people = self._sessions[session_id]
        people[stretch.person_id].remove(stretch)
        if not people[stretch.person_id]:
            del people[stretch.person_id]
        self._unwritten[stretch.id] = stretch.row(now)
        self._tell(session_id, stretch.person_id)

    def _tell(self, session_id: str, person_id: str) -> None:
        stretches = self._sessions[session_id].get(person_id)
        self.on_person(session_id, person_id, any(s.visible for s in stretches) if stretches else None)
        self.on_change(session_id)

    def forget(self, person_id: str) -> None:
        """Somebody was erased: they are nowhere any more, and nothing about them is written."""
        own = [key for key, stretch in self._present.items() if stretch.person_id == person_id]
        for connection_id, session_id in own:
            self.leave(connection_id, session_id)
        self._unwritten = {key: row for key, row in self._unwritten.items() if row["person_id"] != person_id}

    def present(self, session_id: str) -> tuple[int, int]:
        """How many people are in a session, and how many of them only with the tab in the background."""
        people = self.people(session_id)
        return len(people), sum(not visible for visible in people.values())

    def people(self, session_id: str) -> dict[str, bool]:
        """Who is in a session, on whatever node: person id to "has a visible tab"."""
        people = {person: any(s.visible for s in own) for person, own in self._sessions.get(session_id, {}).items()}
        for others in self.elsewhere(session_id):
            for person, visible in others.items():
                people[person] = bool(visible) or people.get(person, False)
        return people

    def is_present(self, session_id: str, person_id: str) -> bool:
        return person_id in self._sessions.get(session_id, {}) or any(
            person_id in others for others in self.elsewhere(session_id)
        )

    async def flush(self) -> None:
        """Writes what has changed. If that fails, for whatever reason, the rows are kept for the next time: one bad moment
        of the database must not end the attendance log."""
        rows, self._unwritten = self._unwritten, {}
        if not rows:
            return
        statement = upsert(self._database.dialect, attendance, "id", update=("seen_at",))

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement, list(rows.values()))

        try:
            await self._database.write(work)
        except Exception as error:
            self._unwritten = rows | self._unwritten
            reason = error.code if isinstance(error, Refused) else repr(error)
            _log.error("attendance not written, will try again", reason=reason, rows=len(rows))

    def _wake(self) -> float:
        """The time. If this process was not running for longer than an absence is bridged (a suspended laptop, a paused
        virtual machine, a clock set right), nobody was seen meanwhile: what lasted ended then, and begins anew now."""
        now = self._now().timestamp()
        if self._awake_at is not None:
            if now - self._awake_at > RECONNECT_GRACE:
                for stretch in self._present.values():
                    self._unwritten[stretch.id] = stretch.row(self._awake_at)
                    stretch.begin_anew(now)
                    self._unwritten[stretch.id] = stretch.row(now)
            self._awake_at = now
        return now

    def beat(self) -> None:
        """Notes that those whose turn it is are still there."""
        now = self._wake()
        for stretch in self._rota.due(now):
            self._unwritten[stretch.id] = stretch.row(now)

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            self.beat()

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            await self.flush()

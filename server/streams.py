"""The streams' present: one projection each (`stream`), and the only way to change it.

`handle` takes a command through decide → journal → apply → announce under the stream's lock. A caller that goes away
half-way (a closed socket) does not interrupt it: what was decided is written, applied and announced, or none of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog

from rooms import breakouts, conference
from rooms import messages as m
from rooms import room as room_rules
from rooms.access import check_session
from rooms.errors import Refused
from rooms.room import SessionContext
from server.bus import MemoryBus
from server.journal import Conflict, Entry, Journal
from server.stream import Stream, session_of

TRIES: Final = 20  # of one command against other nodes; somebody gets through each time
GLANCE_SECONDS: Final = 2.0  # for the journal, where the database has just refused something
DRAIN_SECONDS: Final = 8.0  # the patience of the database

DurableCommand = m.ConferenceCommand | m.RoomCommand | m.BreakoutsCommand  # whatever makes events

_log = structlog.get_logger("streams")


class Streams:
    """All streams of the conference. `await load()` first."""

    def __init__(self, journal: Journal, bus: MemoryBus, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._bus = bus
        self._now = now
        self._streams: dict[str, Stream] = {}
        self._running: set[asyncio.Task[list[Entry]]] = set()
        self.several = False  # whether other nodes write to the journal too
        self.sleeps: Callable[[], int] = lambda: 0  # how often this node was not running, where there are several
        self.elsewhere = 0  # entries taken in that were written on other nodes
        self.gaps = 0  # how often the journal was read because some were missed

    async def load(self) -> None:
        """Projects every stream from the journal."""
        for name in await self._journal.streams():
            stream = self._streams[name] = Stream(name)
            for entry in await self._journal.read(name):
                stream.apply(entry)

    @property
    def conference(self) -> m.ConferenceState:
        state = self._stream(m.CONFERENCE).state
        assert isinstance(state, m.ConferenceState)
        return state

    def room(self, session_id: str) -> m.RoomState:
        """What happens in a session; empty if nothing has."""
        state = self._stream(m.session_stream(session_id)).state
        assert isinstance(state, m.RoomState)
        return state

    def rooms(self) -> dict[str, m.RoomState]:
        """What has happened in every session that there has been, also in those that the programme has no longer."""
        states = ((session_of(name), stream.state) for name, stream in self._streams.items())
        return {session_id: state for session_id, state in states if isinstance(state, m.RoomState)}

    def all_breakouts(self) -> dict[str, m.BreakoutsState]:
        """The breakout rooms of every session that has had any."""
        states = ((session_of(name), stream.state) for name, stream in self._streams.items())
        return {session_id: state for session_id, state in states if isinstance(state, m.BreakoutsState)}

    def breakouts(self, session_id: str) -> m.BreakoutsState:
        """The breakout rooms of a session; none if there never were any."""
        state = self._stream(m.breakouts_stream(session_id)).state
        assert isinstance(state, m.BreakoutsState)
        return state

    def context(self, session_id: str) -> SessionContext:
        """A session's plan and phase. Raises `Refused("not_found")`."""
        return SessionContext(*check_session(self.conference, session_id))

    def stream(self, name: str) -> Stream:
        """The stream for a follower. Raises `Refused("not_found")` for one that the programme does not have."""
        if name != m.CONFERENCE:
            self.context(session_of(name))
        return self._stream(name)

    def seq(self, name: str) -> int:
        return self._stream(name).seq

    async def handle(
        self,
        name: str,
        actor: m.Actor,
        command: DurableCommand,
        cause: str | None = None,
    ) -> list[Entry]:
        """Does what `actor` commands and returns the durable entries (none: nothing to do, or done before). Raises
        `Refused`; a command whose `cause` is known was acknowledged before and is not done again."""
        task = asyncio.create_task(self._handle(self.stream(name), actor, command, cause))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def reload(self) -> list[Stream]:
        """Projects every stream anew, after the journal was redacted: as far as it was projected, so that nothing is
        skipped that must be told. Returns the streams whose state is another now."""
        changed = []
        for stream in list(self._streams.values()):
            async with stream.lock:
                anew = Stream(stream.name)
                for entry in await self._journal.read(stream.name):
                    if entry.seq <= stream.seq:
                        anew.apply(entry)
                if anew.state != stream.state:
                    stream.redacted = stream.seq
                    changed.append(stream)
                stream.state, stream.tail, stream.causes = anew.state, anew.tail, anew.causes
        return changed

    async def drain(self) -> None:
        """Waits for the commands under way, and what is being taken in, but not for ever: the database may be away, and then
        nobody has been told that they are done."""
        taking = [stream.taking for stream in self._streams.values() if stream.taking is not None]
        if waiting := [*self._running, *taking]:
            await asyncio.wait(waiting, timeout=DRAIN_SECONDS)

    async def _handle(self, stream: Stream, actor: m.Actor, command: DurableCommand, cause: str | None) -> list[Entry]:
        sleeps = self.sleeps()
        async with stream.lock:
            for _ in range(TRIES):
                if cause is not None and cause in stream.causes:
                    return []
                if cause is not None and self.sleeps() != sleeps:  # its sender may be told elsewhere that it cannot be
                    raise Refused("try_again")
                now = self._now()
                try:
                    events = self._decide(stream, actor, command, now)
                except Refused:
                    if await self._was_behind(stream):
                        continue
                    raise
                if not events:
                    if await self._was_behind(stream):
                        continue
                    return []
                try:
                    entries = await self._journal.append(
                        stream.name, stream.seq + 1, events, actor=actor.person_id, cause=cause, at=now
                    )
                except Conflict:  # another node was first: what it decided may change what is decided here
                    await self._catch_up(stream)
                    continue
                except Refused:  # what cannot be saved now may have been before, by whom it was sent to first
                    if await self._was_done(stream, cause):
                        return []
                    raise
                self._take(stream, entries)
                self._bus.announce(entries)
                return entries
        raise Refused("try_again")

    # --- what other nodes write

    def hear(self, entry: Entry) -> None:
        """Takes in an entry that another node has told of, in its turn and once, whatever comes before or again."""
        self._hear(entry.stream, entry)

    def hear_of(self, name: str, seq: int) -> None:
        """Takes in what the journal has of a stream, up to `seq` at least."""
        self._hear(name, seq)

    async def reach(self, name: str, seq: int) -> None:
        """Makes sure that a stream is no older here than it was where somebody comes from, as far as there is so much.
        Raises `Refused`."""
        stream = self.stream(name)
        if seq > stream.seq:
            async with stream.lock:
                await self._catch_up(stream)

    async def was_behind(self, name: str) -> bool:
        """True if other nodes had written what was not known here, and is now: whatever was refused is to be decided again,
        as it may have become possible, or be done already. Raises `Refused`."""
        stream = self._stream(name)
        async with stream.lock:
            return await self._was_behind(stream)

    async def look(self) -> None:
        """Takes in what the journal has and nobody told of. Raises `Refused` while it cannot be read."""
        for entry in await self._journal.read_after({name: self.seq(name) for name in self._names()}):
            self.hear(entry)

    def _hear(self, name: str, heard: Entry | int) -> None:
        stream = self._stream(name)
        stream.heard.append(heard)
        if stream.taking is None:
            stream.taking = asyncio.create_task(self._take_in(stream), name=f"taking in {name}")

    async def _take_in(self, stream: Stream) -> None:
        try:
            async with stream.lock:
                while stream.heard:
                    await self._take_one(stream, stream.heard.popleft())
        except Refused as refusal:  # `look` comes by again
            _log.warning("a gap stays open", stream=stream.name, code=refusal.code)
        finally:
            stream.taking = None

    async def _take_one(self, stream: Stream, heard: Entry | int) -> None:
        seq = heard if isinstance(heard, int) else heard.seq
        if seq <= stream.seq:
            return
        if isinstance(heard, int) or seq > stream.seq + 1:
            self.gaps += 1
            await self._catch_up(stream)
            return
        self._take_from_elsewhere(stream, [heard])

    async def _was_behind(self, stream: Stream) -> bool:
        """The same under the stream's lock. Rooms are decided by their session's phase, too."""
        if not self.several:
            return False
        conference_was = stream.name != m.CONFERENCE and await self.was_behind(m.CONFERENCE)
        before = stream.seq
        await self._catch_up(stream)
        return stream.seq > before or conference_was

    async def _was_done(self, stream: Stream, cause: str | None) -> bool:
        """Whether a command is in the journal after all, as far as that can be known in a moment."""
        if cause is not None:
            with contextlib.suppress(Refused, TimeoutError):
                async with asyncio.timeout(GLANCE_SECONDS):
                    await self._catch_up(stream)
        return cause in stream.causes

    async def _catch_up(self, stream: Stream) -> None:
        """Takes in what other nodes have appended, under the stream's lock."""
        self._take_from_elsewhere(stream, await self._journal.read(stream.name, since=stream.seq))

    def _take_from_elsewhere(self, stream: Stream, entries: Sequence[Entry]) -> None:
        self._take(stream, entries)
        self.elsewhere += len(entries)
        self._bus.deliver(entries)

    def _names(self) -> set[str]:
        """All streams that there can be by now."""
        programme = self.conference.programme
        sessions = programme.sessions if programme is not None else ()
        of_sessions = (name(plan.id) for plan in sessions for name in (m.session_stream, m.breakouts_stream))
        return {m.CONFERENCE, *self._streams, *of_sessions}

    @staticmethod
    def _take(stream: Stream, entries: Sequence[Entry]) -> None:
        for entry in entries:
            stream.apply(entry)

    def _decide(self, stream: Stream, actor: m.Actor, command: DurableCommand, now: datetime) -> Sequence[m.Event]:
        state = stream.state
        if isinstance(state, m.ConferenceState) and isinstance(command, m.ConferenceCommand):
            return conference.decide(state, actor, command, now)
        if isinstance(state, m.RoomState) and isinstance(command, m.RoomCommand):
            return room_rules.decide(state, self.context(session_of(stream.name)), actor, command, now)
        if isinstance(state, m.BreakoutsState) and isinstance(command, m.BreakoutsCommand):
            return breakouts.decide(state, self.context(session_of(stream.name)), actor, command, now)
        raise Refused("not_found")  # a command for another kind of stream

    def _stream(self, name: str) -> Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(name)
        return stream

"""Who hears of notes at once: those in the room, of every change; the hall, how those read that are on the stage.

What is told here may be lost: pages ask again for what they lack (`api`).
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from rooms import messages as m
from rooms.errors import Refused
from server.hub import Hub
from server.journal import Entry
from server.notes.notebook import Notebook, Place
from server.stream import session_of
from server.streams import Streams

STAGE_SECONDS: Final = 1.0  # between two tellings of the whole text to the whole hall

Told = Callable[[Place, bytes], None]


class Telling:
    """`heed` the bus; `changed` what is written here, `heard` what is written on other nodes. `elsewhere(place, update)`
    brings it to those."""

    def __init__(self, hub: Hub, streams: Streams, notebook: Notebook, report: Callable[[str, str], str]) -> None:
        self._hub = hub
        self._streams = streams
        self._notebook = notebook
        self._report = report
        self._timers: dict[str, asyncio.TimerHandle] = {}  # by session
        self._tasks: set[asyncio.Task[None]] = set()
        self._shown: set[str] = set()  # sessions whose hall has been told of notes
        self.elsewhere: Told = lambda place, update: None

    def heed(self, entry: Entry) -> None:
        """Other notes are on the stage, or none."""
        match entry.event:
            case m.BreakoutsNotesShown() | m.BreakoutsOpened():
                self._put(session_of(entry.stream), 0.0)

    def look(self) -> None:
        """After the start: whose notes are on the stage is in the journal, what they say is not."""
        programme = self._streams.conference.programme
        for plan in programme.sessions if programme else ():
            if self._streams.breakouts(plan.id).showing is not None:
                self._put(plan.id, 0.0)

    def changed(self, place: Place, update: bytes) -> None:
        self.elsewhere(place, update)
        self.heard(place, update)

    def heard(self, place: Place, update: bytes) -> None:
        state = self._streams.breakouts(place.session_id)
        room = state.rooms.get(place.room_id)
        if room is None:
            return
        stream = m.breakouts_stream(place.session_id)
        frame = m.NotesFrame(stream, place.room_id, b64encode(update).decode())
        # who visited as a moderator and is none any more is still among the visitors for a while
        self._hub.tell_people(stream, (*room.people, *room.visitors), room.audience, frame)
        if state.showing is not None and state.showing.room_id == place.room_id:
            self._put(place.session_id, STAGE_SECONDS)

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _put(self, session_id: str, seconds: float) -> None:
        """Tells the hall soon; once, however much is written until then."""
        timer = self._timers.get(session_id)
        if timer is not None and seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[session_id] = asyncio.get_running_loop().call_later(seconds, self._start, session_id)

    def _start(self, session_id: str) -> None:
        del self._timers[session_id]
        task = asyncio.create_task(self._tell_hall(session_id), name="notes on the stage")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_hall(self, session_id: str) -> None:
        stream = m.breakouts_stream(session_id)
        try:
            showing = self._streams.breakouts(session_id).showing
            text = await self._notebook.text(Place(session_id, showing.room_id)) if showing is not None else ""
            if self._streams.breakouts(session_id).showing != showing:
                return  # that is told by itself
            if showing is not None:
                self._shown.add(session_id)
                self._hub.signal(m.StageNotesSignal(stream, showing.room_id, text))
            elif session_id in self._shown:
                self._shown.discard(session_id)
                self._hub.signal(m.StageNotesSignal(stream, "", ""))
                self._hub.forget_signal(stream, m.StageNotesSignal)
        except Refused:  # the database is away
            self._put(session_id, STAGE_SECONDS)
        except Exception:
            self._report("notes on the stage", session_id)

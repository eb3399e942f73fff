"""The stagehand: takes people off the stage who are gone, after a while in which they may come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from rooms import messages as m
from rooms.errors import Refused
from server.presence import Presence
from server.reactions import PASSING
from server.seats import Seats
from server.streams import Streams

GUESS_SECONDS: Final = 1.0  # until it is asked again whether everybody is known

_log = structlog.get_logger("stagehand")


class Stagehand:
    """`look(session_id)` whenever somebody's presence or seat changed there; `look_everywhere` at the start. `grace`:
    seconds for a reload, a tunnel, a restart of the server."""

    def __init__(self, streams: Streams, presence: Presence, seats: Seats, grace: float) -> None:
        self._streams = streams
        self._presence = presence
        self._seats = seats
        self._grace = grace
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_elsewhere: Callable[[str, str], bool] = lambda session_id, person_id: False  # publishes on another node
        self.knows_all: Callable[[], bool] = lambda: True  # who is where, on all nodes

    def look_everywhere(self) -> None:
        for session_id, run in self._streams.conference.runs.items():
            if run.phase in ("backstage", "live"):
                self.look(session_id)

    def look(self, session_id: str) -> None:
        """Starts a timer for everybody on stage who is not here, and stops it for those who are."""
        for person_id in self._streams.room(session_id).stage:
            key = (session_id, person_id)
            if self._is_here(session_id, person_id):
                if timer := self._timers.pop(key, None):
                    timer.cancel()
            elif key not in self._timers:
                self._timers[key] = asyncio.get_running_loop().call_later(self._grace, self._time_is_up, key)

    @property
    def waiting(self) -> int:
        """How many people on stage are being waited for."""
        return len(self._timers)

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _is_here(self, session_id: str, person_id: str) -> bool:
        return (
            self._presence.is_present(session_id, person_id)
            or self._seats.publishes_externally(session_id, person_id)
            or self.is_elsewhere(session_id, person_id)
        )

    def _time_is_up(self, key: tuple[str, str]) -> None:
        self._timers.pop(key, None)
        session_id, person_id = key
        if not self.knows_all():  # they may be on a node that is not heard: nobody is taken off the stage on a guess
            pause = max(self._grace, GUESS_SECONDS)
            self._timers[key] = asyncio.get_running_loop().call_later(pause, self._time_is_up, key)
        elif not self._is_here(*key) and person_id in self._streams.room(session_id).stage:  # not another node's doing
            task = asyncio.create_task(self._remove(*key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _remove(self, session_id: str, person_id: str) -> None:
        try:
            await self._streams.handle(m.session_stream(session_id), m.SYSTEM, m.StageRemove(person_id))
        except Refused as refusal:
            if refusal.code in PASSING:  # the disk takes nothing now: look again later
                self.look(session_id)
            else:  # the session left the programme: asking again would be for ever
                _log.warning("not taken off the stage", code=refusal.code)

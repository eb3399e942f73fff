"""What follows from an event elsewhere: a session ends, so its poll closes, its recording stops, its stage empties.

Every reaction is a command of the system's that is harmless when repeated, and `catch_up` repeats at the start what a
kill may have cut off. Reactions of one session happen in order, off the path of those who caused them, and
keep no other session waiting (`lanes`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import structlog

from rooms import messages as m
from rooms.errors import Refused
from rooms.recording import running_recording
from server.ballots import SURVEY, Ballots
from server.journal import Entry
from server.lanes import Lanes, name_of
from server.recorder import Recorder
from server.seats import Seats
from server.stream import session_of
from server.streams import Streams

WAITING_REACTIONS: Final = 10_000  # far more than moderators can cause; past it a bug is reported, nothing is lost for good
DRAIN_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0
PASSING: Final = frozenset({"try_again", "read_only"})  # refusals that end by themselves: the reaction is tried again

ENGINE: Final = "media engine"  # a lane

_log = structlog.get_logger("reactions")

Reaction = Callable[[], Coroutine[Any, Any, None]]


class Reactions:
    """Listens to the bus with `heed`, and with `heed_own` to what was written on this node. A lane for each session, one for
    its recordings, which take longer, one for the survey. `records_elsewhere(recording_id)`: another node makes it;
    `on_recording(recording_id, is_here)`: this one does, or no longer."""

    def __init__(
        self, streams: Streams, ballots: Ballots, recorder: Recorder, seats: Seats, report: Callable[[str, str], str]
    ) -> None:
        self._streams = streams
        self._ballots = ballots
        self._recorder = recorder
        self._seats = seats
        self._report = report
        self._lanes = Lanes[Reaction](self._react, WAITING_REACTIONS)
        self._is_over = False
        self.records_elsewhere: Callable[[str], bool] = lambda recording_id: False
        self.on_recording: Callable[[str, bool], None] = lambda recording_id, is_here: None

    def heed(self, entry: Entry) -> None:
        """Puts in line what `entry` calls for on every node."""
        session_id = session_of(entry.stream)
        match entry.event:
            case m.SessionEnded(ended_id):  # everywhere: what another node did before it heard of this is here by now
                self._put(ended_id, partial(self._wind_up, ended_id))
            case m.BreakoutLeft() | m.BreakoutsClosed() | m.BreakoutEnded() | m.BreakoutVisited():
                self._put(session_id, partial(self._seats.keep_to_circles, session_id))
            case m.StageLeft(person_id):
                self._put(session_id, partial(self._seats.take_off_stage, session_id, person_id))
            case m.RecordingStopped(recording_id) if self._recorder.has(recording_id):
                self._put(_recordings(session_id), partial(self._finish_recording, session_id, recording_id))

    def heed_own(self, entry: Entry) -> None:
        """Puts in line what one node is to do about `entry`: the one that wrote it."""
        session_id = session_of(entry.stream)
        for lane, reaction in self._reactions_to(session_id, entry.event):
            self._put(lane, reaction)

    async def _react(self, lane: str, reaction: Reaction) -> None:
        try:
            await reaction()
        except Refused as refusal:
            _log.warning("reaction refused", code=refusal.code)
            if refusal.code in PASSING:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._put, lane, reaction)
        except Exception:
            self._report(f"reaction of {lane}", name_of(reaction))

    def _put(self, lane: str, reaction: Reaction) -> None:
        if self._is_over:
            return
        if not self._lanes.put(lane, reaction):  # must not disturb the command that caused it, which is durable
            self._report(f"reactions of {lane}", name_of(reaction))

    async def drain(self) -> None:
        """Waits until nothing is in line, but not for ever: what is left is caught up at the next start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._lanes.join()

    async def stop(self) -> None:
        """Reacts to nothing more, not even to what was to be tried again."""
        self._is_over = True
        await self._lanes.stop()

    def catch_up(self, *, recordings: bool = True) -> None:
        """Puts in line what the last run, or a node that died, may have left undone. `recordings`: these, too, which only
        one node may do."""
        conference = self._streams.conference
        if conference.survey.phase == "open":
            self._put(SURVEY, partial(self._ballots.open_anonymous, SURVEY))
        if conference.survey.phase == "closed":
            self._put(SURVEY, self._ballots.forget_survey)
        for plan in conference.programme.sessions if conference.programme else ():
            self._put(plan.id, partial(self._catch_up_session, plan.id))
            if recordings:
                self._put(plan.id, partial(self._catch_up_recordings, plan.id))

    def _reactions_to(self, session_id: str, event: m.Event) -> list[tuple[str, Reaction]]:
        """What `event` calls for, each with its lane."""
        late = (session_id, partial(self._wind_up_if_over, session_id))
        match event:
            case m.SurveyOpened():
                return [(SURVEY, partial(self._ballots.open_anonymous, SURVEY))]
            case m.SurveyClosed():
                return [(SURVEY, self._ballots.forget_survey)]
            case m.PollOpened(poll):
                opening = (session_id, partial(self._ballots.open_anonymous, poll.id))
                return [opening, late] if poll.anonymous else [late]
            case m.PollClosed(poll_id):
                return [(session_id, partial(self._count, session_id, poll_id))]
            case m.RecordingStarted(recording_id):
                return [(_recordings(session_id), partial(self._start_recording, session_id, recording_id)), late]
            case m.RecordingStopped(recording_id) if not self._is_recorded(recording_id):
                return [(_recordings(session_id), partial(self._finish_recording, session_id, recording_id))]
            case m.StageEntered() | m.BreakoutsOpened():
                return [late]
        return []

    async def _command(self, session_id: str, command: m.RoomCommand) -> None:
        await self._streams.handle(m.session_stream(session_id), m.SYSTEM, command)

    async def _put_an_end_to(self, session_id: str, command: m.RoomCommand) -> None:
        """Like `_command`, but somebody may have done it a moment ago: what comes next must be done all the same."""
        try:
            await self._command(session_id, command)
        except Refused as refusal:
            if refusal.code in PASSING:
                raise

    async def _wind_up_if_over(self, session_id: str) -> None:
        """What was decided while the end of its session was being written came too late for `_wind_up`."""
        if self._streams.context(session_id).run.phase == "ended":
            await self._wind_up(session_id)

    async def _wind_up(self, session_id: str) -> None:
        room = self._streams.room(session_id)
        for poll in room.polls.values():
            if poll.phase == "open":
                await self._put_an_end_to(session_id, m.PollClose(poll.id))
        if running_recording(room.recordings) is not None:
            await self._put_an_end_to(session_id, m.RecordingStop())
        for person_id in room.stage:
            await self._put_an_end_to(session_id, m.StageRemove(person_id))
        if self._streams.breakouts(session_id).phase == "running":
            await self._streams.handle(m.breakouts_stream(session_id), m.SYSTEM, m.BreakoutsClose(at_once=True))
        await self._seats.close_session(session_id)

    async def _count(self, session_id: str, poll_id: str) -> None:
        poll = self._streams.room(session_id).polls[poll_id]
        await self._command(session_id, m.PollCount(poll_id, await self._ballots.counts(poll)))
        await self._ballots.forget(poll)

    async def _start_recording(self, session_id: str, recording_id: str) -> None:
        try:
            await self._recorder.start(session_id, session_id, recording_id)
            self.on_recording(recording_id, self._recorder.has(recording_id))
        except Exception as error:
            self._report("recorder", recording_id)
            await self._command(session_id, m.RecordingFail(recording_id, type(error).__name__))

    def _is_recorded(self, recording_id: str) -> bool:
        return self._recorder.has(recording_id) or self.records_elsewhere(recording_id)

    async def _finish_recording(self, session_id: str, recording_id: str) -> None:
        self.on_recording(recording_id, False)
        try:
            duration = await self._recorder.stop(recording_id)
        except Exception as error:
            self._report("recorder", recording_id)
            await self._command(session_id, m.RecordingFail(recording_id, type(error).__name__))
        else:
            await self._command(session_id, m.RecordingFinish(recording_id, duration))

    def taps_lost(self, rooms: tuple[str, ...] | None) -> None:
        """The media engine is there anew, or a part of it that had these rooms: recordings are connected to it, or go on
        where the room is now."""
        self._put(ENGINE, partial(self._recorder.retap, rooms))
        for session_id in rooms or ():  # each node may ask for it: whoever has the room does it once
            self._put(_recordings(session_id), partial(self._go_on_recording, session_id))

    async def _go_on_recording(self, session_id: str) -> None:
        running = running_recording(self._streams.room(session_id).recordings)
        if running is not None:
            await self._start_recording(session_id, running.id)

    def recorder_died(self, session_id: str, recording_id: str, reason: str) -> None:
        """A recorder ended by itself: what it wrote is kept, and the moderator sees why there is no more."""
        self._put(session_id, partial(self._end_recording, session_id, recording_id, reason))

    async def _end_recording(self, session_id: str, recording_id: str, reason: str) -> None:
        room = self._streams.room(session_id)
        running = running_recording(room.recordings)
        if running is None or running.id != recording_id:
            return
        await self._put_an_end_to(session_id, m.RecordingStop(reason))

    async def _catch_up_session(self, session_id: str) -> None:
        room, run = self._streams.room(session_id), self._streams.context(session_id).run
        for poll in room.polls.values():
            if poll.phase == "open" and poll.anonymous:
                await self._ballots.open_anonymous(poll.id)
            elif poll.phase == "closed" and poll.counts is None:
                await self._count(session_id, poll.id)
            elif poll.phase in ("closed", "shown"):
                await self._ballots.forget(poll)
        if run.phase == "ended":
            await self._wind_up(session_id)

    async def _catch_up_recordings(self, session_id: str) -> None:
        """A recording that was running when the server died goes on in the same file, unless its session is over."""
        for recording in self._streams.room(session_id).recordings.values():
            if self._is_recorded(recording.id):
                continue
            if recording.status == "stopped":
                self._put(_recordings(session_id), partial(self._finish_recording, session_id, recording.id))
            elif recording.status == "running" and self._streams.context(session_id).run.phase == "live":
                self._put(_recordings(session_id), partial(self._start_recording, session_id, recording.id))


def _recordings(session_id: str) -> str:
    """The lane of a session's recordings."""
    return f"{session_id} recordings"

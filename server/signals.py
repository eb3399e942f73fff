"""Tallies and presence as signals: only what changed, a few times a second, however many people answer, come and go."""

from __future__ import annotations

import asyncio
from typing import Final

from rooms import messages as m
from rooms.errors import Refused
from rooms.polls import tells
from server.ballots import Ballots
from server.hub import Hub
from server.journal import Entry
from server.presence import Presence
from server.stream import session_of
from server.streams import Streams

COALESCE_SECONDS: Final = 0.25


class Tallies:
    """Collects which sessions' numbers changed, and tells the hub the new ones."""

    def __init__(self, hub: Hub, streams: Streams, ballots: Ballots, presence: Presence) -> None:
        self._hub = hub
        self._streams = streams
        self._ballots = ballots
        self._presence = presence
        self._changed_votes: dict[str, set[str]] = {}  # by session: polls and questions
        self._changed_presence: set[str] = set()
        self._told: dict[str, m.TallySignal] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._telling: asyncio.Task[None] | None = None

    def heed(self, entry: Entry) -> None:
        """A poll that opens or a question that is published shows its number from the start."""
        match entry.event:
            case m.PollOpened(poll):
                self.votes_changed(session_of(entry.stream), poll.id)
            case m.QuestionPublished(question):
                self.votes_changed(session_of(entry.stream), question.id)

    def votes_changed(self, session_id: str, subject: str) -> None:
        """A poll's or a question's number is another, here or on another node."""
        self._changed_votes.setdefault(session_id, set()).add(subject)
        self._wake()

    def presence_changed(self, session_id: str) -> None:
        self._changed_presence.add(session_id)
        if session_id not in self._told:  # the first to come after a restart; newcomers get what was told before
            self._changed_votes.setdefault(session_id, set()).update(self._subjects(session_id))
        self._wake()

    def look(self) -> None:
        """Everything may have changed in the sessions that are live: it was not to be heard."""
        for session_id, run in self._streams.conference.runs.items():
            if run.phase == "live" and session_id in self._told:
                self._changed_votes.setdefault(session_id, set()).update(self._subjects(session_id))
                self._changed_presence.add(session_id)
                self._wake()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._telling is not None:
            self._telling.cancel()

    def _subjects(self, session_id: str) -> set[str]:
        """What has a number that is told."""
        room = self._streams.room(session_id)
        return {*(key for key, poll in room.polls.items() if poll.phase == "open"), *room.questions}

    def _wake(self) -> None:
        if self._timer is None and self._telling is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._start)

    def _start(self) -> None:
        self._timer = None
        self._telling = asyncio.create_task(self._tell(), name="tallies")

    async def _tell(self) -> None:
        changed, self._changed_votes = self._changed_votes, {}
        try:
            for session_id in self._changed_presence:
                present, background = self._presence.present(session_id)
                self._hub.signal(m.PresenceSignal(m.session_stream(session_id), present, background))
            self._changed_presence.clear()
            for session_id, subjects in changed.items():
                await self._tell_votes(session_id, subjects)
        except Refused:  # the database is away: again when it is back
            for session_id, subjects in changed.items():
                self._changed_votes.setdefault(session_id, set()).update(subjects)
        finally:
            self._telling = None
            if self._changed_votes or self._changed_presence:
                self._wake()

    async def _tell_votes(self, session_id: str, subjects: set[str]) -> None:
        stream, room = m.session_stream(session_id), self._streams.room(session_id)
        polls = {key for key in subjects if key in room.polls and room.polls[key].phase == "open"}
        # what is not published does not exist for the hall, not even as a number
        questions = {key for key in subjects if key in room.questions and room.questions[key].published_at is not None}
        await self._ballots.count(polls, questions)
        room = self._streams.room(session_id)
        counted = {key: self._ballots.answered(key) for key in polls if room.polls[key].phase == "open"}
        answered = {key: count for key, count in counted.items() if tells(room.polls[key], count)}
        votes = {key: self._ballots.votes(key) for key in questions if key in room.questions}
        told = self._told.get(session_id, m.TallySignal(stream, {}, {}))
        self._told[session_id] = m.TallySignal(stream, told.answered | answered, told.votes | votes)
        news = m.TallySignal(stream, _changes(told.answered, answered), _changes(told.votes, votes))
        if news.answered or news.votes:
            self._hub.signal(news)


def _changes(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    return {key: value for key, value in new.items() if old.get(key) != value}

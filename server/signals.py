"""Tallies and presence as signals: only what changed, a few times a second, however many people answer, come and go."""

from __future__ import annotations

import asyncio
from typing import Final

from rooms import messages as m
from rooms.polls import tells
from server.ballots import Ballots
from server.hub import Hub
from server.journal import Entry
from server.presence import Presence
from server.streams import Streams, session_of

COALESCE_SECONDS: Final = 0.25


class Tallies:
    """Collects which sessions' numbers changed, and tells the hub the new ones."""

    def __init__(self, hub: Hub, streams: Streams, ballots: Ballots, presence: Presence) -> None:
        self._hub = hub
        self._streams = streams
        self._ballots = ballots
        self._presence = presence
        self._changed_votes: set[str] = set()
        self._changed_presence: set[str] = set()
        self._told: dict[str, m.TallySignal] = {}
        self._timer: asyncio.TimerHandle | None = None

    def heed(self, entry: Entry) -> None:
        """A poll that opens or a question that is published shows its number from the start."""
        if isinstance(entry.event, m.PollOpened | m.QuestionPublished):
            self.votes_changed(session_of(entry.stream))

    def votes_changed(self, session_id: str) -> None:
        self._changed_votes.add(session_id)
        self._wake()

    def presence_changed(self, session_id: str) -> None:
        self._changed_presence.add(session_id)
        if session_id not in self._told:  # the first to come after a restart; newcomers get what was told before
            self._changed_votes.add(session_id)
        self._wake()

    def _wake(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._tell)

    def _tell(self) -> None:
        self._timer = None
        for session_id in self._changed_presence:
            present, background = self._presence.present(session_id)
            self._hub.signal(m.PresenceSignal(m.session_stream(session_id), present, background))
        for session_id in self._changed_votes:
            self._tell_votes(session_id)
        self._changed_presence.clear()
        self._changed_votes.clear()

    def _tell_votes(self, session_id: str) -> None:
        stream, room = m.session_stream(session_id), self._streams.room(session_id)
        counted = {key: self._ballots.answered(key) for key, poll in room.polls.items() if poll.phase == "open"}
        answered = {key: count for key, count in counted.items() if tells(room.polls[key], count)}
        # what is not published does not exist for the hall, not even as a number
        votes = {key: self._ballots.votes(key) for key, q in room.questions.items() if q.published_at is not None}
        told = self._told.get(session_id, m.TallySignal(stream, {}, {}))
        self._told[session_id] = m.TallySignal(stream, told.answered | answered, told.votes | votes)
        news = m.TallySignal(stream, _changes(told.answered, answered), _changes(told.votes, votes))
        if news.answered or news.votes:
            self._hub.signal(news)


def _changes(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    return {key: value for key, value in new.items() if old.get(key) != value}

"""The hub: who follows which stream, and every event to each of them, encoded once.

Overflow: a connection that is behind by a quarter of its outbox gets no more signals (they are only worth something now);
one that is behind by all of it is told to resync and closed, and comes back through its sequence numbers.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import msgspec

from rooms import messages as m
from rooms.access import addressees, audience_of, hears
from rooms.mentions import people_in_event, people_in_state
from server.followers import Connection, Followers
from server.journal import Entry
from server.outbox import Frame
from server.ring import Ring
from server.snapshots import Snapshots
from server.stream import Stream, redact

SIGNAL_PERIOD: Final = 0.25  # seconds; signals of the same kind are coalesced in between
CLOSE_NOT_SIGNED_IN: Final = 4401
CLOSE_RESYNC: Final = 4408
CLOSE_RESTART: Final = 1012

_encoder: Final = msgspec.json.Encoder()


def encode(message: m.ServerFrame) -> Frame:
    """A frame that is encoded once, for however many read it."""
    return Frame(_encoder.encode(message))


class Hub:
    """Connections and what they hear. All methods are synchronous: between a look at a stream and the registration of a
    follower nothing can happen, so nobody misses an event or gets it twice."""

    def __init__(self, outbox_bytes: int, name_of: Callable[[str], str], ring: Ring | None = None) -> None:
        self._ring = ring
        self._name_of = name_of
        self._outbox_bytes = outbox_bytes
        self._connections: dict[str, Connection] = {}
        self._of_person: dict[str, set[str]] = {}
        self._followers: dict[str, Followers] = {}
        self._signals: dict[str, dict[str, m.Signal]] = {}  # the latest of each kind, for newcomers
        self._changed: dict[str, dict[str, m.Signal]] = {}  # not yet told
        self._flush: asyncio.TimerHandle | None = None
        self._snapshots = Snapshots()
        self.departed = 0  # connections, since the start
        self.elsewhere: Callable[[str], int] = lambda person_id: 0  # connections of somebody's on other nodes
        self.on_count: Callable[[str, int], None] = lambda person_id, count: None  # of somebody's here

    # --- connections

    def add(self, connection: Connection) -> None:
        self._connections[connection.id] = connection
        if connection.outbox.writer is not None:
            connection.outbox.writer.on_turn = partial(self._sort, connection)
        own = self._of_person.setdefault(connection.actor.person_id, set())
        own.add(connection.id)
        self.on_count(connection.actor.person_id, len(own))

    def remove(self, connection: Connection) -> None:
        for stream in list(connection.follows):
            self.unfollow(connection, stream)
        if self._connections.pop(connection.id, None) is not None:
            self.departed += 1
        own = self._of_person.get(connection.actor.person_id, set())
        own.discard(connection.id)
        if not own:
            self._of_person.pop(connection.actor.person_id, None)
        self.on_count(connection.actor.person_id, len(own))

    def connections_of(self, person_id: str) -> int:
        """On all nodes."""
        return len(self._of_person.get(person_id, ())) + self.elsewhere(person_id)

    @property
    def count(self) -> int:
        return len(self._connections)

    def send(self, connection: Connection, message: m.ServerFrame) -> None:
        """To one connection alone."""
        self._write(connection, encode(message))

    def recheck(self) -> set[str]:
        """Closes every connection whose person may not be here any more, or has other roles than when they came (they come
        back with what they may see now). Returns whom it concerned."""
        concerned = set()
        for connection in list(self._connections.values()):
            now = connection.ask_again()
            if now is None or now.roles != connection.actor.roles:
                concerned.add(connection.actor.person_id)
                self._close(connection, CLOSE_NOT_SIGNED_IN if now is None else CLOSE_RESTART)
        return concerned

    def close_some(self, count: int, code: int) -> None:
        """The first so many of those who are here and not about to leave."""
        here = (connection for connection in self._connections.values() if not connection.closing)
        for connection in list(itertools.islice(here, count)):
            self._close(connection, code)

    def send_away(self, connection: Connection) -> None:
        """They come back, here or to another node."""
        self._close(connection, CLOSE_RESTART)

    def close_all(self, code: int = CLOSE_RESTART) -> None:
        for connection in list(self._connections.values()):
            self._close(connection, code)

    # --- following

    def follow(self, connection: Connection, stream: Stream, since: int) -> None:
        """Sends what a follower lacks, events or a snapshot, and registers them for what comes."""
        missed = stream.missed(since)
        if missed is None:
            self._write(connection, self._snapshot(connection.actor, stream))
        else:
            for entry in missed:
                if hears(connection.actor, entry.event.audience):
                    self._write(connection, self._event_frame(entry))
            self._write(connection, encode(m.Caught(stream.name, stream.seq)))
        connection.follows.add(stream.name)
        self._followers.setdefault(stream.name, Followers(self._ring)).add(connection)
        for signal in self._signals.get(stream.name, {}).values():
            if hears(connection.actor, signal.audience):
                self._write(connection, encode(signal))

    def unfollow(self, connection: Connection, stream: str) -> None:
        connection.follows.discard(stream)
        followers = self._followers.get(stream)
        if followers is not None:
            followers.discard(connection)
            if not followers:
                del self._followers[stream]

    def _sort(self, connection: Connection) -> None:
        """A connection fell behind, or caught up."""
        for stream in connection.follows:
            self._followers[stream].sort(connection)

    # --- telling

    def deliver(self, entry: Entry) -> None:
        """A durable event, to every follower who may hear it: the same bytes for each."""
        followers = self._followers.get(entry.stream)
        if not followers:
            return
        frame, audience = self._event_frame(entry), entry.event.audience
        if audience == "everyone":
            for connection in followers.tell([frame], self._outbox_bytes):
                self._resync(connection)
        else:
            for connection in self._who_hears(followers, audience):
                self._write(connection, frame)

    def tell_people(self, stream: str, people: Iterable[str], audience: m.Audience, message: m.ServerFrame) -> None:
        """To those followers of a stream who are among `people` and may hear what is for `audience`. Whoever is behind goes
        without, like signals."""
        followers, frame = self._followers.get(stream, ()), encode(message)
        for key in [key for person_id in people for key in self._of_person.get(person_id, ())]:
            connection = self._connections[key]
            if connection in followers and not connection.closing and hears(connection.actor, audience):
                connection.outbox.offer(frame, self._outbox_bytes // 4)

    def tell_anew(self, stream: Stream) -> None:
        """The past of a stream was redacted: all who follow it get what is left of it."""
        self._snapshots.forget(stream.name)
        for connection in self._followers.get(stream.name, ()):
            self._write(connection, self._snapshot(connection.actor, stream))

    def _event_frame(self, entry: Entry) -> Frame:
        names = self._names(people_in_event(entry.event))
        return encode(m.EventFrame(entry.stream, entry.seq, entry.at, msgspec.Raw(entry.body), names))

    def _names(self, people: Iterable[str]) -> dict[str, str]:
        return {person_id: self._name_of(person_id) for person_id in people}

    def _who_hears(self, followers: Followers, audience: m.Audience) -> Iterable[Connection]:
        """Those followers who may hear what is not for everyone, without asking the whole hall."""
        named = (key for person_id in addressees(audience) for key in self._of_person.get(person_id, ()))
        own = {key: self._connections[key] for key in named}
        candidates = followers.staff | {key: connection for key, connection in own.items() if connection in followers}
        return [connection for connection in candidates.values() if hears(connection.actor, audience)]

    def signal(self, signal: m.Signal) -> None:
        """An ephemeral value for all followers of its stream; the latest wins."""
        kind = type(signal).__name__ + signal.about
        latest, changed = self._signals.setdefault(signal.stream, {}), self._changed.setdefault(signal.stream, {})
        changed[kind] = _merged(changed.get(kind), signal)
        latest[kind] = _merged(latest.get(kind), signal)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(SIGNAL_PERIOD, self._tell_signals)

    def forget_signal(self, stream: str, kind: type[m.Signal], about: str = "") -> None:
        """Newcomers no longer hear of it."""
        self._signals.get(stream, {}).pop(kind.__name__ + about, None)

    def _tell_signals(self) -> None:
        self._flush = None
        changed, self._changed = self._changed, {}
        for stream, signals in changed.items():
            if followers := self._followers.get(stream):
                everyones = [encode(signal) for signal in signals.values() if signal.audience == "everyone"]
                if everyones:
                    followers.tell(everyones, self._outbox_bytes // 4)
                self._tell_some(followers, [signal for signal in signals.values() if signal.audience != "everyone"])

    def _tell_some(self, followers: Followers, signals: Iterable[m.Signal]) -> None:
        """What is not for the hall; whoever is behind goes without."""
        for signal in signals:
            frame = encode(signal)
            for connection in self._who_hears(followers, signal.audience):
                connection.outbox.offer(frame, self._outbox_bytes // 4)

    def _snapshot(self, actor: m.Actor, stream: Stream) -> Frame:
        def encode_now() -> Frame:
            state = redact(stream.state, actor)
            return encode(m.Snapshot(stream.name, stream.seq, state, self._names(people_in_state(state))))

        return self._snapshots.get(stream.name, audience_of(actor, stream.state), stream.seq, encode_now)

    def _write(self, connection: Connection, frame: Frame) -> None:
        if not connection.closing and not connection.outbox.offer(frame, self._outbox_bytes):
            self._resync(connection)

    def _resync(self, connection: Connection) -> None:
        connection.outbox.send(encode(m.Resync("slow")))
        self._close(connection, CLOSE_RESYNC)

    def _close(self, connection: Connection, code: int) -> None:
        connection.closing = True
        connection.outbox.close(code)
        for stream in list(connection.follows):
            self.unfollow(connection, stream)


def _merged(old: m.Signal | None, new: m.Signal) -> m.Signal:
    """Tallies only tell what changed, so they add up, as do connections that were lost; all other signals replace the one
    before."""
    if isinstance(old, m.TallySignal) and isinstance(new, m.TallySignal):
        return m.TallySignal(new.stream, old.answered | new.answered, old.votes | new.votes)
    if isinstance(old, m.MediaSignal) and isinstance(new, m.MediaSignal) and old.status == "reset" and new.lost:
        return m.MediaSignal(new.stream, "reset", tuple(dict.fromkeys(old.lost + new.lost)) if old.lost else ())
    return new

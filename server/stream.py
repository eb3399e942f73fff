"""One stream as a node knows it: its state, what came last, what has been done; and what may be seen of a state. Neighbour:
`streams`, the only way to change one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from rooms import breakouts, conference
from rooms import messages as m
from rooms import room as room_rules
from server.journal import Entry

WAITING: Final = 1000  # entries of a stream that were heard and not taken in yet; past it the oldest are dropped: a gap
TAIL: Final = 512  # entries kept per stream for those who come back; older ones get a snapshot


class Stream:
    """One stream's projection, its last entries and the causes of its commands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.state = empty_state(name)
        self.tail: deque[Entry] = deque(maxlen=TAIL)
        self.causes: set[str] = set()
        self.redacted = 0  # whoever has seen no more than this has seen what is erased
        self.lock = asyncio.Lock()
        self.heard: deque[Entry | int] = deque(maxlen=WAITING)  # of other nodes: entries, or numbers that there are
        self.taking: asyncio.Task[None] | None = None

    def apply(self, entry: Entry) -> None:
        self.state = apply(self.state, entry.event)
        self.seq = entry.seq
        self.tail.append(entry)
        if entry.cause is not None:
            self.causes.add(entry.cause)

    def missed(self, since: int) -> list[Entry] | None:
        """The entries after `since`, or None where a snapshot is shorter (or the number is none of ours)."""
        if since <= self.redacted or since > self.seq or self.seq - since > len(self.tail):
            return None
        return [entry for entry in self.tail if entry.seq > since]


def session_of(name: str) -> str:
    """The session's id in the name of one of its streams."""
    return name.partition("/")[2]


def empty_state(name: str) -> m.State:
    """The state of a stream in which nothing has happened."""
    if name == m.CONFERENCE:
        return m.ConferenceState()
    return m.BreakoutsState() if name.startswith("breakouts/") else m.RoomState()


def redact(state: m.State, actor: m.Actor) -> m.State:
    """What `actor` may see of a stream's state."""
    if isinstance(state, m.ConferenceState):
        return conference.redact(state, actor)
    if isinstance(state, m.BreakoutsState):
        return breakouts.redact(state, actor)
    return room_rules.redact(state, actor)


def apply(state: m.State, event: m.Event) -> m.State:
    """The state after `event`, one of the stream's."""
    if isinstance(state, m.ConferenceState) and isinstance(event, m.ConferenceEvent):
        return conference.apply(state, event)
    if isinstance(state, m.RoomState) and isinstance(event, m.RoomEvent):
        return room_rules.apply(state, event)
    if isinstance(state, m.BreakoutsState) and isinstance(event, m.BreakoutsEvent):
        return breakouts.apply(state, event)
    raise TypeError(f"{type(event).__name__} does not belong to {type(state).__name__}")

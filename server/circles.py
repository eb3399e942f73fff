"""Circles: the media rooms of breakout rooms, and what is told of them, to those who sit there and to nobody else.

A session's own media room has the session's id; that of its breakout room the id of both with a dot between, which no
session's id has. So nothing that names a session (WHIP, WHEP, a recording) can mean a breakout room. Neighbours: `seats`,
which lets people in and hears the engine; `rooms/breakouts`, who sits where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rooms import messages as m
from rooms.access import check_breakout_listening, check_in_breakout, check_session, check_watching
from rooms.breakouts import is_running
from rooms.errors import Refused
from server.hub import Hub
from server.journal import Entry
from server.stream import session_of
from server.streams import Streams

DOT: Final = "."
CHECK: Final = "check-"  # begins the names of media rooms where somebody tries their devices, alone


def media_room(session_id: str, room_id: str) -> str:
    """The name of a breakout room's media room; of the session's own, where `room_id` is ""."""
    return f"{session_id}{DOT}{room_id}" if room_id else session_id


def of_media_room(room: str) -> tuple[str, str]:
    """The session, and the breakout room if it is one's."""
    session_id, _, room_id = room.partition(DOT)
    return session_id, room_id


def check_circle(streams: Streams, actor: m.Actor, session_id: str, room_id: str, *, sends: bool) -> None:
    """Raises `Refused` unless somebody sits in a breakout room now or, to receive only, visits it."""
    check_watching(actor, check_session(streams.conference, session_id)[1])
    check = check_in_breakout if sends else check_breakout_listening
    check(actor, streams.breakouts(session_id), room_id)


@dataclass
class _Circle:
    """What is known of a breakout room's media. `heard_at`: when somebody was last heard to speak, by the loop's clock."""

    slots: dict[str, str] = field(default_factory=dict)
    codecs: dict[str, str] = field(default_factory=dict)
    speaking: str = ""
    muted: set[str] = field(default_factory=set)
    heard_at: float | None = None


class Circles:
    """`on_change(session_id)` tells that somebody began or ceased to speak in one of its rooms; `on_mute(session_id,
    room_id, person_id, is_muted)` that somebody told this node so."""

    def __init__(self, streams: Streams, hub: Hub) -> None:
        self._streams = streams
        self._hub = hub
        self._circles: dict[tuple[str, str], _Circle] = {}
        self.on_change: Callable[[str], None] = lambda session_id: None
        self.on_mute: Callable[[str, str, str, bool], None] = lambda session_id, room_id, person_id, is_muted: None

    def slots_changed(self, session_id: str, room_id: str, slots: dict[str, str], codecs: dict[str, str]) -> None:
        if circle := self._of(session_id, room_id):
            circle.slots, circle.codecs = slots, codecs
            self._tell(session_id, room_id)

    def speaks(self, session_id: str, room_id: str, person_id: str) -> None:
        """Who speaks now, "" for nobody."""
        if circle := self._of(session_id, room_id):
            circle.speaking = person_id
            circle.heard_at = asyncio.get_running_loop().time()
            self._tell(session_id, room_id)
            self.on_change(session_id)

    def mute(self, session_id: str, room_id: str, person_id: str, *, is_muted: bool) -> None:
        """Somebody there has switched their microphone, and says so here."""
        self.set_muted(session_id, room_id, person_id, is_muted=is_muted)
        self.on_mute(session_id, room_id, person_id, is_muted)

    def all_muted(self) -> list[tuple[str, str, str]]:
        """Session, room and person, of all whose microphone is off."""
        return [(*key, person_id) for key, circle in self._circles.items() for person_id in circle.muted]

    def set_muted(self, session_id: str, room_id: str, person_id: str, *, is_muted: bool) -> None:
        """Somebody there has switched their microphone, whichever node was told so."""
        circle = self._of(session_id, room_id)
        if circle and is_muted != (person_id in circle.muted):
            circle.muted ^= {person_id}
            self._tell(session_id, room_id)

    def heard_at(self, session_id: str, room_id: str) -> float | None:
        """When somebody was last heard there, by the loop's clock: now, while somebody speaks. None: nobody was yet."""
        circle = self._circles.get((session_id, room_id))
        if circle is not None and circle.speaking:
            return asyncio.get_running_loop().time()
        return circle.heard_at if circle else None

    def clear(self) -> None:
        """The engine is away: who comes now must not look for pictures of before."""
        for key, circle in list(self._circles.items()):  # telling forgets what is closed
            circle.slots, circle.codecs, circle.speaking = {}, {}, ""
            self._tell(*key)

    def heed(self, entry: Entry) -> None:
        """Somebody may sit elsewhere: what is told of a room is for those who sit there now."""
        if isinstance(entry.event, m.BreakoutsEvent):
            session_id = session_of(entry.stream)
            for known, room_id in [key for key in self._circles if key[0] == session_id]:
                self._tell(known, room_id)

    def _of(self, session_id: str, room_id: str) -> _Circle | None:
        """None: the room is closed, and nothing is kept of it."""
        if self._room(session_id, room_id) is None:
            return None
        return self._circles.setdefault((session_id, room_id), _Circle())

    def _room(self, session_id: str, room_id: str) -> m.BreakoutRoom | None:
        try:
            check_session(self._streams.conference, session_id)
        except Refused:  # it left the programme
            return None
        state = self._streams.breakouts(session_id)
        room = state.rooms.get(room_id)
        return room if room is not None and is_running(state, room) else None

    def _tell(self, session_id: str, room_id: str) -> None:
        room, stream = self._room(session_id, room_id), m.breakouts_stream(session_id)
        if room is None:
            self._circles.pop((session_id, room_id), None)
            self._hub.forget_signal(stream, m.BreakoutMediaSignal, room_id)
            return
        circle = self._circles[session_id, room_id]
        circle.muted &= set(room.people)
        self._hub.signal(
            m.BreakoutMediaSignal(
                stream, room_id, room.people, circle.slots, circle.codecs, circle.speaking, tuple(sorted(circle.muted))
            )
        )

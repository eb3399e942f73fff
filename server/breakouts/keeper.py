"""While rounds run: rooms are closed when their time is over, late arrivals are placed where they fit, nobody stays alone,
pairs are brought together, and pages are told what only the server sees.

Everything is a command of the system's that is harmless when repeated, so every node does it, and a server that was killed
goes on where it was: the times are in the journal.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from rooms import breakouts
from rooms import messages as m
from rooms.breakouts.running import COUNTDOWN
from rooms.errors import Refused
from server.journal import Entry
from server.services import Services
from server.stream import session_of

LOOK_SECONDS: Final = 1.0  # at who came, who is alone, who waits
LEAST_SECONDS: Final = 0.1  # between two looks, whatever happens
LONELY: Final = timedelta(seconds=30)  # before somebody who is alone is taken to others; who is missing may be back by then
GATHERING_FOR_PAIRS: Final = timedelta(seconds=5)  # so that more than two can wait, and chance has something to choose from
GONE: Final = timedelta(seconds=30)  # before a visitor who is not connected is no longer shown
SILENT: Final = timedelta(seconds=60)  # somebody is in a room, and nobody was heard

_log = structlog.get_logger("breakouts")


class Keeper:
    """`run` all the time; `heed` the bus."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._composer = services.composer
        self._changed = asyncio.Event()
        self._since: dict[tuple[str, str, str], datetime] = {}  # session, what, of whom: since when it is so
        self._told: dict[str, m.RoomsLifeSignal] = {}
        self._tried: dict[str, tuple[int, frozenset[str]]] = {}  # by session: who could not be placed, at which number
        self.knows_all: Callable[[], bool] = lambda: True  # who is where, on all nodes

    def heed(self, entry: Entry) -> None:
        """Something happened; times may be others now."""
        if isinstance(entry.event, m.BreakoutsEvent):
            self._changed.set()
            self._tell_counts(entry.stream)

    async def run(self) -> None:
        """Until cancelled. What could not be done now is tried again at the next look."""
        while True:
            self._changed.clear()
            wait = LOOK_SECONDS
            for session_id, state in self._services.streams.all_breakouts().items():
                if state.phase == "running":
                    try:
                        await self._look(session_id)
                    except Refused as refusal:
                        _log.warning("breakout rooms wait", session=session_id, code=refusal.code)
                    except Exception:  # a bug, which must not keep the other sessions' rooms open
                        self._services.report_bug("breakouts", session_id)
                    else:  # what was refused is not asked for again at once: the database may be away
                        wait = min(wait, self._until_due(session_id))
                else:
                    self._forget(session_id)
            await asyncio.sleep(LEAST_SECONDS)
            await self._pause(wait - LEAST_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Until something is due; somebody may have shortened the time meanwhile."""
        try:
            async with asyncio.timeout(max(seconds, 0.01)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look(self, session_id: str) -> None:
        await self._close_due(session_id)
        await self._place_late(session_id)
        await self._gather(session_id)
        await self._match(session_id)
        await self._end_visits(session_id)
        self._tell_life(session_id)

    def _state(self, session_id: str) -> m.BreakoutsState:
        return self._services.streams.breakouts(session_id)

    async def _do(self, session_id: str, command: m.BreakoutsCommand, actor: m.Actor = m.SYSTEM) -> None:
        await self._services.streams.handle(m.breakouts_stream(session_id), actor, command)

    # --- time

    def _ends(self, session_id: str) -> list[datetime]:
        """When rooms end, and the round, unless a room lasts longer than that: then it is over with the room."""
        state = self._state(session_id)
        if state.phase != "running":
            return []
        rooms = breakouts.open_rooms(state)
        found = [end for room in rooms if (end := breakouts.end_of(state, room)) is not None]
        lasting = [
            room for room in rooms if not room.is_pair and room.ends_at and state.ends_at and room.ends_at > state.ends_at
        ]
        return found if state.ends_at is None or lasting else [*found, state.ends_at]

    def _until_due(self, session_id: str) -> float:
        """Seconds until the next room ends."""
        now = self._services.now()
        return min([(end - now).total_seconds() for end in self._ends(session_id)], default=LOOK_SECONDS)

    async def _close_due(self, session_id: str) -> None:
        if any(end <= self._services.now() for end in self._ends(session_id)):
            await self._do(session_id, m.BreakoutsCloseDue())

    # --- people

    async def _place_late(self, session_id: str) -> None:
        """Whoever is here and was never placed goes where they fit; not in the last minute."""
        state, services = self._state(session_id), self._services
        plan = state.plan
        if plan is None or not state.places_late or self._is_ending(state):
            return
        present = services.presence.people(session_id)
        late = self._composer.taking_part(session_id) - breakouts.not_to_be_placed(state)
        tried = (services.streams.seq(m.breakouts_stream(session_id)), frozenset(late))
        if not late or self._tried.get(session_id) == tried:
            return
        late -= await self._join_lonely(session_id, late)
        if not late:
            return
        rooms = [room for room in breakouts.open_rooms(self._state(session_id)) if not room.is_pair]
        drafts = [m.DraftRoom(r.title, r.topic, r.capacity, r.people, r.facilitator) for r in rooms]
        sitting = {person for room in rooms for person in room.people}  # who lost the connection has their seat still
        settled = await self._composer.settle(session_id, plan, drafts, late & present.keys() | sitting)
        for room, draft in zip(rooms, settled, strict=False):
            for person_id in set(draft.people) & late:
                await self._do(session_id, m.BreakoutSeat(person_id, room.id))
        self._tried[session_id] = (services.streams.seq(m.breakouts_stream(session_id)), frozenset(late))

    async def _join_lonely(self, session_id: str, late: set[str]) -> set[str]:
        """One of them to each who is alone in a room; returns those who went."""
        went, waiting = set(), sorted(late)
        for room in breakouts.open_rooms(self._state(session_id)):
            if len(room.people) != 1 or room.is_open or room.is_pair:
                continue
            state = self._state(session_id)
            fitting = (one for one in waiting if not breakouts.is_kept_apart(state, one, room.people))
            if person_id := next(fitting, ""):
                await self._do(session_id, m.BreakoutSeat(person_id, room.id))
                waiting.remove(person_id)
                went.add(person_id)
        return went

    async def _gather(self, session_id: str) -> None:
        if self._lasting(session_id, "alone", self._lonely(session_id), LONELY):
            await self._do(session_id, m.BreakoutsGather(tuple(self._services.presence.people(session_id))))

    def _lonely(self, session_id: str) -> list[str]:
        """The rooms where one person is left. None as long as there may be people whom this node does not know of."""
        present = self._services.presence.people(session_id)
        return [
            room.id
            for room in breakouts.open_rooms(self._state(session_id))
            if self.knows_all()
            and not room.is_open
            and not room.is_pair
            and sum(person in present for person in room.people) == 1
        ]

    async def _match(self, session_id: str) -> None:
        """Chance decides, but those who have talked already go to each other only if there is nobody else."""
        state = self._state(session_id)
        present = self._services.presence.people(session_id)
        waiting = [person for person in state.waiting if person in present]
        lasting = self._lasting(session_id, "waiting", waiting, GATHERING_FOR_PAIRS)  # also forgets who waits no longer
        if len(waiting) < 2 or not lasting:
            return
        random.shuffle(waiting)
        known = {frozenset(room.people) for room in state.rooms.values() if room.is_pair} | set(map(frozenset, state.met))
        pairs = _pairs(waiting, known, lambda one, other: breakouts.is_kept_apart(state, one, (other,)))
        await self._do(session_id, m.BreakoutsMatch(tuple(pairs)))

    async def _end_visits(self, session_id: str) -> None:
        """Of moderators who are not connected any more; and their word to all."""
        if not self.knows_all():
            return
        present = self._services.presence.people(session_id)
        speaking = self._state(session_id).speaking
        if self._lasting(session_id, "speaks", [speaking] if speaking and speaking not in present else [], GONE):
            await self._do(session_id, m.BreakoutsSpeak(False))
        visitors = {person for room in breakouts.open_rooms(self._state(session_id)) for person in room.visitors}
        for person_id in self._lasting(session_id, "gone", sorted(visitors - present.keys()), GONE):
            await self._do(session_id, m.BreakoutVisit(""), m.Actor(person_id, is_system=True))

    def _is_ending(self, state: m.BreakoutsState) -> bool:
        return state.ends_at is not None and state.ends_at - self._services.now() <= COUNTDOWN

    def _lasting(self, session_id: str, what: str, of_whom: list[str], long: timedelta) -> list[str]:
        """Those of whom something has been so for long."""
        now = self._services.now()
        for key in [key for key in self._since if key[:2] == (session_id, what) and key[2] not in of_whom]:
            del self._since[key]
        return [one for one in of_whom if now - self._since.setdefault((session_id, what, one), now) >= long]

    def _forget(self, session_id: str) -> None:
        if self._told.pop(session_id, None) is not None:
            for kind in (m.RoomsLifeSignal, m.RoomsSignal):
                self._services.hub.forget_signal(m.breakouts_stream(session_id), kind)
        for key in [key for key in self._since if key[0] == session_id]:
            del self._since[key]

    # --- telling

    def _tell_life(self, session_id: str) -> None:
        state = self._state(session_id)
        present = self._services.presence.people(session_id)
        rooms = breakouts.open_rooms(state)
        away = tuple(person for room in rooms for person in room.people if person not in present)
        used = self._lasting(session_id, "used", [room.id for room in rooms if room.people], SILENT)
        silent = tuple(room_id for room_id in used if self._is_silent(session_id, room_id))
        news = m.RoomsLifeSignal(m.breakouts_stream(session_id), away, silent)
        if session_id not in self._told:  # after a restart nothing need happen before somebody asks
            self._tell_counts(m.breakouts_stream(session_id))
        if news != self._told.get(session_id):
            self._told[session_id] = news
            self._services.hub.signal(news)

    def _is_silent(self, session_id: str, room_id: str) -> bool:
        heard_at = self._services.seats.circles.heard_at(session_id, room_id)
        return heard_at is None or asyncio.get_running_loop().time() - heard_at >= SILENT.total_seconds()

    def _tell_counts(self, stream: str) -> None:
        """How many are in the rooms that anybody may come into: to everybody, so at most a few times a second."""
        state = self._state(session_of(stream))
        counts = {room.id: len(room.people) for room in breakouts.open_rooms(state) if room.is_open}
        if counts:
            self._services.hub.signal(m.RoomsSignal(stream, counts))


def _pairs(waiting: list[str], known: set[frozenset[str]], apart: Callable[[str, str], bool]) -> list[tuple[str, str]]:
    """Neighbours in the order there is, those who do not know each other first; nobody who is kept `apart`."""
    left, found = list(waiting), []
    for fresh in (True, False):
        for one in list(left):
            if one in left:
                others = (o for o in left if o != one and not (fresh and frozenset((one, o)) in known))
                other = next((o for o in others if not apart(one, o)), None)
                if other is not None:
                    found.append((one, other))
                    left = [person for person in left if person not in (one, other)]
    return found

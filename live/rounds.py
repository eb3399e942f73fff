"""The worker's rounds: rooms every 100 ms, and one after the other all peers, so that packets go out in between. Neighbour:
`forwarder`, whose rooms and peers they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from live.limits import Limits
from live.peer import Peer
from live.reading import until_next
from live.room import Room
from live.switchboard import Reports

TICK: Final = 0.1  # seconds
TICKS_PER_REPORT: Final = 10
SHARES: Final = 10  # of the peers that are looked after one after the other in a tick
FEW: Final = 50  # peers that are looked after in one go: a wake-up costs more than what is done in it


class Rounds:
    """`on_tick` is called every 100 ms; `end(peer, reason)` for those who are gone."""

    def __init__(
        self, rooms: Mapping[str, Room], limits: Limits, on_tick: Callable[[], None], end: Callable[[Peer, str], None]
    ) -> None:
        self._rooms, self._limits, self._on_tick, self._end = rooms, limits, on_tick, end
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._shares = 1  # of the running tick
        self._turns: list[tuple[Room, list[list[Peer]]]] = []  # in it

    def start(self) -> None:
        self._wait(TICK / SHARES)

    def _wait(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(until_next(interval, loop.time()), self._tick)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        """Rooms every 100 ms; a tenth of the peers every 10 ms, or all at once where they are few."""
        tick, share = divmod(self._ticks, SHARES)
        now = time.monotonic()
        if share == 0:
            few = sum(len(room.peers) for room in self._rooms.values()) <= FEW
            self._shares = 1 if few else SHARES
            self._turns = [self._turns_in(room) for room in self._rooms.values()]
        self._ticks += SHARES // self._shares
        self._wait(TICK / self._shares)
        failure = self._tick_rooms(tick, now) if share == 0 else None
        for room, turns in self._turns:
            reports = room.board.reports(now)
            for peer in turns[share]:
                try:
                    self._look_at(peer, tick, reports, now)
                except Exception as error:  # a bug: the others are looked after all the same
                    failure = error
        if failure is not None:
            raise failure

    def _tick_rooms(self, tick: int, now: float) -> Exception | None:
        """A bug in one room costs the others nothing either. Returns it."""
        rooms = [partial(_tick_room, room, tick % TICKS_PER_REPORT, now) for room in self._rooms.values()]
        works: list[Callable[[], None]] = [self._on_tick, *rooms]
        failure: Exception | None = None
        for work in works:
            try:
                work()
            except Exception as error:
                failure = error
        return failure

    def _turns_in(self, room: Room) -> tuple[Room, list[list[Peer]]]:
        """Whose turn it is when in the tick that begins. Who comes meanwhile waits for the next."""
        turns: list[list[Peer]] = [[] for _ in range(self._shares)]
        for peer in room.peers.values():
            turns[peer.phase % self._shares].append(peer)
        return room, turns

    def _look_at(self, peer: Peer, tick: int, reports: Reports, now: float) -> None:
        if peer.is_closed:
            return
        peer.tick(now)
        if peer.phase // SHARES % TICKS_PER_REPORT == tick % TICKS_PER_REPORT:
            self._look_after(peer, reports, now)

    def _look_after(self, peer: Peer, reports: Reports, now: float) -> None:
        """Once a second: a report to a peer, or its end if it is gone."""
        if not peer.is_up:
            if now - peer.admitted_at > self._limits.setup:
                self._end(peer, "never_came")
        elif now - peer.seen_at > self._limits.idle:
            self._end(peer, "silent")
        else:
            peer.report(reports, now)


def _tick_room(room: Room, phase: int, now: float) -> None:
    room.board.tick(now)
    if phase == room.phase and room.taps:
        reports = room.board.reports(now)
        for tap in room.taps.values():
            tap.report(reports)

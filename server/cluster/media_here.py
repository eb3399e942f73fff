"""The rooms whose media is on this node, carried by its own engine, which knows of no other node: peers' ids are made
everybody's here, and what happens is told to all. Neighbours: `media_keeper` (which rooms these are), `media_shard` (what
has been told), `media_engine` (who asks).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from msgspec import structs

from live.control import (
    ActiveSpeaker,
    Admission,
    EngineDown,
    EngineUp,
    IceParameters,
    MediaEngine,
    MediaRefused,
    Notification,
    PeerDown,
    PeersLost,
    PeerUp,
    SlotsChanged,
    TapFormat,
    ufrag_of,
)
from server.cluster import media_wire as wire
from server.cluster.media_calls import Moved
from server.cluster.media_keeper import Keeper, NotNow
from server.cluster.media_shard import Shard

ROOM_PEERS: Final = 4  # that a room counts for at least: it was opened for somebody who is still on their way
LINGER_SECONDS: Final = 10.0  # that an empty room is kept

_log = structlog.get_logger("media nodes")


class Here:
    """`tell_on(shard, notifications)`: to this node's pages; `tell(notices)`: to all nodes."""

    def __init__(
        self,
        local: MediaEngine,
        keeper: Keeper,
        clock: Callable[[], float],
        tell_on: Callable[[Shard, list[Notification]], None],
        tell: Callable[[wire.Notices], None],
    ) -> None:
        self.shard = Shard(keeper.lease.id)
        self.has_been_up = False
        self._local, self._keeper, self._clock = local, keeper, clock
        self._tell_on, self._tell_all = tell_on, tell
        self._ids: dict[str, str] = {}  # peers: our own engine's id, everybody's id
        self._taps: dict[str, set[str]] = {}  # by room
        self._arriving: Counter[str] = Counter()  # by room
        self._empty_since: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # of rooms that end
        keeper.on_lost = self._rooms_lost

    @property
    def lease(self) -> str:
        return self._keeper.lease.id

    # --- what is asked of this node

    async def hold(self, room: str) -> int:
        """The epoch under which a room is held here. Raises `Moved` if it is not, `MediaRefused` if nobody knows."""
        try:
            home = await self._keeper.home(room)
        except NotNow:
            raise MediaRefused("media_unavailable", "no node can be found for the room now") from None
        if home.lease != self.lease or not self._keeper.serves(room):
            raise Moved
        told = self.shard.rooms.get(room)
        if told is None or told.epoch != home.epoch:
            self._tell(wire.RoomTold(room, home.epoch))
        return home.epoch

    async def admit(self, call: wire.Admit) -> Admission:
        room = call.room
        prefix = wire.hold_prefix(self.lease, await self.hold(room))
        self._arriving[room] += 1
        try:
            admission = await self._local.admit(
                room,
                call.label,
                call.offer,
                call.uses,
                may_send=call.may_send,
                may_receive=call.may_receive,
                kind=call.kind,
            )
        finally:
            self._arriving -= Counter([room])
        if not self._keeper.serves(room) or prefix != wire.hold_prefix(self.lease, self._epoch(room)):
            await self._local.remove(room, admission.peer_id)
            raise Moved
        peer_id = self._ids[admission.peer_id] = prefix + admission.peer_id
        ufrag, is_software = ufrag_of(admission.answer), call.uses is None
        self._tell(wire.Seated(room, peer_id, call.label, call.may_send, is_software, ufrag))
        return structs.replace(admission, peer_id=peer_id)

    async def restart(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        if peer_id not in self.shard.seats:
            raise MediaRefused("not_found", "no such peer")
        parameters = await self._local.restart_ice(room, wire.own_id(peer_id), ufrag)
        if seat := self.shard.seats.get(peer_id):
            self._tell(structs.replace(seat, ufrag=parameters.ufrag))
        return parameters

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...]
    ) -> TapFormat:
        """Raises `Moved` if the room is another's."""
        await self.hold(room)
        tapped = await self._local.tap(room, tap_id, host, video_port, audio_port, codecs)
        self._taps.setdefault(room, set()).add(tap_id)
        self._tell_room(room, is_tapped=True)
        return tapped

    async def untap(self, room: str, tap_id: str) -> None:
        taps = self._taps.get(room, set())
        taps.discard(tap_id)
        if not taps:
            self._taps.pop(room, None)
            self._tell_room(room, is_tapped=False)
        await self._local.untap(room, tap_id)

    # --- what happens here

    async def listen(self) -> None:
        async for notification in self._local.notifications():
            self._heed(notification)

    def _heed(self, notification: Notification) -> None:
        match notification:
            case EngineUp():
                self._engine_up(notification)
            case EngineDown():
                self._lose({own.partition("-")[0] + "-" for own in self._ids}, tuple(self._taps))
            case PeersLost(prefix, tapped):
                self._lose({prefix}, tapped)
            case PeerUp(room, own, label) if own in self._ids:
                self._tell_on(self.shard, [PeerUp(room, self._ids[own], label)])
            case PeerDown(peer_id=own, reason=reason) if own in self._ids:
                self._tell(wire.Gone(self._ids.pop(own), reason))
            case SlotsChanged(room, slots, codecs):
                self._tell_room(room, slots=slots, codecs=codecs)
            case ActiveSpeaker(room, label):
                self._tell_room(room, speaker=label)

    def _engine_up(self, up: EngineUp) -> None:
        if not self.has_been_up:
            self.has_been_up = True
            self._tell_on(self.shard, [up])
        elif self._taps:  # whoever was here has been told when it went down
            self._tell_on(self.shard, [PeersLost(self._nobody, tuple(self._taps))])

    def _lose(self, prefixes: set[str], tapped: tuple[str, ...]) -> None:
        """A part of this node's engine died, with the peers whose own ids begin so."""
        lost = {own: known for own, known in self._ids.items() if own.startswith(tuple(prefixes))}
        for own in lost:
            del self._ids[own]
        found = {known.partition("~")[0] + "~" + own.partition("-")[0] + "-" for own, known in lost.items()}
        if tapped and not found:
            found = {self._nobody}
        for prefix in sorted(found):
            self._tell(wire.Lost(prefix, tapped))

    @property
    def _nobody(self) -> str:
        """How no peer's id begins."""
        return wire.hold_prefix(self.lease, 0)

    def _tell_room(self, room: str, **changes: Any) -> None:
        epoch = self._epoch(room)
        if not epoch:
            return  # of another's by now, or nobody's
        told = self.shard.rooms.get(room)
        new = structs.replace(told or wire.RoomTold(room, epoch), epoch=epoch, **changes)
        if new != told:
            self._tell(new)

    def _epoch(self, room: str) -> int:
        return self._keeper.lease.holds.get(room, 0)

    def _tell(self, notice: wire.Notice) -> None:
        """To those who follow here, and to all nodes."""
        told = wire.Notices(self.shard.lease, self.shard.number + 1, (notice,))
        self._tell_on(self.shard, self.shard.hear(told) or [])
        self._tell_all(told)

    # --- rooms that end

    async def release(self, *rooms: str) -> None:
        """They may go to others. Nobody is thrown out."""
        holds = {room: epoch for room in rooms if (epoch := self._epoch(room))}
        await self._keeper.release(*holds)
        for room, epoch in holds.items():
            self._empty_since.pop(room, None)
            self._tell(wire.RoomLeft(room, epoch))

    async def release_all(self) -> None:
        await self.release(*self._keeper.lease.holds)

    def release_empty(self) -> None:
        """Those that nobody has been in for a while."""
        used = {seat.room for seat in self.shard.seats.values()} | set(self._taps) | set(self._arriving)
        now, empty = self._clock(), [room for room in self._keeper.lease.holds if room not in used]
        self._empty_since = {room: self._empty_since.get(room, now) for room in empty}
        over = [room for room, since in self._empty_since.items() if now - since > LINGER_SECONDS]
        if over:
            self._spawn(self.release(*over))

    def peers(self) -> int:
        """For which the rooms here count."""
        here = Counter(seat.room for seat in self.shard.seats.values())
        return sum(max(ROOM_PEERS, here[room]) for room in self._keeper.lease.holds)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _rooms_lost(self, lease: str, holds: dict[str, int]) -> None:
        """They are another's, or will be."""
        if holds:
            _log.info("rooms are here no longer", rooms=len(holds))
        if lease == self.lease:
            for room, epoch in holds.items():
                self._tell(wire.RoomLeft(room, epoch))
        else:  # the other nodes see that the lease is over
            self._tell_on(self.shard, self.shard.end())
            self.shard = Shard(self.lease)
        for room, epoch in holds.items():
            self._spawn(self._empty(room, wire.hold_prefix(lease, epoch)))

    async def _empty(self, room: str, prefix: str) -> None:
        """Ends everybody who was admitted under a hold that is over."""
        gone = [own for own, known in self._ids.items() if known.startswith(prefix)]
        for own in gone:
            del self._ids[own]
        for own in gone:
            try:
                await self._local.remove(room, own)
            except MediaRefused:
                return  # the engine is down, and they with it

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

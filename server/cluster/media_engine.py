"""`ClusterEngine`: the media engine of one node of several. A room's media is whole on one of them, its home; every node
finds it, and admits people to it for whom another node's engine answers. Neighbours: `media_keeper` (which rooms are here),
`media_here` (what becomes of them), `media_others` (what other nodes have), `media_calls` (how these are asked).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import NoneType
from typing import Any, Final, TypeVar

import msgspec
import structlog

from live.control import (
    RECORDABLE,
    ActiveSpeaker,
    Admission,
    IceParameters,
    MediaEngine,
    MediaRefused,
    Notification,
    RoomKind,
    RoomReport,
    SlotsChanged,
    TapFormat,
    Use,
    WorkerStatistics,
)
from server.background import keep_going
from server.cluster import media_wire as wire
from server.cluster.media_calls import ANSWER_SECONDS, Calls, Moved
from server.cluster.media_here import ROOM_PEERS, Here
from server.cluster.media_keeper import LEASE_SECONDS, Keeper, NotNow
from server.cluster.media_others import Others
from server.cluster.media_register import MediaRegister, Renewal
from server.cluster.media_shard import Shard
from server.cluster.redis import RedisLink

MAX_NOTIFICATIONS: Final = 4096  # when full the oldest is dropped: the newest state is what counts
FULL, DRAINING = 1e3, 1e6  # added to a load: taken only where there is nothing else
RECORD_SECONDS: Final = 40.0  # until a recorder runs, or has finished

_log = structlog.get_logger("media nodes")
T = TypeVar("T")


class ClusterEngine:
    """A `MediaEngine`. `node`: this process' id; `name`: what people call it. `capacity`: peers that it can carry, for
    choosing; `seats`: after which it takes no more, 0: any number. `on_record`, `on_finish_record`: where recordings are
    made (`media_recorder`). `begin()` once the link runs."""

    def __init__(
        self,
        local: MediaEngine,
        link: RedisLink,
        node: str,
        *,
        name: str = "",
        capacity: int = 1000,
        seats: int = 0,
        seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name or node
        self.is_cut_off: Callable[[], bool] = lambda: False  # Redis is there, for the others alone
        self.on_record: Callable[[wire.Record], Awaitable[None]] = _cannot_record
        self.on_finish_record: Callable[[str], Awaitable[bool]] = _has_no_record
        self._local = local
        self._capacity, self._seats = seats or capacity, seats
        register = MediaRegister(link.client, link.key("media"), seconds)
        weight = ROOM_PEERS / self._capacity
        self._keeper = Keeper(register, node, clock, seconds=seconds, load=self._load, about=self._about, weight=weight)
        self._keeper.on_renewed = self._renewed
        self._calls = Calls(link, node, self._answer, lambda told: self._others.hear(told))
        self._here = Here(local, self._keeper, clock, self._tell_on, self._calls.tell)
        self._others = Others(node, self._calls, self._tell_on)
        self._is_draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._notifications: asyncio.Queue[Notification] = asyncio.Queue(MAX_NOTIFICATIONS)

    # --- life

    def begin(self) -> None:
        """Takes part from now on."""
        self._tasks = [asyncio.create_task(keep_going(work)) for work in (self._here.listen, self._keeper.run)]

    async def drain(self) -> None:
        """Hands all rooms to other nodes, if there are any: whoever is here offers again, and goes on here until then."""
        self._is_draining = True
        await self._keeper.renew()
        if self._others.can_take_over:
            await self._here.release_all()

    async def give_up(self) -> None:
        """Its rooms are others' from now on, and whoever is here offers again."""
        await self._keeper.leave()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keeper.leave()
        for part in (self._here, self._others, self._calls):
            await part.stop()

    # --- MediaEngine

    async def admit(
        self,
        room: str,
        label: str,
        offer: str,
        uses: dict[str, Use] | None,
        *,
        may_send: bool,
        may_receive: bool,
        kind: RoomKind = "stage",
    ) -> Admission:
        return await self._at_home(room, wire.Admit(room, label, offer, uses, may_send, may_receive, kind), Admission)

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        try:
            return await self._at_peer(peer_id, wire.RestartIce(room, peer_id, ufrag), IceParameters)
        except Moved:
            raise MediaRefused("not_found", "no such peer") from None

    async def remove(self, room: str, peer_id: str) -> None:
        await _if_there(self._at_peer(peer_id, wire.Remove(room, peer_id), NoneType))

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        await _if_there(self._at_known_home(room, wire.RemoveLabel(room, label, senders_only), NoneType))

    async def remove_receivers(self, room: str) -> None:
        await _if_there(self._at_known_home(room, wire.RemoveReceivers(room), NoneType))

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        """Of a room whose home is here; refused for others: plain RTP does not leave the machine."""
        try:
            return await self._here.tap(room, tap_id, host, video_port, audio_port, codecs)
        except Moved:
            raise MediaRefused("media_unavailable", "the room is on another node") from None

    async def untap(self, room: str, tap_id: str) -> None:
        await self._here.untap(room, tap_id)

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        await _if_there(self._at_peer(peer_id, wire.View(room, peer_id, heights), NoneType))

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        """Of this node's workers."""
        return await self._local.statistics()

    async def room(self, room: str) -> RoomReport:
        try:
            return await self._at_known_home(room, wire.LookAt(room), RoomReport)
        except Moved:
            return RoomReport("", ())

    async def notifications(self) -> AsyncIterator[Notification]:
        """What happens on all nodes, in the order of each; one reader. The engine's own coming and going is `PeersLost`."""
        while True:
            yield await self._notifications.get()

    # --- recordings

    def is_here(self, room: str) -> bool:
        return self._keeper.serves(room)

    async def record(self, session_id: str, room: str, recording_id: str) -> None:
        """Has a recording made where the room is, on shared storage. Raises `MediaRefused`."""
        call = wire.Record(session_id, room, recording_id)
        await self._at_home(room, call, NoneType, seconds=RECORD_SECONDS)

    async def finish_record(self, recording_id: str) -> None:
        """Ends a recording on whichever node makes it. Nodes that do not answer end theirs by themselves."""
        call = wire.FinishRecord(recording_id)
        asked = [self._calls.ask(lease, call, bool, seconds=RECORD_SECONDS) for lease in self._others.shards]
        await asyncio.gather(self.on_finish_record(recording_id), *asked, return_exceptions=True)

    # --- whom to ask

    async def _at_home(self, room: str, call: wire.Call, kind: type[T], *, seconds: float = ANSWER_SECONDS) -> T:
        """Asks the node that has a room, which is given to one if none has it. Raises `MediaRefused`."""
        for is_first in (True, False, False):
            lease = (is_first and self._known_home(room)) or await self._find(room)
            try:
                return await self._ask(lease, call, kind, seconds)
            except Moved:
                _log.info("the room was not where it was looked for")
        raise MediaRefused("media_unavailable", "the room is moving")

    async def _at_known_home(self, room: str, call: wire.Call, kind: type[T]) -> T:
        """Raises `MediaRefused`, or `Moved` where nobody is known to have the room."""
        lease = self._known_home(room)
        if not lease:
            raise Moved
        return await self._ask(lease, call, kind)

    async def _at_peer(self, peer_id: str, call: wire.Call, kind: type[T]) -> T:
        lease = wire.lease_of(peer_id)
        if lease != self._here.lease and lease not in self._others.shards:
            raise Moved
        return await self._ask(lease, call, kind)

    async def _ask(self, lease: str, call: wire.Call, kind: type[T], seconds: float = ANSWER_SECONDS) -> T:
        if lease == self._here.lease:
            done: T = await self._do(call)
            return done
        return await self._calls.ask(lease, call, kind, seconds=seconds)

    def _known_home(self, room: str) -> str:
        """The lease that a room is held under, as far as that has been told; "": not known."""
        return self._here.lease if self._keeper.serves(room) else self._others.holder(room)

    async def _find(self, room: str) -> str:
        try:
            return (await self._keeper.home(room)).lease
        except NotNow:
            raise MediaRefused("media_unavailable", "no node can be found for the room now") from None

    # --- what is asked of this node

    async def _answer(self, lease: str, call: wire.Call) -> Any:
        if lease != self._here.lease:
            raise Moved
        return await self._do(call)

    async def _do(self, call: wire.Call) -> Any:
        match call:
            case wire.Admit():
                return await self._here.admit(call)
            case wire.RestartIce(room, peer_id, ufrag):
                return await self._here.restart(room, peer_id, ufrag)
            case wire.Remove(room, peer_id):
                await self._local.remove(room, wire.own_id(peer_id))
            case wire.RemoveLabel(room, label, senders_only):
                await self._local.remove_label(room, label, senders_only=senders_only)
            case wire.RemoveReceivers(room):
                await self._local.remove_receivers(room)
            case wire.View(room, peer_id, heights):
                await self._local.view(room, wire.own_id(peer_id), heights)
            case wire.LookAt(room):
                return RoomReport(self.name, (await self._local.room(room)).parts)
            case wire.Record(room=room):
                await self._here.hold(room)
                await self.on_record(call)
            case wire.FinishRecord(recording_id):
                return await self.on_finish_record(recording_id)
            case wire.Tell():
                return self._here.shard.whole()

    # --- what the nodes know of one another

    def _load(self) -> float:
        is_full = bool(self._seats) and len(self._here.shard.seats) >= self._seats
        is_ending = self._is_draining or self.is_cut_off() or not self._here.has_been_up
        return self._here.peers() / self._capacity + FULL * is_full + DRAINING * is_ending

    def _about(self) -> bytes:
        return msgspec.msgpack.encode(wire.About(self.name, self._here.shard.number, self._is_draining))

    def _renewed(self, renewal: Renewal) -> None:
        self._others.look(renewal)
        self._here.release_empty()

    def _tell_on(self, shard: Shard, found: list[Notification]) -> None:
        """What a node told, but for a room's slots and speaker where a later holder has it."""
        for notification in found:
            match notification:
                case SlotsChanged(room=room) | ActiveSpeaker(room=room) if not self._is_newest(shard, room):
                    pass
                case _:
                    self._notify(notification)

    def _is_newest(self, shard: Shard, room: str) -> bool:
        epoch = shard.rooms[room].epoch if room in shard.rooms else 0
        all_shards = (self._here.shard, *self._others.shards.values())
        return all(room not in other.rooms or other.rooms[room].epoch <= epoch for other in all_shards if other is not shard)

    def _notify(self, notification: Notification) -> None:
        if self._notifications.full():
            self._notifications.get_nowait()
        self._notifications.put_nowait(notification)


async def _if_there(work: Awaitable[None]) -> None:
    with contextlib.suppress(Moved):  # gone, and everybody with it
        await work


async def _cannot_record(call: wire.Record) -> None:
    raise MediaRefused("media_unavailable", "this node makes no recordings")


async def _has_no_record(recording_id: str) -> bool:
    return False

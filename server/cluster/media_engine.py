"""`ClusterEngine`: the media engine of one node of several. A room's media is whole on one of them, its home; every node
finds it, and admits people to it for whom another node's engine answers. Neighbours: `media_keeper` (which rooms are here),
`media_calls` (the other nodes), `media_shard` (what they have told), `live/engine.py` (this node's own).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import NoneType
from typing import Any, Final, TypeVar

import msgspec
import structlog
from msgspec import structs

from live.control import (
    RECORDABLE,
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
    RoomReport,
    SlotsChanged,
    TapFormat,
    Use,
    WorkerStatistics,
    ufrag_of,
)
from server.cluster import media_wire as wire
from server.cluster.media_calls import ANSWER_SECONDS, Calls, Moved
from server.cluster.media_keeper import LEASE_SECONDS, Keeper, NotNow
from server.cluster.media_register import MediaRegister, Renewal
from server.cluster.media_shard import Shard
from server.cluster.redis import RedisLink

MAX_NOTIFICATIONS: Final = 4096  # when full the oldest is dropped: the newest state is what counts
ROOM_PEERS: Final = 4  # that a room counts for at least: it was opened for somebody who is still on their way
LINGER_SECONDS: Final = 10.0  # that an empty room is kept
FULL, DRAINING = 1e3, 1e6  # added to a load: taken only where there is nothing else
RECORD_SECONDS: Final = 40.0  # until a recorder runs

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
        self.on_record: Callable[[wire.Record], Awaitable[None]] = _cannot_record
        self.on_finish_record: Callable[[str], Awaitable[bool]] = _has_no_record
        self._local, self._clock, self._node = local, clock, node
        self._capacity, self._seats = seats or capacity, seats
        self._keeper = Keeper(
            MediaRegister(link.client, link.key("media"), seconds),
            node,
            clock,
            seconds=seconds,
            load=self._load,
            about=self._about,
            weight=ROOM_PEERS / self._capacity,
        )
        self._keeper.on_lost = self._rooms_lost
        self._keeper.on_renewed = self._heed_renewal
        self._calls = Calls(link, node, self._answer, self._hear)
        self._own = Shard(self._keeper.lease.id)
        self._others: dict[str, Shard] = {}  # by lease
        self._listed: dict[str, wire.About] = {}  # other leases, as Redis last had them
        self._ids: dict[str, str] = {}  # peers here: our own engine's id, everybody's id
        self._taps: dict[str, set[str]] = {}  # by room
        self._arriving: Counter[str] = Counter()  # by room
        self._empty_since: dict[str, float] = {}
        self._is_draining = self._has_been_up = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: set[str] = set()  # leases that are asked for everything
        self._buried: deque[str] = deque(maxlen=100)  # leases whose last words may still come
        self._notifications: asyncio.Queue[Notification] = asyncio.Queue(MAX_NOTIFICATIONS)

    # --- life

    def begin(self) -> None:
        """Takes part from now on."""
        self._spawn(_keep_going(self._keeper.run))
        self._spawn(_keep_going(self._listen))

    async def drain(self) -> None:
        """Hands all rooms to other nodes, if there are any: whoever is here offers again, and goes on here until then."""
        self._is_draining = True
        await self._keeper.renew()
        if all(about.is_draining for about in self._listed.values()):
            return
        await self._release(*self._keeper.lease.holds)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keeper.leave()
        await self._calls.stop()

    # --- MediaEngine

    async def admit(
        self, room: str, label: str, offer: str, uses: dict[str, Use] | None, *, may_send: bool, may_receive: bool
    ) -> Admission:
        return await self._at_home(room, wire.Admit(room, label, offer, uses, may_send, may_receive), Admission)

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        try:
            return await self._at_peer(peer_id, wire.RestartIce(room, peer_id, ufrag), IceParameters)
        except Moved:
            raise MediaRefused("not_found", "no such peer") from None

    async def remove(self, room: str, peer_id: str) -> None:
        await self._if_there(self._at_peer(peer_id, wire.Remove(room, peer_id), NoneType))

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        await self._if_there(self._at_known_home(room, wire.RemoveLabel(room, label, senders_only), NoneType))

    async def remove_receivers(self, room: str) -> None:
        await self._if_there(self._at_known_home(room, wire.RemoveReceivers(room), NoneType))

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        """Of a room whose home is here; refused for others: plain RTP does not leave the machine."""
        try:
            await self._hold(room)
        except Moved:
            raise MediaRefused("media_unavailable", "the room is on another node") from None
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

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        await self._if_there(self._at_peer(peer_id, wire.View(room, peer_id, heights), NoneType))

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
        asked = [self._calls.ask(lease, call, bool, seconds=RECORD_SECONDS) for lease in self._others]
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
        if lease != self._keeper.lease.id and lease not in self._others:
            raise Moved
        return await self._ask(lease, call, kind)

    async def _ask(self, lease: str, call: wire.Call, kind: type[T], seconds: float = ANSWER_SECONDS) -> T:
        if lease == self._keeper.lease.id:
            done: T = await self._do(call)
            return done
        return await self._calls.ask(lease, call, kind, seconds=seconds)

    @staticmethod
    async def _if_there(work: Awaitable[None]) -> None:
        with contextlib.suppress(Moved):  # gone, and everybody with it
            await work

    def _known_home(self, room: str) -> str:
        """The lease that a room is held under, as far as that has been told; "": not known."""
        if self._keeper.serves(room):
            return self._keeper.lease.id
        holders = [(shard.rooms[room].epoch, lease) for lease, shard in self._others.items() if room in shard.rooms]
        return max(holders)[1] if holders else ""

    async def _find(self, room: str) -> str:
        try:
            return (await self._keeper.home(room)).lease
        except NotNow:
            raise MediaRefused("media_unavailable", "no node can be found for the room now") from None

    # --- what is asked of this node

    async def _answer(self, lease: str, call: wire.Call) -> Any:
        if lease != self._keeper.lease.id:
            raise Moved
        return await self._do(call)

    async def _do(self, call: wire.Call) -> Any:
        match call:
            case wire.Admit():
                return await self._admit(call)
            case wire.RestartIce(room, peer_id, ufrag):
                return await self._restart(room, peer_id, ufrag)
            case wire.Remove(room, peer_id):
                await self._local.remove(room, _local(peer_id))
            case wire.RemoveLabel(room, label, senders_only):
                await self._local.remove_label(room, label, senders_only=senders_only)
            case wire.RemoveReceivers(room):
                await self._local.remove_receivers(room)
            case wire.View(room, peer_id, heights):
                await self._local.view(room, _local(peer_id), heights)
            case wire.LookAt(room):
                return RoomReport(self.name, (await self._local.room(room)).parts)
            case wire.Record(room=room):
                await self._hold(room)
                await self.on_record(call)
            case wire.FinishRecord(recording_id):
                return await self.on_finish_record(recording_id)
            case wire.Tell():
                return self._own.whole()

    async def _hold(self, room: str) -> int:
        """The epoch under which a room is held here. Raises `Moved` if it is not, `MediaRefused` if nobody knows."""
        if not self._keeper.serves(room) and await self._find(room) != self._keeper.lease.id:
            raise Moved
        if not self._keeper.serves(room):
            raise Moved
        epoch = self._keeper.lease.holds[room]
        told = self._own.rooms.get(room)
        if told is None or told.epoch != epoch:
            self._tell(wire.RoomTold(room, epoch))
        return epoch

    async def _admit(self, call: wire.Admit) -> Admission:
        epoch = await self._hold(call.room)
        prefix = wire.hold_prefix(self._keeper.lease.id, epoch)
        self._arriving[call.room] += 1
        try:
            admission = await self._local.admit(
                call.room, call.label, call.offer, call.uses, may_send=call.may_send, may_receive=call.may_receive
            )
        finally:
            self._arriving -= Counter([call.room])
        if not self._keeper.serves(call.room) or prefix != wire.hold_prefix(self._keeper.lease.id, self._epoch(call.room)):
            await self._local.remove(call.room, admission.peer_id)
            raise Moved
        peer_id = self._ids[admission.peer_id] = prefix + admission.peer_id
        ufrag, is_software = ufrag_of(admission.answer), call.uses is None
        self._tell(wire.Seated(call.room, peer_id, call.label, call.may_send, is_software, ufrag))
        return structs.replace(admission, peer_id=peer_id)

    async def _restart(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        if peer_id not in self._own.seats:
            raise MediaRefused("not_found", "no such peer")
        parameters = await self._local.restart_ice(room, _local(peer_id), ufrag)
        if seat := self._own.seats.get(peer_id):
            self._tell(structs.replace(seat, ufrag=parameters.ufrag))
        return parameters

    # --- what happens here

    async def _listen(self) -> None:
        async for notification in self._local.notifications():
            self._heed(notification)

    def _heed(self, notification: Notification) -> None:
        match notification:
            case EngineUp():
                self._engine_up(notification)
            case EngineDown():
                prefixes = {own.partition("-")[0] + "-" for own in self._ids}
                self._lose(prefixes, tuple(self._taps))
            case PeersLost(prefix, tapped):
                self._lose({prefix}, tapped)
            case PeerUp(room, own, label) if own in self._ids:
                self._notify(PeerUp(room, self._ids[own], label))
            case PeerDown(peer_id=own, reason=reason) if own in self._ids:
                self._tell(wire.Gone(self._ids.pop(own), reason))
            case SlotsChanged(room, slots, codecs):
                self._tell_room(room, slots=slots, codecs=codecs)
            case ActiveSpeaker(room, label):
                self._tell_room(room, speaker=label)

    def _engine_up(self, up: EngineUp) -> None:
        if not self._has_been_up:
            self._has_been_up = True
            self._notify(up)
        elif self._taps:  # nobody's id begins so: whoever was here has been told when it went down
            self._notify(PeersLost(wire.hold_prefix(self._keeper.lease.id, 0), tuple(self._taps)))

    def _lose(self, prefixes: set[str], tapped: tuple[str, ...]) -> None:
        """A part of this node's engine died, with the peers whose own ids begin so."""
        lost = {own: known for own, known in self._ids.items() if own.startswith(tuple(prefixes))}
        for own in lost:
            del self._ids[own]
        found = {known.partition("~")[0] + "~" + own.partition("-")[0] + "-" for own, known in lost.items()}
        for prefix in sorted(found or {wire.hold_prefix(self._keeper.lease.id, 0)} if tapped else found):
            self._tell(wire.Lost(prefix, tapped))

    def _tell_room(self, room: str, **changes: Any) -> None:
        epoch = self._epoch(room)
        if not epoch:
            return  # of another's by now, or nobody's
        told = self._own.rooms.get(room) or wire.RoomTold(room, epoch)
        new = structs.replace(told, epoch=epoch, **changes)
        if new != self._own.rooms.get(room):
            self._tell(new)

    def _epoch(self, room: str) -> int:
        return self._keeper.lease.holds.get(room, 0)

    def _tell(self, notice: wire.Notice) -> None:
        """To those who follow here, and to all nodes."""
        told = wire.Notices(self._own.lease, self._own.number + 1, (notice,))
        self._tell_on(self._own, self._own.hear(told) or [])
        self._calls.tell(told)

    # --- rooms that come and go

    def _rooms_lost(self, lease: str, holds: dict[str, int]) -> None:
        """They are another's, or will be."""
        if lease == self._keeper.lease.id:
            for room, epoch in holds.items():
                self._tell(wire.RoomLeft(room, epoch))
        else:  # the other nodes see that the lease is over
            self._tell_on(self._own, self._own.end())
            self._own = Shard(self._keeper.lease.id)
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
                return

    async def _release(self, *rooms: str) -> None:
        """Nobody is thrown out."""
        holds = {room: epoch for room in rooms if (epoch := self._epoch(room))}
        await self._keeper.release(*holds)
        for room, epoch in holds.items():
            self._empty_since.pop(room, None)
            self._tell(wire.RoomLeft(room, epoch))

    def _release_empty(self) -> None:
        now, used = self._clock(), {seat.room for seat in self._own.seats.values()} | set(self._taps) | set(self._arriving)
        empty = [room for room in self._keeper.lease.holds if room not in used]
        self._empty_since = {room: self._empty_since.get(room, now) for room in empty}
        over = [room for room, since in self._empty_since.items() if now - since > LINGER_SECONDS]
        if over:
            self._spawn(self._release(*over))

    def _load(self) -> float:
        peers = Counter(seat.room for seat in self._own.seats.values())
        load = sum(max(ROOM_PEERS, peers[room]) for room in self._keeper.lease.holds) / self._capacity
        is_full = bool(self._seats) and len(self._own.seats) >= self._seats
        return load + FULL * is_full + DRAINING * (self._is_draining or not self._has_been_up)

    def _about(self) -> bytes:
        return msgspec.msgpack.encode(wire.About(self.name, self._own.number, self._is_draining))

    # --- the other nodes

    def _hear(self, told: wire.Notices) -> None:
        if wire.node_of(told.lease) == self._node or told.lease in self._buried:
            return
        shard = self._others.setdefault(told.lease, Shard(told.lease))
        found = shard.hear(told)
        if found is None:
            self._ask_everything(told.lease)
        else:
            self._tell_on(shard, found)

    def _heed_renewal(self, renewal: Renewal) -> None:
        """Who there is; who was and is no more; and whose last notices were missed."""
        listed = {lease: msgspec.msgpack.decode(about, type=wire.About) for lease, about in renewal.about.items()}
        listed = {lease: about for lease, about in listed.items() if wire.node_of(lease) != self._node}
        for lease, about in listed.items():
            shard = self._others.setdefault(lease, Shard(lease))
            before = self._listed.get(lease, about)  # what it said a while ago has had time to come
            if shard.number < before.number:
                self._ask_everything(lease)
        over = [] if renewal.is_calm else [lease for lease in self._listed if lease not in listed]
        kept = self._listed if renewal.is_calm else {}
        self._listed = {**kept, **listed}
        for lease in over:
            self._bury(lease)
        self._release_empty()

    def _bury(self, lease: str) -> None:
        _log.warning("a node's media is gone", lease=lease)
        self._buried.append(lease)
        self._calls.fail(lease)
        if shard := self._others.pop(lease, None):
            self._tell_on(shard, shard.end())

    def _ask_everything(self, lease: str) -> None:
        if lease not in self._asking:
            self._asking.add(lease)
            self._spawn(self._catch_up(lease))

    async def _catch_up(self, lease: str) -> None:
        try:
            whole = await self._calls.ask(lease, wire.Tell(), wire.Whole)
            if shard := self._others.get(lease):
                self._tell_on(shard, shard.take(whole))
        except (MediaRefused, Moved):
            pass  # with the next renewal again, if it is still there
        finally:
            self._asking.discard(lease)

    def _tell_on(self, shard: Shard, found: list[Notification]) -> None:
        """What a shard told, but for a room's slots and speaker where a later holder has it."""
        for notification in found:
            match notification:
                case SlotsChanged(room=room) | ActiveSpeaker(room=room) if not self._is_newest(shard, room):
                    pass
                case _:
                    self._notify(notification)

    def _is_newest(self, shard: Shard, room: str) -> bool:
        epoch = shard.rooms[room].epoch if room in shard.rooms else 0
        others = (other for other in (self._own, *self._others.values()) if other is not shard and room in other.rooms)
        return all(other.rooms[room].epoch <= epoch for other in others)

    # ---

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("media between nodes", error=repr(error))

    def _notify(self, notification: Notification) -> None:
        if self._notifications.full():
            self._notifications.get_nowait()
        self._notifications.put_nowait(notification)


def _local(peer_id: str) -> str:
    """The id that our own engine gave."""
    return peer_id.partition("~")[2]


async def _keep_going(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            _log.exception("media between nodes")
        await asyncio.sleep(1)


async def _cannot_record(call: wire.Record) -> None:
    raise MediaRefused("media_unavailable", "this node makes no recordings")


async def _has_no_record(recording_id: str) -> bool:
    return False

"""`EmbeddedEngine`: the media engine in worker processes of its own, as the web process sees it.

Neighbours: `client` runs one worker, `placement` decides which one serves whom.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from live import adoption, wire
from live.client import Options, WorkerProcess
from live.control import (
    RECORDABLE,
    Admission,
    EngineDown,
    EngineUp,
    HeldRoom,
    IceParameters,
    MediaRefused,
    Notification,
    PeerDown,
    PeersLost,
    RoomKind,
    RoomReport,
    TapFormat,
    Transport,
    Use,
    WorkerStatistics,
)
from live.limits import Limits
from live.placement import SMALL, NoWorker, Placement

MAX_NOTIFICATIONS: Final = 4096  # when full the oldest is dropped: the newest state is what counts
RESERVE: Final = 0.1  # of the seats: a full hall must not keep speakers out
FEWEST_RESERVED: Final = 10


class EmbeddedEngine:
    """A `MediaEngine`. `hosts`: addresses announced to clients; empty: the loopback and this machine's own. `port`: UDP
    of the first worker, the others' follow, and TCP of all; 0: any free ones, kept over restarts. `workers`: processes.
    `transports`: whose candidates are announced. `limits`: of each worker. `is_pure`: the compiled helper is not used, even
    if it has been built. `small`: see `placement`. `public_tcp_port`: where clients find the TCP port, if not where it is:
    at a proxy, which tells nodes by `node` and is in one of the networks `proxies`. `seats`: connections, after which nobody
    is admitted who only receives; 0: as many as workers take. Who may send finds `RESERVE` more. Circles are not counted:
    who has a seat is not refused where they are sent. `name`: under it workers wait for another server, `keep`
    seconds long, if this one is killed (`adoption`); "" or 0: they end with it."""

    def __init__(
        self,
        hosts: tuple[str, ...] = (),
        port: int = 0,
        *,
        workers: int = 1,
        transports: tuple[Transport, ...] = ("udp", "tcp"),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        is_pure: bool = False,
        small: int = SMALL,
        public_tcp_port: int = 0,
        node: str = "",
        proxies: tuple[str, ...] = (),
        seats: int = 0,
        name: str = "",
        keep: float = 0.0,
    ) -> None:
        options = Options(
            hosts=hosts,
            transports=transports,
            limits=limits,
            is_pure=is_pure,
            links=secrets.token_hex(8) if workers > 1 else "",
            node=node,
            public_tcp_port=public_tcp_port,
            proxies=proxies,
        )
        if name and keep:
            terms = adoption.terms_of((workers, port, small, keep, replace(options, links="")))
            options = replace(options, kept=wire.Kept(name, terms, keep))
        self._kept = options.kept
        self._workers = tuple(
            WorkerProcess(index, port and port + index, options, self._heed, persists=index > 0) for index in range(workers)
        )
        self._small = small
        self._placement = Placement(small)
        self.adopted: tuple[HeldRoom, ...] | None = None  # what another server has left; None: all is new
        self._seats = seats
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning: asyncio.Task[None] | None = None
        self._notifications: asyncio.Queue[Notification] = asyncio.Queue(MAX_NOTIFICATIONS)

    @property
    def is_up(self) -> bool:
        return any(worker.is_up for worker in self._workers)

    @property
    def port(self) -> int:
        """The first worker's."""
        return self._workers[0].port

    @property
    def pids(self) -> tuple[int | None, ...]:
        """The workers' process ids while they run."""
        return tuple(worker.pid for worker in self._workers)

    @property
    def pid(self) -> int | None:
        """The first worker's."""
        return self._workers[0].pid

    async def __aenter__(self) -> EmbeddedEngine:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts the workers and waits until all are up. Raises `MediaRefused` if the first does not come up."""
        self.begin()
        await self.wait_until_up()
        for worker in self._workers[1:]:
            await worker.wait_until_up()

    def begin(self) -> None:
        """Adopts the workers that another server has left, or starts the first one, and the others when it is up: what else
        starts meanwhile needs the processor too. `wait_until_up` tells how that went."""
        self._beginning = asyncio.create_task(self._begin())

    async def _begin(self) -> None:
        if await self._adopt():
            return
        self._workers[0].begin()
        try:
            await self._workers[0].wait_until_up()
        except MediaRefused:  # `wait_until_up` tells
            return
        for worker in self._workers[1:]:
            worker.tcp_port = self.port
            worker.begin()

    async def _adopt(self) -> bool:
        """All of them or none: what is left of some of them would be rooms without their home."""
        if not self._kept.seconds or (adopted := await adoption.adopt(self._kept, len(self._workers), self._small)) is None:
            return False
        self._placement, found = adopted
        for worker, foundling in zip(self._workers, found, strict=True):
            worker.adopt(foundling)
        self.adopted = tuple(room for each in found for room in each.held.rooms)
        return True

    async def wait_until_up(self) -> None:
        """Waits for the first worker after `begin`. Raises `MediaRefused` if it does not come up."""
        assert self._beginning is not None, "begin() first"
        try:
            await self._beginning
            await self._workers[0].wait_until_up()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends the workers. Requests under way are refused."""
        if self._beginning:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    # --- MediaEngine ---

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
        is_circle = kind == "circle"
        if not is_circle and self._is_full(may_send=may_send):
            raise MediaRefused("hall_full")
        try:
            place = self._placement.place(room, sends=may_send, is_circle=is_circle)
        except NoWorker:
            raise _none_is_up() from None
        call = wire.Admit(room, label, offer, uses, may_send, may_receive, place.home, kind)
        try:
            admission = await self._workers[place.worker].call(call, Admission)
        except BaseException:
            self._placement.cancel(place)
            raise
        if not self._placement.settle(place, admission.peer_id):
            raise MediaRefused("media_unavailable", "the media worker died")
        return admission

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        worker = self._worker_of(peer_id)
        if worker is None:
            raise MediaRefused("not_found", "no such peer")
        return await worker.call(wire.RestartIce(room, peer_id, ufrag), IceParameters)

    async def remove(self, room: str, peer_id: str) -> None:
        if worker := self._worker_of(peer_id):
            await worker.call_if_up(wire.Remove(room, peer_id))

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        await self._tell_all(wire.RemoveLabel(room, label, senders_only))

    async def remove_receivers(self, room: str) -> None:
        await self._tell_all(wire.RemoveReceivers(room))

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        try:
            home = self._placement.tap(room, tap_id)
        except NoWorker:
            raise _none_is_up() from None
        try:
            call = wire.TapRoom(room, tap_id, host, video_port, audio_port, codecs)
            return await self._workers[home].call(call, TapFormat)
        except BaseException:
            self._placement.untap(room, tap_id)
            raise

    async def untap(self, room: str, tap_id: str) -> None:
        home = self._placement.untap(room, tap_id)
        if home is not None:
            await self._workers[home].call_if_up(wire.Untap(room, tap_id))

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        if worker := self._worker_of(peer_id):
            await worker.call_if_up(wire.View(room, peer_id, heights))

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        """Of all workers that answer. Raises `MediaRefused` if none does."""
        told = tuple(filter(None, await asyncio.gather(*map(_statistics, self._workers))))
        if not told:
            raise _none_is_up()
        return told

    async def room(self, room: str) -> RoomReport:
        """Raises `MediaRefused` if no worker answers."""
        return RoomReport("", tuple(worker.rooms[room] for worker in await self.statistics() if room in worker.rooms))

    async def notifications(self) -> AsyncIterator[Notification]:
        """What happens, in order; one reader. Ends never: cancel the reading task."""
        while True:
            yield await self._notifications.get()

    # --- workers ---

    def _is_full(self, *, may_send: bool) -> bool:
        reserve = max(FEWEST_RESERVED, int(self._seats * RESERVE)) if may_send else 0
        return self._seats > 0 and self._placement.seated >= self._seats + reserve

    def _worker_of(self, peer_id: str) -> WorkerProcess | None:
        index = wire.worker_of(peer_id)
        return self._workers[index] if 0 <= index < len(self._workers) else None

    async def _tell_all(self, call: wire.Call) -> None:
        await asyncio.gather(*(worker.call_if_up(call) for worker in self._workers))

    def _heed(self, worker: WorkerProcess, notification: Notification) -> None:
        """What a worker tells, told on. That it comes and goes is the engine's matter as long as another is there."""
        match notification:
            case EngineUp():
                is_first = not self._placement.workers
                self._placement.worker_up(worker.index)
                if is_first:
                    self._notify(notification)
            case EngineDown():
                self._go_on_without(worker)
            case PeerDown(peer_id=peer_id):
                self._placement.left(peer_id, worker.index)
                self._notify(notification)
            case _:
                self._notify(notification)

    def _go_on_without(self, worker: WorkerProcess) -> None:
        loss = self._placement.worker_down(worker.index)
        for room, home in loss.homes.items():
            self._spawn(self._tell_all(wire.Rehome(room, home)))
        if self._placement.workers:
            self._notify(PeersLost(worker.prefix, loss.tapped))
        else:
            self._notify(EngineDown())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _notify(self, notification: Notification) -> None:
        if self._notifications.full():
            self._notifications.get_nowait()
        self._notifications.put_nowait(notification)


async def _statistics(worker: WorkerProcess) -> WorkerStatistics | None:
    try:
        return await worker.call(wire.Statistics(), WorkerStatistics)
    except MediaRefused:
        return None


def _none_is_up() -> MediaRefused:
    return MediaRefused("media_unavailable", "no media worker is up")

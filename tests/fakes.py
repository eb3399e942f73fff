"""Fakes for the edges: what a test cannot or need not run for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from live.control import (
    RECORDABLE,
    Admission,
    EngineUp,
    IceParameters,
    MediaRefused,
    Notification,
    PortStatistics,
    RoomKind,
    RoomReport,
    TapFormat,
    Use,
    WorkerStatistics,
)


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeSeconds:
    """The same for clocks that only count seconds (`time.monotonic`)."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeEngine:
    """A media engine that admits everybody and carries nothing. `peers` maps peer to (room, label)."""

    def __init__(self) -> None:
        self.peers: dict[str, tuple[str, str]] = {}
        self.kinds: dict[str, RoomKind] = {}  # by room
        self.taps: set[str] = set()
        self.views: dict[str, dict[str, int]] = {}
        self.restarts: dict[str, str] = {}
        self.is_up = True
        self._notifications: asyncio.Queue[Notification] = asyncio.Queue(1000)
        self._notifications.put_nowait(EngineUp(udp_port=9, tcp_port=9))

    def notify(self, notification: Notification) -> None:
        self._notifications.put_nowait(notification)

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
        if not self.is_up:
            raise MediaRefused("media_unavailable")
        if not offer.startswith("v=0"):
            raise MediaRefused("bad_offer")
        peer_id = f"peer{len(self.peers) + 1}"
        self.peers[peer_id] = (room, label)
        self.kinds[room] = kind
        text = f"v=0\r\ns={'send' if may_send else ''}{'receive' if may_receive else ''}\r\n"
        return Admission(peer_id, text, ("VP8",))

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        if peer_id not in self.peers:
            raise MediaRefused("not_found")
        self.restarts[peer_id] = ufrag
        return IceParameters(f"for{ufrag}", "p" * 32, ("1 1 udp 1 192.0.2.9 8001 typ host",))

    async def remove(self, room: str, peer_id: str) -> None:
        self.peers.pop(peer_id, None)

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        self.peers = {key: peer for key, peer in self.peers.items() if peer != (room, label)}

    async def remove_receivers(self, room: str) -> None:
        self.peers = {key: peer for key, peer in self.peers.items() if peer[0] != room}

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        self.taps.add(tap_id)
        return TapFormat("H264", 96, 90_000, "opus", 111, 48_000, 2)

    async def untap(self, room: str, tap_id: str) -> None:
        self.taps.discard(tap_id)

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        if peer_id in self.peers:
            self.views[peer_id] = self.views.get(peer_id, {}) | heights

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        return (WorkerStatistics(1, 0.0, len(self.peers), PortStatistics(0, 0, 0, 0), {}),)

    async def room(self, room: str) -> RoomReport:
        return RoomReport("", tuple(worker.rooms[room] for worker in await self.statistics() if room in worker.rooms))

    async def notifications(self) -> AsyncIterator[Notification]:
        while True:
            yield await self._notifications.get()

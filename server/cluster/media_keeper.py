"""Keeps this node's lease on rooms: renews it, repeats what it holds when Redis has forgotten, gives up what is another's.
Neighbours: `media_lease` (what may be concluded), `media_register` (where it is decided), `media_engine` (who is told).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from server.cluster.media_lease import Lease
from server.cluster.media_register import Home, Reclaim, Renewal
from server.cluster.redis import AWAY

LEASE_SECONDS: Final = 5.0  # a node that says nothing for so long has lost its rooms
RENEWALS: Final = 5  # in a lease's length


class NotNow(Exception):
    """Nobody can be given a room: Redis is away, or has forgotten and waits for those who hold some."""


class Register(Protocol):
    """What `MediaRegister` does."""

    async def renew(self, lease: str, load: float, about: bytes, *, is_new: bool, rejoins: bool) -> Renewal: ...
    async def reclaim(self, lease: str, holds: Mapping[str, int]) -> Reclaim: ...
    async def place(self, lease: str, room: str, weight: float) -> tuple[Home | None, int]: ...
    async def release(self, lease: str, holds: Mapping[str, int]) -> None: ...
    async def leave(self, lease: str) -> None: ...


class Keeper:
    """`load()`: a share of what this node can carry, `about()`: what the others shall know; `weight`: of one more room.
    `on_lost(lease, holds)`: rooms that are another's now, or nobody's; all that were held, if the lease is over.
    `on_renewed(renewal)`: who else there is."""

    def __init__(
        self,
        register: Register,
        node: str,
        clock: Callable[[], float],
        *,
        seconds: float = LEASE_SECONDS,
        load: Callable[[], float] = lambda: 0.0,
        about: Callable[[], bytes] = lambda: b"",
        weight: float = 0.0,
    ) -> None:
        self.lease = Lease(node, seconds)
        self.on_lost: Callable[[str, dict[str, int]], None] = lambda lease, holds: None
        self.on_renewed: Callable[[Renewal], None] = lambda renewal: None
        self.is_away = False  # Redis did not answer the last time
        self._register, self._clock = register, clock
        self._load, self._about, self._weight = load, about, weight
        self._is_new = True
        self._turn = asyncio.Lock()  # one question at a time: answers are about what was held when they were asked

    def serves(self, room: str) -> bool:
        return self.lease.serves(room, self._clock())

    async def run(self) -> None:
        """Renews until it is cancelled."""
        while True:
            await self.renew()
            await asyncio.sleep(self.lease.seconds / RENEWALS)

    async def renew(self) -> None:
        async with self._turn:
            await self._renew()

    async def home(self, room: str) -> Home:
        """Where a room is, which is placed if it is nowhere. If it is here, it is held from now on. Raises `NotNow`."""
        if self.serves(room):
            return Home(self.lease.id, self.lease.holds[room])
        if self.is_away:
            raise NotNow
        async with self._turn:
            if not self.lease.is_good(self._clock()):
                await self._renew()
            if self.serves(room):
                return Home(self.lease.id, self.lease.holds[room])
            if self.is_away:  # since: each would wait for Redis in its turn, and the renewal behind them
                raise NotNow
            return await self._place(room)

    async def release(self, *rooms: str) -> None:
        """Holds them no longer. If Redis does not hear of it, it gives them back when somebody asks for them."""
        async with self._turn:
            holds = {room: epoch for room in rooms if (epoch := self.lease.holds.pop(room, None)) is not None}
            try:
                await self._register.release(self.lease.id, holds)
            except AWAY:
                self.is_away = True

    async def leave(self) -> None:
        """Ends the lease and all that is held under it."""
        async with self._turn:
            lease = self.lease.id
            self._end()
            try:
                await self._register.leave(lease)
            except AWAY:
                self.is_away = True

    async def _renew(self) -> None:
        began = self._clock()
        lease, rejoins = self.lease, self.lease.is_good(began)
        try:
            said = await self._register.renew(lease.id, self._load(), self._about(), is_new=self._is_new, rejoins=rejoins)
            if said.is_ours and said.generation != lease.generation:
                began = self._clock()
                claimed = await self._register.reclaim(lease.id, lease.holds)
                said = Renewal(claimed.is_ours, claimed.generation, said.is_calm, said.about)
                self._lose(claimed.lost)
        except AWAY:
            self.is_away = True
            lease.failed(began)
            return
        self.is_away = False
        if not said.is_ours:
            self._end()
            return
        self._is_new = False
        lease.generation = said.generation
        lease.renewed(began)
        self.on_renewed(said)

    async def _place(self, room: str) -> Home:
        lease = self.lease.id
        try:
            home, generation = await self._register.place(lease, room, self._weight)
        except AWAY:
            self.is_away = True
            raise NotNow from None
        if home is None:
            raise NotNow
        if home.lease == lease and not self.lease.took(room, home.epoch, generation):
            raise NotNow
        return home

    def _lose(self, rooms: frozenset[str]) -> None:
        lost = {room: self.lease.holds.pop(room) for room in rooms if room in self.lease.holds}
        if lost:
            self.on_lost(self.lease.id, lost)

    def _end(self) -> None:
        lease, self._is_new = self.lease.id, True
        self.on_lost(lease, self.lease.end())

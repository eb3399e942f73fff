"""What keeps a node's rooms, where Redis takes long to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from server.cluster.media_keeper import Keeper, NotNow
from server.cluster.media_register import Home, Reclaim, Renewal
from tests.fakes import FakeSeconds
from tests.server.running import until


class Slow:
    """A register that says nothing to whoever looks for a room until it is given up."""

    def __init__(self) -> None:
        self.placed, self.renewed = 0, 0
        self.gives_up = asyncio.Event()

    async def renew(self, lease: str, load: float, about: bytes, *, is_new: bool, rejoins: bool) -> Renewal:
        self.renewed += 1
        return Renewal(True, 0, False, {})

    async def place(self, lease: str, room: str, weight: float) -> tuple[Home | None, int]:
        self.placed += 1
        await self.gives_up.wait()
        raise TimeoutError

    async def reclaim(self, lease: str, holds: Mapping[str, int]) -> Reclaim:
        raise NotImplementedError

    async def release(self, lease: str, holds: Mapping[str, int]) -> None:
        raise NotImplementedError

    async def leave(self, lease: str) -> None:
        raise NotImplementedError


async def test_many_rooms_that_are_looked_for_in_vain_do_not_keep_the_lease_from_being_renewed() -> None:
    """Each waits for as long as Redis may take, two seconds; the lease is good for five."""
    register = Slow()
    keeper = Keeper(register, "a", FakeSeconds())
    await keeper.renew()
    looking = [asyncio.create_task(keeper.home(f"room {number}")) for number in range(20)]
    await until(lambda: register.placed == 1)
    renewing = asyncio.create_task(keeper.renew())
    register.gives_up.set()
    found = await asyncio.gather(*looking, return_exceptions=True)
    assert all(isinstance(each, NotNow) for each in found)
    await renewing
    assert (register.placed, register.renewed) == (1, 2)

"""A node in a process of its own, to be stopped and killed: `python -m tests.server.cluster.media_node URL NAME ROOM`. It
carries nothing, lets one peer into a room, and writes a line for whatever becomes of it."""

from __future__ import annotations

import asyncio
import sys

from live.control import PeersLost
from server.cluster.media_engine import ClusterEngine
from server.cluster.redis import RedisLink
from tests.fakes import FakeEngine


class Engine(FakeEngine):
    async def remove(self, room: str, peer_id: str) -> None:
        await super().remove(room, peer_id)
        say(f"removed {peer_id}")


def say(line: str) -> None:
    print(line, flush=True)


async def run(url: str, name: str, room: str) -> None:
    link = RedisLink(url)
    engine = ClusterEngine(Engine(), link, name)
    hearing = asyncio.create_task(link.run())
    engine.begin()
    told = engine.notifications()
    await anext(told)  # its engine is up
    await engine._keeper.renew()  # which makes it the one with the least to do
    admission = await engine.admit(room, "anna", "v=0\r\n", None, may_send=True, may_receive=False)
    say(f"admitted {admission.peer_id}")
    async for notification in told:
        if isinstance(notification, PeersLost):
            say(f"lost {notification.prefix}")
    await hearing


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))

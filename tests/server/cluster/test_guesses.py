"""Wrong links on one node count on the other, and on each for itself while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rooms.errors import Refused
from server.cluster.guesses import share_guesses
from server.cluster.redis import RedisLink
from server.guesses import Guesses
from server.settings import Settings
from tests.server.running import until

FREE = 4


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Guesses]:
    """One that hears the others, if there is a Redis."""
    link, guesses = RedisLink(url), Guesses(Settings(wrong_links=FREE))
    share_guesses(link, guesses)
    running = asyncio.create_task(link.run())
    try:
        if "127.0.0.1:1/" not in url:
            await until(lambda: link.is_subscribed)
        yield guesses
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.close()


def waits(guesses: Guesses, address: str) -> bool:
    try:
        guesses.check(address)
    except Refused:
        return True
    return False


async def test_wrong_on_one_node_is_wrong_on_the_other_once(redis_url: str) -> None:
    async with node(redis_url) as here, node(redis_url) as there:
        for _ in range(FREE):
            here.note("192.0.2.1")
        await until(lambda: len(there) == 1)
        there.note("192.0.2.1")
        assert waits(there, "192.0.2.1")
        await until(lambda: waits(here, "192.0.2.1"))  # so often there, and once here: its own were not counted twice
        assert not waits(here, "192.0.2.2") and not waits(there, "192.0.2.2")


async def test_without_redis_each_counts_for_itself() -> None:
    async with node("redis://127.0.0.1:1/0") as here:
        for _ in range(FREE):
            here.note("192.0.2.1")
        assert not waits(here, "192.0.2.1")
        here.note("192.0.2.1")
        with pytest.raises(Refused):
            here.check("192.0.2.1")

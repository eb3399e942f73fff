"""The way to Redis: what is told is heard, and whatever becomes of Redis, hearing begins again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import uvloop

from bench.redis import RedisServer
from server.cluster.redis import AWAY, MOST_CONNECTIONS, RedisLink
from tests.server.running import until


@asynccontextmanager
async def linked(url: str, heard: list[bytes]) -> AsyncIterator[RedisLink]:
    link = RedisLink(url)
    link.on("news", heard.append)
    running = asyncio.create_task(link.run())
    try:
        await until(lambda: link.is_subscribed)
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.close()


async def test_what_one_tells_all_hear_in_order(redis_url: str) -> None:
    here: list[bytes] = []
    there: list[bytes] = []
    async with linked(redis_url, here) as link, linked(redis_url, there):
        for number in range(1000):
            link.tell("news", b"%d" % number)
        await until(lambda: len(here) == len(there) == 1000)
    assert here == there == [b"%d" % number for number in range(1000)]


async def test_another_database_number_is_another_conference(redis: RedisServer) -> None:
    here: list[bytes] = []
    there: list[bytes] = []
    async with linked(redis.url(1000), here) as link, linked(redis.url(1001), there) as other:
        await link.publish("news", b"ours")
        await other.publish("news", b"theirs")
        await until(lambda: bool(here and there))
    assert (here, there) == ([b"ours"], [b"theirs"])


@pytest.mark.parametrize("trouble", ["killed", "paused"])
async def test_hearing_begins_again_by_itself(redis: RedisServer, redis_url: str, trouble: str) -> None:
    heard: list[bytes] = []
    async with linked(redis_url, heard) as link:
        if trouble == "killed":
            redis.kill()
        else:
            redis.pause()
        try:
            await until(lambda: not link.is_subscribed)
            link.tell("news", b"lost")
            with pytest.raises(AWAY):
                await link.publish("news", b"refused")
        finally:
            if trouble == "killed":
                redis.start()
            else:
                redis.go_on()
        await until(lambda: link.is_subscribed)
        await link.publish("news", b"again")
        await until(lambda: b"again" in heard)


async def test_what_cannot_be_understood_disturbs_nobody(redis_url: str) -> None:
    numbers: list[int] = []
    link = RedisLink(redis_url)
    link.on("news", lambda message: numbers.append(msgspec.msgpack.decode(message, type=int)))
    running = asyncio.create_task(link.run())
    await until(lambda: link.is_subscribed)
    for message in (b"", b"\xff\xff", msgspec.msgpack.encode("words"), msgspec.msgpack.encode(7)):
        link.tell("news", message)
    await until(lambda: numbers == [7])
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await link.close()


async def test_a_listener_that_fails_costs_nobody_else_anything(redis_url: str) -> None:
    heard: list[bytes] = []

    def fail(message: bytes) -> None:
        raise ValueError(message)

    async with linked(redis_url, []) as link:
        link.on("news", fail)
        link.on("news", heard.append)
        for message in (b"some", b"more"):
            await link.publish("news", message)
        await until(lambda: heard == [b"some", b"more"])


async def test_however_many_ask_at_the_same_time_each_gets_a_turn(redis_url: str) -> None:
    heard: list[bytes] = []
    async with linked(redis_url, heard) as link:
        words = [b"%d" % number for number in range(5 * MOST_CONNECTIONS)]
        await asyncio.gather(*(link.publish("news", word) for word in words))
        await until(lambda: sorted(heard) == sorted(words))


def test_a_connection_that_ended_a_moment_ago_is_redis_being_away(redis_url: str) -> None:
    """On the server's own event loop, where that is a `RuntimeError`."""

    async def publish_on_a_broken_connection() -> None:
        link = RedisLink(redis_url)
        await link.publish("news", b"whole")
        connection = await link.client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        await link.client.connection_pool.release(connection)
        connection._writer.transport.abort()
        with pytest.raises(AWAY):
            await link.publish("news", b"broken")
        await link.publish("news", b"whole again")
        await link.close()

    uvloop.run(publish_on_a_broken_connection())


async def test_whoever_asks_as_it_is_closed_or_afterwards_leaves_no_connection_open(redis_url: str) -> None:
    for turns in range(20):
        link = RedisLink(redis_url)
        asking = asyncio.create_task(link.publish("news", b"now"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await link.close()
        await asyncio.gather(asking, return_exceptions=True)
        with pytest.raises(AWAY):
            await link.publish("news", b"later")
        pool = link.client.connection_pool
        assert not [each for each in (*pool._available_connections, *pool._in_use_connections) if each.is_connected]

"""`plenum doctor` on Redis: what is wrong is found, within seconds, and each finding says what to do."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from bench.redis import RedisServer
from server.cluster import check
from server.cluster.check import check_redis
from server.cluster.node import CHANNEL
from server.cluster.redis import RedisLink


@asynccontextmanager
async def configured(url: str, **settings: str) -> AsyncIterator[None]:
    """Other settings for a moment."""
    client = Redis.from_url(url)
    before = {name: str((await client.config_get(name))[name]) for name in settings}
    for name, value in settings.items():
        await client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            await client.config_set(name, value)
        await client.aclose()


async def test_one_that_works_and_what_is_left_in_it(redis_url: str) -> None:
    link = RedisLink(redis_url)
    async with link.client.pubsub() as node:
        await node.subscribe(link.key(CHANNEL))
        found = await check_redis(redis_url)
    assert (found.level, found.remedy) == ("ok", "")
    assert "nodes that listen: 1" in found.found
    assert await link.client.dbsize() == 0
    await link.client.aclose()


async def test_nobody_there_or_nobody_awake(redis: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PATIENCE", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        found = await check_redis(f"redis://:hemligt@127.0.0.1:{nobody.getsockname()[1]}/0")
    assert found.level == "error" and "start Redis" in found.remedy
    assert "hemligt" not in found.found
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        found = await check_redis(redis_url)
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert found.level == "error" and "no answer" in found.found


async def test_a_password_that_is_not_taken_or_a_user_that_may_not(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    await client.acl_setuser("plenum", enabled=True, passwords=["+hemligt"], commands=["+ping", "+client", "+select"])
    try:
        for user, words in (("plenum:fel", "password"), ("plenum:hemligt", "permission")):
            found = await check_redis(redis_url.replace("//", f"//{user}@"))
            assert found.level == "error" and words in found.found and found.remedy, found
    finally:
        await client.acl_deluser("plenum")
        await client.aclose()


async def test_one_that_throws_keys_away_and_one_that_takes_none(redis: RedisServer, redis_url: str) -> None:
    async with configured(redis_url, maxmemory="500mb", **{"maxmemory-policy": "allkeys-lru"}):
        found = await check_redis(redis_url)
        assert found.level == "warning" and "noeviction" in found.remedy
    async with configured(redis_url, maxmemory="1", **{"maxmemory-policy": "noeviction"}):
        found = await check_redis(redis_url)
        assert found.level == "error" and "memory" in found.remedy
    async with configured(redis_url, **{"min-replicas-to-write": "1"}):
        assert (await check_redis(redis_url)).level == "error"
    client = Redis.from_url(redis_url)
    await client.replicaof("127.0.0.1", "1")
    try:
        found = await check_redis(redis_url)
        assert found.level == "error" and "replica" in found.found
    finally:
        await client.replicaof("NO", "ONE")
        await client.aclose()

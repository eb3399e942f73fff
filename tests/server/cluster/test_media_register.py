"""Redis runs the register's rules as the tests of nodes have them: the same questions, the same answers."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from server.cluster.media_register import Home, MediaRegister, Reclaim, Renewal
from tests.server.cluster.register import Memory

SECONDS: Final = 1000.0  # no lease ends while a test runs, unless time is moved
LEASES, ROOMS = ("a.1", "b.1", "c.1"), ("r1", "r2", "r3", "r4")


class Both:
    """The real one, and the rules. Times differ by a little, so epochs are only compared with each other."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._register = MediaRegister(client, "test:media", SECONDS)
        self._memory = Memory(int(SECONDS * 1000))

    async def _now(self) -> int:
        seconds, micros = await self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        expected = getattr(self._memory, name)(await self._now(), *arguments, **named)
        found = await getattr(self._register, name)(*arguments, **named)
        assert self._plain(found) == self._plain(expected), (name, arguments)
        return found

    def _plain(self, answer: Any) -> Any:
        match answer:
            case Renewal():
                return answer.is_ours, answer.is_calm, answer.about
            case Reclaim():
                return answer.is_ours, answer.lost
            case (home, _):
                return home and home.lease
        return answer

    async def epoch(self, room: str) -> int:
        """As the real one has it; the rules' own is made the same."""
        home = await self._client.hget("test:media:homes", room)
        assert isinstance(home, bytes)
        lease, epoch = home.decode().split()[0], int(home.split()[1])
        self._memory.homes[room] = Home(lease, epoch)
        self._memory.epoch = max(self._memory.epoch, epoch)
        return epoch

    async def age(self, milliseconds: int) -> None:
        """As if that much time had passed."""
        for field in ("pulse", "calm"):
            await self._client.hincrby("test:media:state", field, -milliseconds)
        for lease in await self._client.zrange("test:media:leases", 0, -1):
            assert isinstance(lease, bytes)
            await self._client.zincrby("test:media:leases", -milliseconds, lease)
        self._memory.pulse -= milliseconds
        self._memory.calm_until -= milliseconds
        self._memory.leases = {lease: until - milliseconds for lease, until in self._memory.leases.items()}

    async def flush(self) -> None:
        await self._client.flushdb()
        self._memory.flush()

    async def change_run(self) -> None:
        """As after a restart with what was kept."""
        await self._client.hset("test:media:state", "run", "another")
        self._memory.pulse = 0


@pytest.mark.parametrize("seed", range(8))
async def test_redis_answers_as_the_rules_do(redis_url: str, seed: int) -> None:
    draw = random.Random(seed)
    client = Redis.from_url(redis_url)
    both = Both(client)
    held: dict[str, dict[str, int]] = {lease: {} for lease in LEASES}
    async with asyncio.timeout(60):
        for _ in range(150):
            lease, room = draw.choice(LEASES), draw.choice(ROOMS)
            match draw.choice("rrrcccpppplase" + ("fx" if draw.random() < 0.1 else "")):
                case "r":
                    new, rejoins = draw.random() < 0.6, draw.random() < 0.5
                    await both.ask("renew", lease, draw.randrange(9) / 8, b"me", is_new=new, rejoins=rejoins)
                case "c":
                    await both.ask("reclaim", lease, held[lease])
                case "p":
                    home, _ = await both.ask("place", lease, room, 0.25)
                    if home is not None:
                        held[home.lease][room] = await both.epoch(room)
                case "l":
                    await both.ask("release", lease, {name: held[lease].pop(name) for name in list(held[lease])[:2]})
                case "a":
                    await both.age(draw.choice([1, 300_000, 450_000, 501_000, 1_001_000]))
                case "s":
                    await both.age(450_000)
                case "e" if draw.random() < 0.3:
                    await both.ask("leave", lease)
                    held[lease] = {}
                case "f":
                    await both.flush()
                case "x":
                    await both.change_run()
    await client.aclose()

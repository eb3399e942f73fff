"""Which nodes there are, with a clock that moves when it is told to, and on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from bench.redis import RedisServer
from server.cluster.node import LIFE_SECONDS, UNWELL_SECONDS, Beat, Nodes
from server.cluster.redis import RedisLink
from tests.fakes import FakeSeconds
from tests.server.running import until


class Air:
    """A link without Redis: what is told by one is heard by all who listen, unless somebody is deaf."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[bytes], None]] = []
        self.on_subscribed: list[Callable[[], None]] = []

    def on(self, channel: str, listener: Callable[[bytes], None]) -> None:
        self.listeners.append(listener)


def beat(of: Nodes | str, number: int = 1, *, leaves: bool = False) -> bytes:
    return msgspec.msgpack.encode(Beat(of if isinstance(of, str) else of.id, number, {}, leaves))


class Observed:
    """A node that is told what it hears, with everything that it called back."""

    def __init__(self) -> None:
        self.clock = FakeSeconds()
        air = Air()
        self.nodes = Nodes(air, self.clock, "b")  # type: ignore[arg-type]
        self.said: list[object] = []
        self.nodes.on_join.append(lambda node: self.said.append(("joined", node)))
        self.nodes.on_death.append(lambda node: self.said.append(("died", node)))
        self.nodes.on_turn.append(self.said.append)
        self.hear = air.listeners[0]

    def mood(self) -> tuple[bool, bool]:
        return self.nodes.is_well, self.nodes.knows_all

    def live(self, seconds: float, *others: str, deaf: bool = False) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.now += 0.5
            if not deaf:
                for node in ("b", *others):
                    self.hear(beat(node))
            self.nodes.look()


def test_a_node_is_well_while_it_hears_itself() -> None:
    node = Observed()
    assert node.mood() == (False, False)
    node.live(1)
    assert node.mood() == (True, False)
    node.live(LIFE_SECONDS)
    assert node.mood() == (True, True)
    node.live(UNWELL_SECONDS, deaf=True)
    assert node.mood() == (False, False)
    node.live(1)
    assert node.said == [True, False, True]
    assert node.mood() == (True, False)  # not at once: others may not have been heard yet


def test_another_that_is_silent_is_dead_and_lives_again_when_it_is_heard() -> None:
    node = Observed()
    node.live(LIFE_SECONDS, "a", "c")
    assert (node.nodes.living, node.nodes.is_eldest) == (frozenset("abc"), False)
    node.live(LIFE_SECONDS + 1, "c")
    assert (node.nodes.others, node.nodes.is_eldest) == (frozenset("c"), True)
    node.live(1, "a", "c")
    assert node.said == [True, ("joined", "a"), ("joined", "c"), ("died", "a"), ("joined", "a")]


def test_while_redis_is_away_nobody_dies_nor_right_after_it_came_back() -> None:
    node = Observed()
    node.live(LIFE_SECONDS, "a", "c")
    node.live(60, deaf=True)
    assert node.nodes.others == {"a", "c"}
    node.live(LIFE_SECONDS - 1, "c")
    assert node.nodes.others == {"a", "c"}
    node.live(3, "c")
    assert node.nodes.others == {"c"}


def test_a_node_that_was_stopped_knows_that_it_has_missed_something_before_anything_else() -> None:
    node = Observed()
    node.live(LIFE_SECONDS + 1, "a")
    node.clock.now += 60  # SIGSTOP, SIGCONT
    assert node.mood() == (False, False)
    node.hear(beat("b"))  # its own, from before
    assert node.nodes.others == {"a"} and not node.nodes.knows_all
    assert node.said[-2:] == [False, True]


def test_whoever_leaves_is_gone_at_once() -> None:
    node = Observed()
    node.live(1, "a")
    node.hear(beat("a", leaves=True))
    assert node.nodes.others == frozenset()


async def test_nodes_on_one_redis_find_each_other_and_what_they_tell(redis: RedisServer, redis_url: str) -> None:
    links = [RedisLink(redis_url) for _ in range(2)]
    nodes = [Nodes(link) for link in links]
    nodes[0].tell_with("media", lambda: {"peers": 7})
    running = [asyncio.create_task(link.run()) for link in links]
    running += [asyncio.create_task(node.run()) for node in nodes]
    await until(lambda: all(node.is_well and len(node.living) == 2 for node in nodes))
    told = nodes[1].about(nodes[0].id, "media")
    assert told is not None and msgspec.msgpack.decode(told) == {"peers": 7}
    assert sum(node.is_eldest for node in nodes) == 1
    assert await links[0].client.exists(links[0].key("node", nodes[1].id))
    await nodes[0].leave()
    await until(lambda: not nodes[1].others)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for link in links:
        await link.close()

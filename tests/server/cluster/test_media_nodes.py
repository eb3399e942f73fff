"""A room's media with several nodes on one real Redis: found by all, moved when its node is gone, not when Redis is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.redis import RedisServer
from live.control import MediaEngine, MediaRefused, Notification, PeerDown, PeerSeated, PeersLost, SlotsChanged
from live.engine import EmbeddedEngine
from server.cluster.media_engine import DRAINING, ClusterEngine
from server.cluster.media_wire import lease_of
from server.cluster.redis import RedisLink
from tests.fakes import FakeEngine
from tests.live.clients import all_closed, publish, watch
from tests.server.running import PATIENCE_SECONDS, until

OFFER = "v=0\r\n"


class Node:
    """One of several: its engine, and what it has told."""

    def __init__(self, url: str, name: str, local: MediaEngine, **options: Any) -> None:
        self.local = local
        self.link = RedisLink(url)
        self.engine = ClusterEngine(local, self.link, name, **options)
        self.told: list[Notification] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self.link.run()), asyncio.create_task(self._read())]
        await until(lambda: self.link.is_subscribed)
        self.engine.begin()
        await until(lambda: bool(self.told))  # its own engine is up
        await self.engine._keeper.renew()

    async def _read(self) -> None:
        async for notification in self.engine.notifications():
            self.told.append(notification)

    def heard(self, kind: type[Any], **fields: Any) -> list[Any]:
        found = (each for each in self.told if isinstance(each, kind))
        return [each for each in found if all(getattr(each, name) == value for name, value in fields.items())]

    async def hears(self, kind: type[Any], **fields: Any) -> None:
        await until(lambda: bool(self.heard(kind, **fields)))

    async def sees(self, label: str) -> None:
        """Waits until somebody feeds a slot."""
        await until(lambda: any(label in each.slots.values() for each in self.heard(SlotsChanged)))

    async def loses(self, peer_id: str) -> None:
        """Waits until everybody like that peer has been told to offer again."""
        await until(lambda: any(peer_id.startswith(each.prefix) for each in self.heard(PeersLost)))

    async def let_in(self, room: str = "plenum", label: str = "anna", *, sends: bool = False) -> str:
        """As pages do, who offer again while that is refused as passing."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    admission = await self.engine.admit(room, label, OFFER, None, may_send=sends, may_receive=not sends)
                    return admission.peer_id
                except MediaRefused as refusal:
                    assert refusal.code == "media_unavailable"
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        await self.engine.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.close()


@contextlib.asynccontextmanager
async def nodes(url: str, *locals_: MediaEngine, **options: Any) -> AsyncIterator[list[Node]]:
    """Called a, b, …, in a Redis that has had its time to hear of who holds what."""
    made = [Node(url, chr(ord("a") + index), local, **options) for index, local in enumerate(locals_)]
    try:
        for node in made:
            await node.start()
        register = made[0].link
        await register.client.hset(register.key("media", "state"), "calm", "0")
        yield made
    finally:
        await asyncio.gather(*(node.stop() for node in made))


async def test_who_is_let_in_by_one_node_sees_who_was_let_in_by_another(redis_url: str) -> None:
    async with (
        EmbeddedEngine(("127.0.0.1",)) as left,
        EmbeddedEngine(("127.0.0.1",)) as right,
        nodes(redis_url, left, right) as (a, b),
    ):
        anna = await publish(a.engine, "plenum", "anna")
        viewer = await watch(b.engine, "plenum", "bo")
        async with all_closed(anna, viewer):
            assert anna.admission and viewer.admission
            peer = viewer.admission.peer_id
            assert lease_of(peer) == lease_of(anna.admission.peer_id) == "a.1"
            await viewer.until_frames("0", 3)
            for node in (a, b):
                await node.hears(PeerSeated, peer_id=peer, label="bo", sends=False, external=True)
                await node.sees("anna")
            report = await b.engine.room("plenum")
            assert report.node == "a" and {p.label for part in report.parts for p in part.peers.values()} == {"anna", "bo"}
            answer = await b.engine.restart_ice("plenum", peer, "abcd")
            await a.hears(PeerSeated, peer_id=peer, ufrag=answer.ufrag)
            await b.engine.view("plenum", peer, {"programme": 0})
            await b.engine.remove("plenum", peer)
            await viewer.ended()
            for node in (a, b):
                await node.hears(PeerDown, peer_id=peer, label="bo", reason="removed")
        with pytest.raises(MediaRefused, match="no such peer"):
            await b.engine.restart_ice("plenum", "c.1.7~0.1-x", "abcd")


async def test_rooms_go_to_whoever_has_least_to_do_and_a_full_hall_is_said_on_every_node(redis_url: str) -> None:
    class Full(FakeEngine):
        async def admit(self, room: str, *rest: Any, **named: Any) -> Any:
            if len(self.peers) >= 2:
                raise MediaRefused("hall_full")
            return await super().admit(room, *rest, **named)

    async with nodes(redis_url, Full(), Full(), seats=2) as (a, b):
        rooms = [lease_of(await a.let_in(f"group{n}")) for n in range(2)]
        assert sorted(rooms) == ["a.1", "b.1"]
        await a.let_in("group0")
        await a.let_in("group1")
        for node in (a, b):
            with pytest.raises(MediaRefused) as refused:
                await node.engine.admit("group0", "bo", OFFER, None, may_send=False, may_receive=True)
            assert refused.value.code == "hall_full"


async def test_a_node_that_is_drained_hands_its_rooms_over_and_whoever_is_there_goes_on_meanwhile(redis_url: str) -> None:
    one, other = FakeEngine(), FakeEngine()
    async with nodes(redis_url, one, other) as (a, b):
        peer = await a.let_in()
        await b.hears(PeerSeated, peer_id=peer)
        await a.engine._keeper.renew()
        await b.engine._keeper.renew()
        await a.engine.drain()
        for node in (a, b):
            await node.loses(peer)
        assert one.peers  # until they have gone by themselves
        again = await a.let_in()
        assert lease_of(again) == "b.1" and not any(again.startswith(each.prefix) for each in b.heard(PeersLost))
        assert a.engine._load() >= DRAINING


async def test_a_node_that_begins_later_or_missed_something_knows_who_is_where(redis_url: str) -> None:
    one = FakeEngine()
    async with nodes(redis_url, one) as (a,):
        peer = await a.let_in(label="siri", sends=True)
        one.notify(SlotsChanged("plenum", {"video0": "siri"}))
        await a.hears(SlotsChanged, room="plenum")
        late = Node(redis_url, "b", FakeEngine())
        await late.start()
        try:
            await late.hears(PeerSeated, peer_id=peer, sends=True)
            await late.hears(SlotsChanged, slots={"video0": "siri"})
            late.engine._others.shards["a.1"].number -= 1  # as if the last notice had not come
            late.engine._others.shards["a.1"].seats.clear()
            second = await a.let_in(label="bo")
            await late.hears(PeerSeated, peer_id=second)
            await until(lambda: set(late.engine._others.shards["a.1"].seats) == {peer, second})
        finally:
            await late.stop()


async def test_redis_that_restarts_disturbs_nobody(redis: RedisServer, redis_url: str) -> None:
    one, other = FakeEngine(), FakeEngine()
    async with nodes(redis_url, one, other) as (a, b):
        peer = await a.let_in()
        await b.hears(PeerSeated, peer_id=peer)
        redis.kill()
        try:
            assert lease_of(await a.let_in(label="bo")) == "a.1"  # a room that is here takes people in
            with pytest.raises(MediaRefused, match="no node can be found"):
                await a.engine.admit("group", "bo", OFFER, None, may_send=False, may_receive=True)
        finally:
            redis.start()
        third = await b.let_in(label="siri")
        assert lease_of(third) == "a.1"
        for node in (a, b):
            await node.hears(PeerSeated, label="bo")  # that nobody could be told of
            assert not node.heard(PeersLost)
        # whose answer was lost with Redis has offered twice: the seat nobody took ends with its time for setting up
        assert {label for _, label in one.peers.values()} == {"anna", "bo", "siri"} and not other.peers


@contextlib.asynccontextmanager
async def busy_node(url: str) -> AsyncIterator[Node]:
    """One that has a room already, so that another is given the next."""
    async with nodes(url, FakeEngine()) as (node,):
        await node.let_in("group")
        await node.engine._keeper.renew()
        yield node


@contextlib.asynccontextmanager
async def process(url: str, name: str, room: str) -> AsyncIterator[tuple[Process, str]]:
    """A node in a process of its own, which has let somebody in: their peer."""
    arguments = ("-m", "tests.server.cluster.media_node", url, name, room)
    top = Path(__file__).parents[3]
    started = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, cwd=top, env=os.environ | {"PYTHONPATH": str(top)}
    )
    try:
        yield started, (await line(started, "admitted")).split()[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.send_signal(signal.SIGCONT)
            started.kill()
        await started.wait()


async def line(started: Process, beginning: str) -> str:
    assert started.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while read := (await started.stdout.readline()).decode():
            if read.startswith(beginning):
                return read.strip()
    raise AssertionError("it ended")


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
async def test_rooms_of_a_node_that_is_gone_move_and_it_does_not_go_on_believing(redis_url: str, *, is_killed: bool) -> None:
    async with busy_node(redis_url) as a, process(redis_url, "z", "plenum") as (other, peer):
        assert lease_of(peer) == "z.1"
        await a.hears(PeerSeated, peer_id=peer)
        other.send_signal(signal.SIGKILL if is_killed else signal.SIGSTOP)
        again = await a.let_in()
        assert lease_of(again) == "a.1"
        assert a.heard(PeersLost, prefix="z.1.")
        if is_killed:
            return
        other.send_signal(signal.SIGCONT)
        assert await line(other, "lost") == "lost z.1."
        assert await line(other, "removed") == f"removed {peer.partition('~')[2]}"
        assert a.engine.is_here("plenum") and lease_of(await a.let_in(label="bo")) == "a.1"

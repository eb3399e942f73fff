"""A node that alone cannot reach Redis, and one that is no worse off than the others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from bench.chaos.relay import Relay
from bench.redis import RedisServer
from server.cluster import alone
from server.cluster.alone import AWAY_SECONDS, CHANGES, FRESH_SECONDS, LOOK_SECONDS, SETTLED_SECONDS, STAMP_SECONDS, Judge
from server.cluster.media_wire import lease_of, node_of
from tests.fakes import FakeEngine
from tests.server.cluster.pair import Pair, cluster_of, fence_of, several
from tests.server.cluster.test_media_pages import OFFER, carry, engine_of
from tests.server.running import Running, running, until
from tests.server.test_health import ready

# --- what may be concluded

pauses = st.floats(0.5, 2.0)
# How long until the next look, what the stamp is then, whether Redis is heard
looks = st.lists(st.tuples(pauses, st.sampled_from((1, 2, 3, None)), st.sampled_from((False,) * 15 + (True,))), max_size=30)


@given(looks)
def test_it_is_never_said_without_a_long_silence_and_several_stamps_in_it(
    history: list[tuple[float, int | None, bool]],
) -> None:
    judge, now, began, seen = Judge(), 0.0, None, list[int]()
    for pause, stamp, is_well in history:
        now += pause
        if is_well:
            began, seen = None, []
        elif began is None:
            began = now
        if began is not None and stamp is not None and now - began >= SETTLED_SECONDS and seen[-1:] != [stamp]:
            seen.append(stamp)
        if judge.look(now, stamp, is_well=is_well):
            assert began is not None
            assert now - began >= AWAY_SECONDS
            assert len(seen) > CHANGES


@given(st.lists(pauses, min_size=40, max_size=80), st.floats(0, SETTLED_SECONDS - LOOK_SECONDS))
def test_nobody_is_alone_where_redis_is_away_for_all(waits: list[float], last: float) -> None:
    """The others leave stamps for as long as they have not noticed."""
    judge, now = Judge(), 100.0
    for wait in waits:
        assert not judge.look(now, min(now, 100.0 + last) // STAMP_SECONDS, is_well=False)
        now += wait


@given(st.lists(st.floats(0.5, LOOK_SECONDS), min_size=60, max_size=60), st.floats(0, 3))
def test_whoever_is_alone_finds_out_and_is_not_when_it_is_over(waits: list[float], offset: float) -> None:
    judge, now = Judge(), 100.0
    for wait in waits:
        is_so = judge.look(now, (now + offset) // STAMP_SECONDS, is_well=False)
        if now - 100.0 > max(AWAY_SECONDS, SETTLED_SECONDS + (CHANGES + 1) * STAMP_SECONDS) + LOOK_SECONDS:
            assert is_so
        now += wait
    assert is_so
    assert not judge.look(now, None, is_well=True)
    assert not judge.look(now + LOOK_SECONDS, 1e6, is_well=False)  # and begins anew


def alone_since(pause: float = LOOK_SECONDS) -> tuple[Judge, float]:
    """A judge that has just found it to be so, looking so often at a stamp that is another each time, and when."""
    judge, now = Judge(), 0.0
    while not judge.look(now, now, is_well=False):
        now += pause
        assert now < 60
    return judge, now


@pytest.mark.parametrize(
    ("pause", "seconds"),
    [(0.5, AWAY_SECONDS), (2.0, 12.0)],  # after 6 s it is first compared, with what it is 2, 4 and 6 s later
    ids=["often, but Redis may be back in a moment", "seldom, but three are needed"],
)
def test_both_the_silence_and_the_stamps_have_to_be_enough(pause: float, seconds: float) -> None:
    assert alone_since(pause)[1] == seconds


def test_stamps_that_end_count_for_nothing_after_a_while() -> None:
    judge, now = alone_since()
    last = now
    while now - last <= FRESH_SECONDS:
        now += LOOK_SECONDS
        assert judge.look(now, None, is_well=False) == (now - last <= FRESH_SECONDS)  # nor does a database that is away
    assert not judge.look(now + LOOK_SECONDS, now, is_well=False)  # one alone says little


def test_whoever_did_not_run_knows_nothing() -> None:
    judge, now = alone_since()
    assert not judge.look(now + alone.ASLEEP_SECONDS + 1, now, is_well=False)


# --- nodes


@asynccontextmanager
async def nodes_by_wires(directory: Path, database_url: str, redis_url: str) -> AsyncIterator[tuple[Pair, dict[str, Relay]]]:
    """Two nodes, each with a wire of its own to Redis."""
    parts = urlsplit(redis_url)
    assert parts.port
    async with AsyncExitStack() as stack:
        wires, found = {}, []
        for name in "ab":
            wire = wires[name] = Relay(parts.port)
            await wire.open()
            stack.push_async_callback(wire.close)
            (directory / name).mkdir()
            settings = several(database_url, f"redis://127.0.0.1:{wire.port}{parts.path}")
            found.append(await stack.enter_async_context(running(directory / name, **settings)))
        both = Pair(*found)
        for node in both:
            fence_of(node)
        await until(lambda: all(cluster_of(node).nodes.others for node in both))
        await carry(both)
        yield both, wires


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Less patience, for the same conclusions; more where a busy machine needs it."""
    if "redis_url" in request.fixturenames:
        for name, seconds in {"STAMP": 0.3, "LOOK": 0.1, "AWAY": 2.5, "SETTLED": 2.0, "ASLEEP": 60.0, "FRESH": 60.0}.items():
            monkeypatch.setattr(alone, f"{name}_SECONDS", seconds)


async def test_whoever_is_cut_off_alone_sends_its_people_to_the_others_and_comes_back(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with nodes_by_wires(tmp_path, postgres_place, redis_url) as (nodes, wires):
        await nodes.go_live()
        await place_there(nodes)
        tab = await nodes.b.client("anna")
        here = await nodes.a.client("bo")
        wires["b"].turn("cut")
        assert await tab.closed() == 1012
        assert cluster_of(nodes.b).alone.is_so
        local = engine_of(nodes.b)._local
        assert isinstance(local, FakeEngine)
        await until(lambda: not engine_of(nodes.b)._keeper.lease.holds and not local.peers)
        assert await ready(nodes.b) == (503, ["redis"])
        with pytest.raises(InvalidStatus) as refused:
            await nodes.b.connect("anna")
        assert refused.value.response.status_code == 503
        again = await offer(nodes.a, "anna")
        assert node_of(lease_of(again)) == cluster_of(nodes.a).nodes.id
        assert here.close_code is None
        assert await ready(nodes.a) == (200, [])
        wires["b"].turn("through")
        await nodes.well()
        assert await ready(nodes.b) == (200, [])
        await nodes.b.client("anna")
        await until(lambda: engine_of(nodes.b)._known_home("s1") == engine_of(nodes.a)._keeper.lease.id)


async def place_there(nodes: Pair) -> None:
    """Anna has a seat at the second."""
    first = engine_of(nodes.a)
    first._is_draining = True  # as far as it says
    await first._keeper.renew()
    await engine_of(nodes.b)._keeper.renew()
    assert node_of(lease_of(await offer(nodes.b, "anna"))) == cluster_of(nodes.b).nodes.id
    first._is_draining = False


async def offer(node: Running, person_id: str) -> str:
    """The peer of somebody who asks for a seat until it is there."""
    found: list[Any] = []

    async def is_answered() -> bool:
        answered = await page.post("/media/s1", json=OFFER)
        found.append(answered)
        return answered.status_code == 201

    async with await node.browser(person_id) as page:
        await until(is_answered)
    location: str = found[-1].headers["Location"]
    return location.rpartition("/")[2]


async def test_where_redis_is_away_for_all_everybody_stays_where_they_are(
    tmp_path: Path, postgres_place: str, redis: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    look = Judge.look

    def noted(judge: Judge, now: float, stamp: float | None, *, is_well: bool) -> bool:
        told.append(look(judge, now, stamp, is_well=is_well))
        return told[-1]

    async with nodes_by_wires(tmp_path, postgres_place, redis_url) as (nodes, wires):
        await nodes.go_live()
        peer = await offer(nodes.b, "anna")
        home = next(node for node in nodes if cluster_of(node).nodes.id == node_of(lease_of(peer)))
        local = engine_of(home)._local
        assert isinstance(local, FakeEngine)
        await nodes.well()
        for wire in wires.values():
            wire.turn("cut")
        await nodes.apart()
        monkeypatch.setattr(Judge, "look", noted)
        await until(lambda: len(told) > 80)  # twice as long as it takes whoever is alone
        assert not any(told)
        assert not any([cluster_of(node).alone.is_so for node in nodes])
        assert len(local.peers) == 1
        for wire in wires.values():
            wire.turn("through")
        await nodes.well()


async def test_one_node_leaves_stamps_for_all(tmp_path: Path, postgres_place: str, redis_url: str) -> None:
    async with nodes_by_wires(tmp_path, postgres_place, redis_url) as (nodes, _):
        eldest = next(node for node in nodes if cluster_of(node).nodes.is_eldest)
        other = next(node for node in nodes if node is not eldest)
        never = cluster_of(other).alone._stamped_at = -math.inf  # since they know each other
        for _ in range(3):
            before = await stamp_of(other)
            await until(lambda before=before: changed(other, before))  # type: ignore[misc]
        assert cluster_of(eldest).alone._stamped_at > cluster_of(other).alone._stamped_at == never


async def stamp_of(node: Running) -> float | None:
    return await cluster_of(node).alone._read()


async def changed(node: Running, first: float | None) -> bool:
    await asyncio.sleep(0.05)
    return await stamp_of(node) != first

"""Several workers: rooms among them, and one that dies without disturbing the others."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from live.control import EngineDown, EngineUp, PeersLost
from live.engine import EmbeddedEngine, default_workers
from tests.live.clients import all_closed, publish, watch
from tests.live.conftest import Told, until


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    async with EmbeddedEngine(("127.0.0.1",), workers=2) as running:
        yield running


def index_of(peer_id: str) -> int:
    return int(peer_id.partition(".")[0])


async def test_rooms_are_shared_out_and_each_is_whole(engine: EmbeddedEngine) -> None:
    anna, bo = await publish(engine, "left", "anna"), await publish(engine, "right", "bo")
    watching = await watch(engine, "left"), await watch(engine, "right")
    async with all_closed(anna, bo, *watching):
        for viewer in watching:
            await viewer.until_frames("0", 3)
        places = [client.admission.peer_id for client in (anna, watching[0], bo, watching[1]) if client.admission]
        assert list(map(index_of, places)) == [0, 0, 1, 1]
        first, second = await engine.statistics()
        assert (first.name, set(first.rooms), second.name, set(second.rooms)) == ("0", {"left"}, "1", {"right"})


async def test_when_a_worker_dies_the_rooms_of_others_go_on_and_its_own_come_back(
    engine: EmbeddedEngine, told: Told
) -> None:
    anna, bo = await publish(engine, "left", "anna"), await publish(engine, "right", "bo")
    viewer = await watch(engine, "right")
    assert anna.admission and engine.pids[0]
    os.kill(engine.pids[0], signal.SIGKILL)
    await told.until(lambda all: any(isinstance(n, PeersLost) for n in all))
    (lost,) = [n for n in told.all if isinstance(n, PeersLost)]
    assert anna.admission.peer_id.startswith(lost.prefix) and lost.tapped == ()
    again = await publish(engine, "left", "anna")  # at once, where there is a worker
    beside = await watch(engine, "left")
    async with all_closed(anna, bo, viewer, again, beside):
        assert again.admission and index_of(again.admission.peer_id) == 1
        await beside.until_frames("0", 3)
        await viewer.until_frames("0", viewer.frames.get("0", 0) + 5)
        await until(lambda: engine.pids[0] is not None and all(w.is_up for w in engine._workers))
        assert len(await engine.statistics()) == 2
        assert not any(isinstance(n, EngineDown) for n in told.all)
        assert sum(isinstance(n, EngineUp) for n in told.all) == 1


async def test_when_all_die_the_engine_is_down(engine: EmbeddedEngine, told: Told) -> None:
    for pid in engine.pids:
        assert pid
        os.kill(pid, signal.SIGKILL)
    await told.until(lambda all: sum(isinstance(n, EngineUp) for n in all) == 2)
    kinds = [type(n) for n in told.all]
    assert kinds in ([EngineUp, PeersLost, EngineDown, EngineUp], [EngineUp, EngineDown, EngineUp])


async def test_what_concerns_a_room_reaches_whoever_has_it(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "left", "anna")
    bo = await publish(engine, "right", "bo")
    async with all_closed(anna, bo):
        assert bo.admission
        await engine.remove("right", bo.admission.peer_id)
        await bo.ended()
        await engine.remove("right", "no such peer")
        await engine.remove_label("left", "anna", senders_only=True)
        await anna.ended()


def test_there_is_a_worker_for_each_processor() -> None:
    assert 1 <= default_workers() <= 64


async def test_a_worker_whose_port_is_taken_does_not_keep_the_others_from_their_work() -> None:
    async with EmbeddedEngine(("127.0.0.1",)) as other, asyncio.timeout(60):
        engine = EmbeddedEngine(("127.0.0.1",), other.port - 1, workers=2)
        engine.begin()
        await engine.wait_until_up()
        try:
            anna = await publish(engine, "left", "anna")
            async with all_closed(anna):
                assert len(await engine.statistics()) == 1
        finally:
            await engine.stop()

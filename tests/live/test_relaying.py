"""A room whose viewers sit in two workers: real workers, real clients."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from live.control import PeersLost, SlotsChanged
from live.engine import EmbeddedEngine
from tests.live.clients import Client, all_closed, publish, watch
from tests.live.conftest import Told, until


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    """Two workers; a room is large from its third peer on."""
    async with EmbeddedEngine(("127.0.0.1",), workers=2, small=2) as running:
        yield running


def index_of(client: Client) -> int:
    assert client.admission
    return int(client.admission.peer_id.partition(".")[0])


async def more_frames(*viewers: Client, count: int = 5) -> None:
    for viewer in viewers:
        await viewer.until_frames("0", viewer.frames.get("0", 0) + count)


async def test_viewers_in_both_workers_see_and_hear_the_publisher(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "plenum", "anna", shade=200)
    viewers = [await watch(engine, "plenum", f"viewer{n}") for n in range(4)]
    async with all_closed(anna, *viewers):
        assert [index_of(client) for client in (anna, *viewers)] == [0, 0, 1, 1, 0]
        for viewer in viewers:
            await viewer.until_frames("0", 5)
            await viewer.until_frames("1", 20)
            assert abs(viewer.shade("0") - 200) < 20
        home, other = await engine.statistics()
        assert home.rooms["plenum"].slots["programme"].source == other.rooms["plenum"].slots["programme"].source == "anna"
        assert home.relays.sent and other.relays.received and home.relays.links == other.relays.links == 1
        assert home.relays.dropped == 0


async def test_who_comes_and_goes_is_seen_in_both_workers(engine: EmbeddedEngine, told: Told) -> None:
    viewers = [await watch(engine, "plenum", f"viewer{n}") for n in range(3)]  # before there is anything to see
    anna = await publish(engine, "plenum", "anna", shade=60)
    async with all_closed(anna, *viewers):
        await more_frames(*viewers)
        bo = await publish(engine, "plenum", "bo", shade=200)
        await told.until(
            lambda all: any(isinstance(n, SlotsChanged) and {"anna", "bo"} <= set(n.slots.values()) for n in all)
        )
        await anna.close()
        async with all_closed(bo):
            for viewer in viewers:
                await viewer.until(lambda viewer=viewer: abs(viewer.shade("0") - 200) < 20)  # type: ignore[misc]


async def test_a_viewers_own_voice_is_kept_from_it_in_every_worker(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "plenum", "anna")
    others = [await watch(engine, "plenum", f"viewer{n}") for n in range(2)]
    phone = await watch(engine, "plenum", "anna")  # her second device
    async with all_closed(anna, phone, *others):
        beside = next(client for client in others if index_of(client) == 1)
        both = [await watch(engine, "plenum", "anna") for _ in range(2)]
        async with all_closed(*both):
            assert {index_of(client) for client in (phone, *both)} == {0, 1}
            await beside.until_frames("1", 20)
            for device in (phone, *both):
                await more_frames(device)  # the picture, yes
                assert device.frames.get("1", 0) == 0


async def test_when_a_follower_dies_only_its_viewers_are_concerned(engine: EmbeddedEngine, told: Told) -> None:
    anna = await publish(engine, "plenum", "anna")
    viewers = [await watch(engine, "plenum", f"viewer{n}") for n in range(2)]
    assert [index_of(client) for client in viewers] == [0, 1] and engine.pids[1]
    os.kill(engine.pids[1], signal.SIGKILL)
    await told.until(lambda all: any(isinstance(n, PeersLost) for n in all))
    again = await watch(engine, "plenum", "viewer1")
    async with all_closed(anna, again, *viewers):
        await more_frames(viewers[0], again)


async def test_when_the_home_dies_its_followers_keep_their_viewers(engine: EmbeddedEngine, told: Told) -> None:
    anna = await publish(engine, "plenum", "anna", shade=60)
    viewers = [await watch(engine, "plenum", f"viewer{n}") for n in range(2)]
    assert [index_of(client) for client in viewers] == [0, 1] and engine.pids[0]
    await more_frames(*viewers)
    os.kill(engine.pids[0], signal.SIGKILL)
    await told.until(lambda all: any(isinstance(n, PeersLost) for n in all))
    again = await publish(engine, "plenum", "anna", shade=200)
    async with all_closed(anna, again, *viewers):
        assert index_of(again) == 1
        await viewers[1].until(lambda: abs(viewers[1].shade("0") - 200) < 20)  # the connection that it had
        await until(lambda: all(worker.is_up for worker in engine._workers))
        late = await watch(engine, "plenum", "late")  # in the worker that came back, from the new home
        async with all_closed(late), asyncio.timeout(60):
            assert index_of(late) == 0
            await late.until_frames("0", 5)
            await late.until_frames("1", 10)


async def test_a_room_ends_in_every_worker(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "plenum", "anna")
    viewers = [await watch(engine, "plenum", f"viewer{n}") for n in range(3)]
    async with all_closed(anna, *viewers):
        await more_frames(*viewers)
        await engine.remove_receivers("plenum")
        for viewer in viewers:
            await viewer.ended()
        await engine.remove_label("plenum", "anna", senders_only=True)
        await anna.ended()
        async with asyncio.timeout(60):
            while any(worker.rooms or worker.relays.links for worker in await engine.statistics()):  # noqa: ASYNC110  (in other processes)
                await asyncio.sleep(0.05)

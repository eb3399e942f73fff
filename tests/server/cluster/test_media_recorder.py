"""A recording is made where its room is, whoever asks for it, and goes on in the same file where the room goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from live.control import EngineUp, MediaRefused, Notification, PeersLost
from recordings.catalogue import probe
from server.cluster.media_recorder import ClusterRecorder
from server.settings import Settings
from tests.server.cluster.test_media_nodes import nodes
from tests.server.test_recorder import TappingEngine, path_of, reaches


class Carrying(TappingEngine):
    """Says that it is up, and nothing more."""

    async def notifications(self) -> AsyncIterator[Notification]:
        yield EngineUp(udp_port=9, tcp_port=9)
        await asyncio.Event().wait()


async def test_a_recording_is_made_where_its_room_is_and_moves_with_it(tmp_path: Path, redis_url: str) -> None:
    one, other = Carrying(), Carrying()
    async with nodes(redis_url, one, other) as (a, b):
        recorders = [ClusterRecorder(Settings(directory=tmp_path), node.engine) for node in (a, b)]
        told: list[tuple[int, bool]] = []
        for number, recorder in enumerate(recorders):
            recorder.on_recording = lambda name, is_here, number=number: told.append((number, is_here))  # type: ignore[misc]
        try:
            assert (await a.engine._keeper.home("s1")).lease == "a.1"
            await recorders[1].start("s1", "s1", "s1-r1")
            await recorders[1].start("s1", "s1", "s1-r1")
            assert (len(one.taps), len(other.taps)) == (1, 0) and recorders[0].has("s1-r1")
            with pytest.raises(MediaRefused, match="another node"):
                await b.engine.tap("s1", "mine", "127.0.0.1", 9, 9)
            await reaches(path_of(tmp_path), 1.0)
            await b.engine._keeper.renew()
            await a.engine._keeper.renew()
            await a.engine.drain()
            await a.hears(PeersLost, tapped=("s1",))
            for recorder in recorders:  # as each node does when it hears so
                await recorder.retap(("s1",))
                await recorder.start("s1", "s1", "s1-r1")
            assert (len(one.taps), len(other.taps)) == (0, 1)
            assert told == [(0, True), (0, True), (0, False), (1, True), (1, True)]
            before = probe(path_of(tmp_path)) or 0.0
            await reaches(path_of(tmp_path), before + 1.0)
            duration = await recorders[0].stop("s1-r1")
            assert duration >= before + 1.0 and not other.taps
            assert probe(path_of(tmp_path)) == pytest.approx(duration, abs=0.05)
        finally:
            for recorder in recorders:
                await recorder.close()

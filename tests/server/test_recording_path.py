"""The whole path: a WebRTC publisher, the media engine in its process, its tap, a recorder in its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy

from live.control import EngineUp
from live.engine import EmbeddedEngine
from recordings.catalogue import probe
from server.recorder import Recorder
from server.settings import Settings
from tests.live.clients import HEIGHT, WIDTH, all_closed, publish
from tests.recordings.media import decoded, heard


async def until(condition: Callable[[], bool]) -> None:
    """Looks until the file shows it."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110, a file does not tell that it grew
            await asyncio.sleep(0.1)


def real_pictures(path: Path) -> int:
    """How many there are that are no slate."""
    return sum(frame.shape == (HEIGHT * 3 // 2, WIDTH) for _, frame in decoded(path)) if probe(path) else 0


async def test_what_a_speaker_sends_is_on_the_recording_also_after_the_worker_was_killed(tmp_path: Path) -> None:
    path = Settings(directory=tmp_path).recordings / "s1-r1.mp4"
    async with EmbeddedEngine(("127.0.0.1",)) as engine:
        ups = (n async for n in engine.notifications() if isinstance(n, EngineUp))
        await anext(ups)
        recorder = Recorder(Settings(directory=tmp_path), engine)
        await recorder.start("s1", "s1", "s1-r1")
        speaker = await publish(engine, "s1", "anna", shade=60)
        async with all_closed(speaker):
            await until(lambda: real_pictures(path) >= 20)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        await anext(ups)
        await recorder.retap()
        speaker = await publish(engine, "s1", "bertil", shade=200)
        async with all_closed(speaker):
            before = real_pictures(path)
            await until(lambda: real_pictures(path) >= before + 20)
            duration = await recorder.stop("s1-r1")
    frames = [frame for _, frame in decoded(path) if frame.shape == (HEIGHT * 3 // 2, WIDTH)]
    assert duration > 3 and abs(heard(path)).max() > 0.05
    shades = [int(numpy.median(frame[:HEIGHT])) for frame in frames]
    assert shades[0] < 100 < 150 < shades[-1], "the first speaker, then the second"

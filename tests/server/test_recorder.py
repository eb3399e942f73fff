"""Recorders as the server has them: real processes, real UDP, a media engine that only taps."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from live.control import (
    RECORDABLE,
    Admission,
    IceParameters,
    MediaRefused,
    Notification,
    RoomKind,
    RoomReport,
    TapFormat,
    Use,
    WorkerStatistics,
)
from recordings.boxes import INDEX_SIZE
from recordings.catalogue import Catalogue, probe
from server.recorder import Death, Recorder, RecorderFailed
from server.settings import Settings
from tests.recordings.media import TAP, Tap, decoded


class TappingEngine:
    """A `MediaEngine` whose rooms all have the same programme. `is_down` refuses new taps; `restart` forgets all."""

    def __init__(self) -> None:
        self.taps: dict[tuple[str, str], tuple[Tap, AsyncExitStack]] = {}
        self.is_down = False
        self.codecs: list[tuple[str, ...]] = []  # that each tap might have

    async def tap(
        self, room: str, tap_id: str, host: str, video_port: int, audio_port: int, codecs: tuple[str, ...] = RECORDABLE
    ) -> TapFormat:
        if self.is_down:
            raise MediaRefused("media_unavailable")
        await self.untap(room, tap_id)
        stack = AsyncExitStack()
        self.codecs.append(codecs)
        self.taps[room, tap_id] = await stack.enter_async_context(Tap(video_port, audio_port)), stack
        return TAP

    async def untap(self, room: str, tap_id: str) -> None:
        if (known := self.taps.pop((room, tap_id), None)) is not None:
            await known[1].aclose()

    async def restart(self) -> None:
        for room, tap_id in list(self.taps):
            await self.untap(room, tap_id)

    async def admit(
        self,
        room: str,
        label: str,
        offer: str,
        uses: dict[str, Use] | None,
        *,
        may_send: bool,
        may_receive: bool,
        kind: RoomKind = "stage",
    ) -> Admission:
        raise NotImplementedError

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        raise NotImplementedError

    async def remove(self, room: str, peer_id: str) -> None:
        raise NotImplementedError

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        raise NotImplementedError

    async def remove_receivers(self, room: str) -> None:
        raise NotImplementedError

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        raise NotImplementedError

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        return ()

    async def room(self, room: str) -> RoomReport:
        raise NotImplementedError

    def notifications(self) -> AsyncIterator[Notification]:
        raise NotImplementedError


@pytest.fixture
async def engine() -> AsyncIterator[TappingEngine]:
    made = TappingEngine()
    yield made
    await made.restart()


@pytest.fixture
async def recorder(engine: TappingEngine, tmp_path: Path) -> AsyncIterator[Recorder]:
    made = Recorder(Settings(directory=tmp_path), engine)
    yield made
    await made.close()


def path_of(tmp_path: Path, recording_id: str = "s1-r1") -> Path:
    return Catalogue(Settings(directory=tmp_path).recordings).path(recording_id)


def process_of(recorder: Recorder, recording_id: str = "s1-r1") -> int:
    process = recorder._takes[recording_id].process
    assert process is not None
    return process.pid


def environment_of(process: int) -> bytes:
    path = Path(f"/proc/{process}/environ")
    return path.read_bytes() if path.exists() else b""  # macOS does not tell


async def reaches(path: Path, seconds: float) -> None:
    """Waits until a player sees so much of the file."""
    while (await asyncio.to_thread(probe, path) or 0) < seconds:  # noqa: ASYNC110, a file does not tell that it grew
        await asyncio.sleep(0.05)


async def first_death(recorder: Recorder) -> Death:
    return await anext(recorder.deaths())


async def test_a_recording_from_start_to_stop(engine: TappingEngine, recorder: Recorder, tmp_path: Path) -> None:
    assert not path_of(tmp_path).parent.exists(), "nothing is written before the button is pressed"
    await recorder.start("s1", "s1", "s1-r1")
    await recorder.start("s1", "s1", "s1-r1")
    assert len(engine.taps) == 1
    await reaches(path_of(tmp_path), 1.0)
    duration = await recorder.stop("s1-r1")
    assert not engine.taps and duration >= 1.0
    assert probe(path_of(tmp_path)) == pytest.approx(duration, abs=0.05)
    assert await recorder.stop("s1-r1") == duration, "stopping again finds the same"


async def test_a_killed_recorder_goes_on_in_the_same_file(engine: TappingEngine, recorder: Recorder, tmp_path: Path) -> None:
    await recorder.start("s1", "s1", "s1-r1")
    await reaches(path_of(tmp_path), 1.0)
    first = process_of(recorder)
    os.kill(first, signal.SIGKILL)
    began = time.monotonic()
    await reaches(path_of(tmp_path), 4.0)
    lost = time.monotonic() - began + 2.0  # what a kill takes with it
    assert process_of(recorder) != first
    duration = await recorder.stop("s1-r1")
    times = [at for at, _ in decoded(path_of(tmp_path))]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert duration >= 4.0 and times == sorted(times)
    assert max(gaps) < lost and times[-1] > 3.0


async def test_a_restarted_engine_is_tapped_again(engine: TappingEngine, recorder: Recorder, tmp_path: Path) -> None:
    await recorder.start("s1", "s1", "s1-r1")
    await reaches(path_of(tmp_path), 0.5)
    await engine.restart()
    engine.is_down = True
    await recorder.retap()
    engine.is_down = False
    before = len(decoded(path_of(tmp_path)))
    await recorder.retap()
    ((tap, _),) = engine.taps.values()
    await reaches(path_of(tmp_path), (probe(path_of(tmp_path)) or 0) + 2.5)
    await recorder.stop("s1-r1")
    assert len(decoded(path_of(tmp_path))) >= before + 20 and tap.asked >= 1
    assert engine.codecs == [("H264", "VP8"), ("H264",)]  # a file keeps the codec that it began with


async def test_a_recorder_that_cannot_write_is_told(engine: TappingEngine, recorder: Recorder, tmp_path: Path) -> None:
    await recorder.start("s1", "s1", "s1-r1")
    room = INDEX_SIZE + 90_000
    resource.prlimit(process_of(recorder), resource.RLIMIT_FSIZE, (room, room))
    death = await first_death(recorder)
    assert death == Death("s1", "s1-r1", "disk_full") and not engine.taps
    assert await recorder.stop("s1-r1") == pytest.approx(probe(path_of(tmp_path)), abs=0.05)


async def test_a_recorder_that_never_lives_is_given_up(recorder: Recorder, tmp_path: Path) -> None:
    await recorder.start("s1", "s1", "s1-r1")
    await reaches(path_of(tmp_path), 0.5)
    deaths = asyncio.create_task(first_death(recorder))
    killed = 0
    while not deaths.done():
        take = recorder._takes.get("s1-r1")
        if take is not None and take.process is not None and take.process.pid != killed:
            killed = take.process.pid
            os.kill(killed, signal.SIGKILL)
        await asyncio.wait({deaths}, timeout=0.02)
    assert deaths.result().reason == "died"
    assert await recorder.stop("s1-r1") >= 0.5


async def test_without_the_engine_nothing_starts(engine: TappingEngine, recorder: Recorder) -> None:
    engine.is_down = True
    with pytest.raises(MediaRefused):
        await recorder.start("s1", "s1", "s1-r1")
    assert await recorder.recover("s1-r1") is None
    with pytest.raises(RecorderFailed):
        await recorder.stop("s1-r1")


async def test_a_recorder_outlives_a_killed_server_and_is_found_whole(
    engine: TappingEngine, recorder: Recorder, tmp_path: Path
) -> None:
    await recorder.start("s1", "s1", "s1-r1")
    await reaches(path_of(tmp_path), 1.0)
    process = recorder._takes["s1-r1"].process
    assert process is not None and process.stdin is not None
    process.stdin.close()  # what the kernel does when the server is killed
    duration = await Recorder(Settings(directory=tmp_path), engine).recover("s1-r1")
    assert duration == pytest.approx(probe(path_of(tmp_path)), abs=0.05)


@pytest.mark.parametrize("recording_id", ["../s1", "", "a/b", "x" * 65, "s1.mp4", "s1\0"])
async def test_what_is_no_id_reaches_no_file(recorder: Recorder, recording_id: str) -> None:
    with pytest.raises(ValueError):
        await recorder.start("s1", "s1", recording_id)
    with pytest.raises(ValueError):
        await recorder.recover(recording_id)


async def test_the_recorder_does_not_get_the_servers_secrets(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLENUM_SECRET", "do not pass on")
    await recorder.start("s1", "s1", "s1-r1")
    assert b"PLENUM_" not in environment_of(process_of(recorder))

"""The recorder process itself, over real UDP: finished, killed, out of space, lied to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from recordings.boxes import INDEX_SIZE
from recordings.catalogue import Catalogue, probe
from recordings.cmaf import Recording, slates
from recordings.reception import Reception, Result
from recordings.recorder import Recorder
from tests.recordings.media import TAP, Stream, Tap, decoded, heard, pictures, video

PATIENCE_SECONDS = 60.0


class Started:
    """A recorder that has said its ports."""

    def __init__(self, process: Process, ports: dict[str, int]) -> None:
        self.process, self.video_port, self.audio_port = process, ports["video_port"], ports["audio_port"]

    def tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    async def result(self) -> Result:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        return msgspec.json.decode(await self.process.stdout.readline(), type=Result)


@contextlib.asynccontextmanager
async def recorder(path: Path) -> AsyncIterator[Started]:
    arguments = (sys.executable, "-m", "recordings.recorder", "--output", str(path))
    process = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None and process.stdin is not None
    try:
        yield Started(process, msgspec.json.decode(await process.stdout.readline()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def reaches(path: Path, seconds: float) -> None:
    """Waits until a player sees so much of the file."""
    while (await asyncio.to_thread(probe, path) or 0) < seconds:  # noqa: ASYNC110, a file does not tell that it grew
        await asyncio.sleep(0.05)


async def test_it_records_what_it_hears_and_asks_for_key_frames(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    async with recorder(path) as started, Tap(started.video_port, started.audio_port) as tap:
        started.tell(msgspec.json.encode(TAP))
        await reaches(path, 2.5)
        result = await started.result()
        assert await started.process.wait() == 0
    assert (result.error, result.lost, result.dropped) == ("", 0, 0)
    assert len(decoded(path)) == result.frames >= 70 and tap.asked >= 2
    assert probe(path) == pytest.approx(result.duration, abs=0.05)
    assert abs(heard(path)).max() > 0.1
    assert path.stat().st_mode & 0o007 == 0, "not for everybody's eyes"


@pytest.mark.parametrize("seed", range(2))
async def test_a_killed_recorder_leaves_all_but_the_last_two_seconds(tmp_path: Path, seed: int) -> None:
    catalogue = Catalogue(tmp_path)
    path = catalogue.path("s1-r1")
    async with recorder(path) as started, Tap(started.video_port, started.audio_port) as tap:
        started.tell(msgspec.json.encode(TAP))
        await reaches(path, 1.0 + random.Random(seed).random())
        started.process.kill()
        lived = tap.sent  # not by the clock: on a busy machine the sender is late too
        await started.process.wait()
    plays = probe(path)
    assert plays is not None and plays >= lived - 2.0
    before = decoded(path)
    assert len(before) >= (lived - 2.0) * 30
    assert catalogue.recover("s1-r1") == pytest.approx(plays, abs=0.1)
    assert len(decoded(path)) == len(before)


async def test_a_file_that_exists_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    for until in (1.5, 3.5):
        async with recorder(path) as started, Tap(started.video_port, started.audio_port):
            started.tell(msgspec.json.encode(TAP))
            await reaches(path, until)
            if until == 1.5:
                started.process.kill()
                await started.process.wait()
                first = len(decoded(path))
            else:
                result = await started.result()
    times = [at for at, _ in decoded(path)]
    assert len(times) == first + result.frames and times == sorted(times)
    assert result.duration == pytest.approx(probe(path) or 0, abs=0.05) and result.duration >= 3.5


async def test_sigterm_finishes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    async with recorder(path) as started, Tap(started.video_port, started.audio_port):
        started.tell(msgspec.json.encode(TAP))
        await reaches(path, 1.0)
        started.process.send_signal(signal.SIGTERM)
        result = await started.result()
        assert await started.process.wait() == 0
    assert probe(path) == pytest.approx(result.duration, abs=0.05)


async def test_a_full_disk_ends_it_with_the_reason_and_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    async with recorder(path) as started, Tap(started.video_port, started.audio_port):
        room = INDEX_SIZE + 120_000
        resource.prlimit(started.process.pid, resource.RLIMIT_FSIZE, (room, room))
        started.tell(msgspec.json.encode(TAP))
        assert await started.process.wait() == 1
        result = await started.result()
    assert result.error == "disk_full"
    assert probe(path) == pytest.approx(result.duration, abs=0.05) and result.duration > 0.4
    assert len(decoded(path)) >= 10


async def test_only_the_taps_own_packets_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        async with recorder(path) as started, Tap(started.video_port, started.audio_port):
            started.tell(msgspec.json.encode(TAP))
            await reaches(path, 0.5)
            for _, _, data in video(Stream("video", 77), pictures(640, 360, 30)):
                stranger.sendto(data, ("127.0.0.1", started.video_port))
            stranger.sendto(os.urandom(1500), ("127.0.0.1", started.audio_port))
            await reaches(path, 1.5)
            result = await started.result()
    assert result.foreign > 30
    assert {frame.shape for _, frame in decoded(path)} == {(270, 320)}


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"video":1}', b"[" * 100_000], ids=["text", "empty", "type", "long"])
async def test_a_request_it_cannot_read_ends_it(tmp_path: Path, line: bytes) -> None:
    async with recorder(tmp_path / "s1-r1.mp4") as started:
        started.tell(line)
        assert (await started.result()).error == "bad_request"


@pytest.mark.parametrize("broken", ["tick", "retap"])
async def test_a_bug_ends_the_recorder_and_is_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Silence would go on being recorded, and nobody would know."""
    with contextlib.closing(Recording(tmp_path / "s1-r1.mp4", slates())) as recording:
        recorder = Recorder(recording, 0.0)

        def fail(*_: object) -> None:
            raise KeyError("a bug")

        monkeypatch.setattr(Reception, broken, fail)
        commands = asyncio.StreamReader()
        commands.feed_data(msgspec.json.encode(TAP) + b"\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(KeyError, match="a bug"):
                await recorder.run(commands)


async def test_what_it_has_to_say_is_json_lines_about_nobody() -> None:
    """Its last words, too."""
    script = (
        "import sys\nfrom recordings import recorder\n"
        "async def record(path):\n    raise KeyError('p00112233445566aa')\n"
        "recorder.record = record\nsys.argv = ['recorder', '--output', 's1-r1.mp4']\nrecorder.main()"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE, stderr=PIPE)
    _, told = await process.communicate()
    (line,) = [msgspec.json.decode(each) for each in told.splitlines()]
    assert (line["recorder"], line["level"]) == ("s1-r1", "critical")
    assert line["exception"][0]["exc_value"] == "'(person)'"


async def test_two_recorders_never_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "s1-r1.mp4"
    async with recorder(path):
        arguments = (sys.executable, "-m", "recordings.recorder", "--output", str(path))
        second = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE)
        output, _ = await second.communicate()
    assert msgspec.json.decode(output, type=Result).error == "busy" and second.returncode == 1

"""The recorders: one process for each recording that is being made, fed by a tap of the media engine.

A recorder that is killed is started again and goes on in the same file; one that cannot write says why and is told to who
reads `deaths`. Recorders end with their stdin, so they also finish when this server is killed, and what they wrote plays.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import structlog

from live.control import MediaEngine, MediaRefused
from recordings.catalogue import Busy, Catalogue
from recordings.reception import Result
from server.circles import of_media_room
from server.settings import Settings

START_SECONDS: Final = 15.0  # until a recorder says where it listens
FINISH_SECONDS: Final = 15.0  # until it has written the end
FALLS: Final = 5  # deaths in a row, each within `STEADY_SECONDS` of its start, after which it is given up
STEADY_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.2  # before a new start, times the number of falls
LOOPBACK: Final = "127.0.0.1"

_log = structlog.get_logger("recorder")


class RecorderFailed(Exception):
    """A recording could not be started, or has nothing that plays. The message is for the log and the journal."""


@dataclass(frozen=True)
class Death:
    """A recording ended without being told to. `reason` is `disk_full`, `write_failed`, `busy` or `died`."""

    session_id: str
    recording_id: str
    reason: str


class _Ports(msgspec.Struct, frozen=True):
    """Where a recorder listens, and the codecs that pictures may come in: of a file that has begun its own."""

    video_port: int
    audio_port: int
    codecs: tuple[str, ...]


@dataclass
class _Take:
    """A recording in progress: its process, which may be a later one than the first."""

    session_id: str
    room: str
    recording_id: str
    path: Path
    process: Process | None = None
    ports: _Ports | None = None
    codec: str = ""  # of its first tap, and so of the file
    started_at: float = 0.0
    falls: int = 0
    is_stopping: bool = False
    result: Result | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # starts, taps and the stop happen one after the other
    watch: asyncio.Task[None] | None = None

    @property
    def tap_id(self) -> str:
        return f"recording-{self.recording_id}"


class Recorder:
    """Starts and stops recordings. `deaths` has one reader."""

    def __init__(self, settings: Settings, media: MediaEngine) -> None:
        self._catalogue = Catalogue(settings.recordings)
        self._media = media
        self._takes: dict[str, _Take] = {}
        # One entry a recording at most; when nobody reads them, watchers wait.
        self._deaths: asyncio.Queue[Death] = asyncio.Queue(100)

    def has(self, recording_id: str) -> bool:
        """Whether it is being made here."""
        return recording_id in self._takes

    async def start(self, session_id: str, room: str, recording_id: str) -> None:
        """Records `room` from now on. Harmless if it does already; a recording that exists is gone on with. Raises
        `RecorderFailed`, `MediaRefused` or `OSError`, and then nothing runs."""
        if recording_id in self._takes:
            return
        if of_media_room(room)[1]:
            raise RecorderFailed("breakout rooms are never recorded")
        path = self._catalogue.path(recording_id)
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        take = self._takes[recording_id] = _Take(session_id, room, recording_id, path)
        try:
            async with take.lock:
                process = await self._launch(take)
                try:
                    await self._tap(take, process)
                except BaseException:
                    await _kill(process)
                    raise
                take.watch = asyncio.create_task(self._watch(take))
        except BaseException:
            self._takes.pop(recording_id, None)
            raise

    async def stop(self, recording_id: str) -> float:
        """Ends a recording and returns its duration in seconds, also if it ended by itself before. Raises
        `RecorderFailed` where there is nothing that plays."""
        await self.finish(recording_id)
        duration = await self.recover(recording_id)
        if duration is None:
            raise RecorderFailed("nothing was written")
        return duration

    async def finish(self, recording_id: str) -> bool:
        """Ends the recorder. False: there is none here."""
        take = self._takes.pop(recording_id, None)
        if take is not None:
            await self._end(take)
        return take is not None

    @property
    def recorded(self) -> dict[str, str]:
        """The room of each recording that is being made here."""
        return {recording_id: take.room for recording_id, take in self._takes.items()}

    async def recover(self, recording_id: str) -> float | None:
        """Makes what there is of a recording whole, in case its recorder was killed. Returns its duration in seconds, None
        where there is nothing that plays. A recorder that outlived a killed server is given time to finish."""
        async with asyncio.timeout(FINISH_SECONDS):
            while True:
                with contextlib.suppress(Busy):
                    return await asyncio.to_thread(self._catalogue.recover, recording_id)
                await asyncio.sleep(PAUSE_SECONDS)

    async def retap(self, rooms: tuple[str, ...] | None = None) -> None:
        """The media engine is back: recordings of these rooms, or all, are connected to them again."""
        for take in [take for take in self._takes.values() if rooms is None or take.room in rooms]:
            async with take.lock:
                if not take.is_stopping and take.process is not None and take.process.returncode is None:
                    await self._try_tap(take, take.process)

    async def deaths(self) -> AsyncIterator[Death]:
        """Recordings that ended by themselves, as it happens. What they wrote is kept: `stop` returns its duration."""
        while True:
            yield await self._deaths.get()

    async def close(self) -> None:
        """Finishes all recordings; the server ends."""
        takes = list(self._takes.values())
        self._takes.clear()
        await asyncio.gather(*(self._end(take) for take in takes))

    async def _launch(self, take: _Take) -> Process:
        process = await self._spawn(take.path)
        try:
            async with asyncio.timeout(START_SECONDS):
                take.ports = await self._read_ports(process)
        except BaseException:
            await _kill(process)
            raise
        take.process, take.started_at = process, asyncio.get_running_loop().time()
        _log.info("recording", recording=take.recording_id, process=process.pid)
        return process

    async def _spawn(self, path: Path) -> Process:
        """In a session of its own, so that Ctrl-C in the server's terminal does not reach it; and without our secrets."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLENUM_")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        arguments = (sys.executable, "-m", "recordings.recorder", "--output", str(path))
        return await asyncio.create_subprocess_exec(
            *arguments, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )

    async def _read_ports(self, process: Process) -> _Ports:
        assert process.stdout is not None
        line = await process.stdout.readline()
        try:
            return msgspec.json.decode(line, type=_Ports)
        except msgspec.DecodeError:
            raise RecorderFailed(_error_of(line)) from None

    async def _tap(self, take: _Take, process: Process) -> None:
        assert take.ports is not None and process.stdin is not None
        ports = take.ports
        codecs = (take.codec,) if take.codec in ports.codecs else ports.codecs
        tapped = await self._media.tap(take.room, take.tap_id, LOOPBACK, ports.video_port, ports.audio_port, codecs)
        take.codec = tapped.video
        process.stdin.write(msgspec.json.encode(tapped) + b"\n")
        with contextlib.suppress(ConnectionError):  # it died meanwhile, which its watcher sees
            await process.stdin.drain()

    async def _try_tap(self, take: _Take, process: Process) -> None:
        """Where the engine is down the recorder writes silence until `retap`."""
        try:
            await self._tap(take, process)
        except (MediaRefused, OSError) as error:
            _log.warning("recording not connected", recording=take.recording_id, error=repr(error))

    async def _watch(self, take: _Take) -> None:
        """Until the recording is stopped or cannot go on."""
        while True:
            assert take.process is not None
            take.result = await _outcome(take.process)
            async with take.lock:
                if take.is_stopping:
                    return
                reason = await self._start_again(take)
            if reason:
                break
        if self._takes.pop(take.recording_id, None) is not None:
            await self._untap(take)
            await self._deaths.put(Death(take.session_id, take.recording_id, reason))

    async def _start_again(self, take: _Take) -> str:
        """Returns why not, "" if it goes on."""
        while take.result is None:
            age = asyncio.get_running_loop().time() - take.started_at
            take.falls = 1 if age > STEADY_SECONDS else take.falls + 1
            if take.falls > FALLS:
                return "died"
            _log.warning("recorder died, starting again", recording=take.recording_id, falls=take.falls)
            await asyncio.sleep(PAUSE_SECONDS * take.falls)
            try:
                await self._try_tap(take, await self._launch(take))
                return ""
            except (RecorderFailed, OSError, TimeoutError) as error:
                _log.warning("recorder did not start", recording=take.recording_id, error=repr(error))
        return take.result.error or "died"

    async def _end(self, take: _Take) -> None:
        take.is_stopping = True
        async with take.lock:
            await self._untap(take)
            if take.process is not None and take.process.stdin is not None:
                take.process.stdin.close()
        if take.watch is None or take.process is None:
            return
        done, _ = await asyncio.wait({take.watch}, timeout=FINISH_SECONDS)
        if not done:
            await _kill(take.process)
            await take.watch
        _log.info("recorded", recording=take.recording_id, result=take.result)

    async def _untap(self, take: _Take) -> None:
        try:
            await self._media.untap(take.room, take.tap_id)
        except (MediaRefused, OSError) as error:  # the engine is down: the tap is gone with it
            _log.info("tap not removed", recording=take.recording_id, error=repr(error))


async def _outcome(process: Process) -> Result | None:
    """What the recorder reports when it ends; None if it was killed."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    await process.wait()
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=Result)
    return None


def _error_of(line: bytes) -> str:
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=Result).error or "died"
    return "died"


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()

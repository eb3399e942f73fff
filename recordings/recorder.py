"""The recorder: a process of its own that hears one room's programme as plain RTP and writes it to one file.

    python -m recordings.recorder --output FILE

It binds two UDP ports on the loopback and prints them: `{"video_port": N, "audio_port": N, "codecs": ["H264", "VP8"]}`, with
the codecs that pictures may come in: of a file that exists its own. Each line on stdin is a
`TapFormat` as JSON; the first starts the reception, a later one tells that the media worker was restarted and taps anew.
At the end of stdin or SIGTERM it finishes the file and prints a `Result`; the exit status is 1 if that has an error.
A file that exists is gone on with: its time continues as if it had been recording silence since it was last written.
SIGKILL costs what was not in a finished fragment: about a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from live import logs
from live.control import TapFormat
from recordings.cmaf import CODECS, Busy, Recording, slates
from recordings.reception import Reception, Result

TICK: Final = 0.1  # seconds
SYNC_EVERY: Final = 1.0  # seconds between flushes to the disk
RECEIVE_BUFFER: Final = 4 << 20  # bytes asked of the kernel for each socket: some seconds, should the disk stall
LARGEST_DATAGRAM: Final = 2048
BATCH: Final = 64  # datagrams read before anything else gets its turn


class Recorder:
    """One recording, from the first tap to the end of stdin."""

    def __init__(self, recording: Recording, begin: float) -> None:
        self._recording = recording
        self._started = time.monotonic() - begin
        self._reception = Reception(recording, begin)
        self._sockets = {"video": bind(), "audio": bind()}
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._is_heard = False

    @property
    def ports(self) -> dict[str, int]:
        return {f"{kind}_port": s.getsockname()[1] for kind, s in self._sockets.items()}

    async def run(self, commands: asyncio.StreamReader) -> Result:
        """Records until stdin ends, a signal comes or the file cannot be written. What else goes wrong is a bug, and raised:
        the server starts another recorder, which goes on in the file."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, "")
        tasks = [asyncio.create_task(work) for work in (self._obey(commands), self._tick(), self._sync())]
        for task in tasks:
            task.add_done_callback(self._look_at_end)
        try:
            error = await self._ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for kind, each in self._sockets.items():
                self._loop.remove_reader(each)
                self._read(kind)
                each.close()
        return self._finish(error)

    def _now(self) -> float:
        return time.monotonic() - self._started

    def _end(self, error: str) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    def _fail(self, bug: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(bug)

    def _look_at_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._fail(bug)

    async def _obey(self, commands: asyncio.StreamReader) -> None:
        try:
            while line := await commands.readline():
                self._reception.retap(msgspec.json.decode(line, type=TapFormat))
                self._hear()
            self._end("")
        except (msgspec.DecodeError, ValueError):  # ValueError: a line longer than asyncio's limit
            self._end("bad_request")

    def _hear(self) -> None:
        """Only now: what came before the format was known waits in the kernel's buffers."""
        if not self._is_heard:
            for kind, each in self._sockets.items():
                self._loop.add_reader(each, self._read, kind)
        self._is_heard = True

    def _read(self, kind: str) -> None:
        with self._failing():
            for _ in range(BATCH):
                data, source = self._sockets[kind].recvfrom(LARGEST_DATAGRAM)
                self._reception.receive(kind, data, source, self._now())

    async def _tick(self) -> None:
        while not self._ended.done():
            with self._failing():
                self._reception.tick(self._now())
            if request := self._reception.key_frame_request(self._now()):
                with contextlib.suppress(OSError):  # the tap is gone, or its buffer is full: asked again soon
                    self._sockets["video"].sendto(*request)
            await asyncio.sleep(TICK)

    async def _sync(self) -> None:
        """Makes what is written durable, in a thread: a slow disk must not cost packets."""
        while not self._ended.done():
            with self._failing():
                await asyncio.to_thread(os.fdatasync, self._recording.file_number)
            await asyncio.sleep(SYNC_EVERY)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """A file that cannot be written ends the recording, with the reason; a bug ends it, too."""
        try:
            yield
        except BlockingIOError:
            pass  # nothing more to read from a socket
        except OSError as error:
            self._end(reason(error))
        except Exception as error:
            self._fail(error)

    def _finish(self, error: str) -> Result:
        if not error:
            try:
                self._reception.end(self._now())
                self._recording.flush()
            except OSError as failure:
                error = reason(failure)
        try:
            return self._reception.result(self._recording.finish(), error)
        except OSError as failure:
            return self._reception.result(0.0, error or reason(failure))


def reason(error: OSError) -> str:
    """`disk_full` or `write_failed`."""
    return "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "write_failed"


def bind() -> socket.socket:
    """A UDP socket on the loopback, at a free port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


async def stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def tell(value: object) -> None:
    """Prints one line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


async def record(path: Path) -> Result:
    """Records into `path` until it is told to end."""
    try:
        recording = Recording(path, slates())
    except Busy:
        return Result(error="busy")
    except OSError as error:
        return Result(error=reason(error))
    with contextlib.closing(recording):
        recorder = Recorder(recording, recording.begins_at(time.time()))
        tell({**recorder.ports, "codecs": [recording.codec] if recording.codec else CODECS})
        return await recorder.run(await stdin())


def main() -> int:
    parser = argparse.ArgumentParser(description="Records a room's programme. See the module's docstring.")
    parser.add_argument("--output", type=Path, required=True, help="the file to write, or to go on with")
    path = parser.parse_args().output
    logs.configure(recorder=path.stem)
    result = asyncio.run(record(path))
    with contextlib.suppress(BrokenPipeError):  # the server is gone; the file is finished all the same
        tell(result)
    return 1 if result.error else 0


if __name__ == "__main__":
    sys.exit(main())

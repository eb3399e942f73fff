"""Media workers outlive a server that was killed, and its successor adopts them: sound and picture go on meanwhile, and
nobody has to offer again. A worker that has lost its control connection without being told to end waits for another one,
under a name of the abstract kind (`link` has such, too), for some seconds; if nobody comes, it ends.

All are adopted or none: a server that was started with other settings, or is another release, tells them to end, and begins
with new ones. Only processes of the same user are spoken to. Neighbours: `worker` and `client` are the two ends, `engine`
decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from live import wire
from live.control import MediaRefused
from live.link import is_ours, pid_of
from live.placement import Placement
from live.processors import MOST_WORKERS

BACKLOG: Final = 4
NOTICE_SECONDS: Final = 1.0  # for a worker to notice that its server is gone, when the next one is there already
ANSWER_SECONDS: Final = 20.0  # for it to say what it has, or that it has a server: far more than that takes
END_SECONDS: Final = 3.0  # for one that was told to end
HAS_ONE: Final = wire.Failure(0, "media_unavailable", "this worker has a server")

logger = logging.getLogger("plenum.live")

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Process(Protocol):
    """A worker's: a child of ours, or of a server that is no more."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """Raises `ProcessLookupError` if it has ended."""

    async def wait(self) -> int: ...


class Cradle:
    """A worker's end: where another server finds it. Whoever comes while it has one is sent away. Raises `OSError` if the
    name is taken."""

    def __init__(self, name: str, index: int, seconds: float) -> None:
        self._seconds = seconds
        self._is_alone = asyncio.Event()
        self._arrived: asyncio.Queue[socket.socket] = asyncio.Queue(1)  # others wait in the kernel's queue
        self._socket = _open()
        try:
            self._socket.bind(_address(name, index))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self._receiving = asyncio.create_task(self._receive())

    async def wait(self) -> Connection | None:
        """The server is gone: the next that comes within `seconds`. None: nobody did."""
        self._is_alone.set()
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.open_connection(sock=await self._arrived.get())
        except TimeoutError:
            return None
        finally:
            self._is_alone.clear()

    async def _receive(self) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            if is_ours(sock) and await self._notices():
                await self._arrived.put(sock)
            else:
                with contextlib.suppress(OSError):
                    await asyncio.get_running_loop().sock_sendall(sock, wire.frame(HAS_ONE))
                sock.close()

    async def _notices(self) -> bool:
        """Whether the server is gone: who comes may know it before us."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NOTICE_SECONDS):
                await self._is_alone.wait()
        return self._is_alone.is_set()

    def close(self) -> None:
        self._receiving.cancel()
        self._socket.close()


class Foundling:
    """A worker that answered, and what it has."""

    def __init__(self, held: wire.Held, process: Process, connection: Connection) -> None:
        self.held, self.process, self.connection = held, process, connection

    async def end(self) -> None:
        """It is not wanted."""
        writer = self.connection[1]
        writer.write(wire.frame(wire.Request(0, wire.End())))
        writer.close()
        await end(self.process)


class AdoptedProcess:
    """A process that is no child of ours. Raises `OSError` if there is none of that number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)  # means this process for good, whoever gets its number next

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def kill(self) -> None:
        signal.pidfd_send_signal(self._fd, signal.SIGKILL)

    async def wait(self) -> int:
        """Returns when it has ended; how it did is for its parent to know."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._fd)
        return 0


async def adopt(kept: wire.Kept, workers: int, small: int) -> tuple[Placement, tuple[Foundling, ...]] | None:
    """The workers that another server has left, and whom they serve; None: there are none. Those that are not all there,
    have other settings or are another release's are ended."""
    found = await find(kept.name)
    try:
        placement = _placement_of([each.held for each in found], kept.terms, workers, small)
    except ValueError as error:
        logger.warning("media workers that are still there are ended: %s", error)
        await asyncio.gather(*(each.end() for each in found))
        return None
    return (placement, found) if found else None


def _placement_of(helds: Sequence[wire.Held], terms: str, workers: int, small: int) -> Placement:
    """Raises `ValueError` where they do not suit."""
    if helds and [held.place.index for held in helds] != list(range(workers)):
        raise ValueError(f"there are {len(helds)} of {workers}")
    if any(held.terms != terms for held in helds) or len({held.place.links for held in helds}) > 1:
        raise ValueError("they have other settings, or are another release's")
    placement = Placement(small)
    for held in helds:
        placement.adopt(held.place.index, held.rooms)
    return placement


async def find(name: str) -> tuple[Foundling, ...]:
    """The workers under that name that wait, or have just lost their server, by their index. Those who cannot be understood,
    or do not answer, are ended."""
    found = await asyncio.gather(*(_ask(name, index) for index in range(MOST_WORKERS)))
    return tuple(filter(None, found))


def name_of(directory: Path) -> str:
    """By which a server in this directory finds the workers that one before it there has left. "": this system has not what
    it takes."""
    if sys.platform != "linux":
        return ""
    try:
        os.close(os.pidfd_open(os.getpid()))
        place = directory.stat()
    except OSError:
        return ""
    return f"kept-{place.st_dev:x}-{place.st_ino:x}"


def is_awaited(name: str) -> bool:
    """Whether somebody listens under that name."""
    return bool(name) and any(_is_there(name, index) for index in range(MOST_WORKERS))


def terms_of(options: object) -> str:
    """What server and worker must agree in: the settings, and the sources of both."""
    files = sorted(path for path in Path(__file__).parent.iterdir() if path.is_file())
    sources = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((sys.version, options, sources)).encode()).hexdigest()


async def end(process: Process) -> None:
    """Waits for a worker whose connection is closed, not for long."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ask(name: str, index: int) -> Foundling | None:
    if (sock := _connect(name, index)) is None:
        return None
    try:
        process = AdoptedProcess(pid_of(sock))
    except OSError:  # it has just ended, or is not of our process ids
        sock.close()
        return None
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(wire.frame(wire.Request(0, wire.Adopt())))
            return Foundling(await _read_held(reader), process, (reader, writer))
    except MediaRefused:  # it has a server
        writer.close()
        return None
    except TimeoutError:  # it hangs, and would keep its port for good
        logger.warning("media worker %d is still there, does not answer, and is ended", index)
        writer.close()
        await end(process)
        return None
    except OSError:  # it was about to end; its port is free when it has
        writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        return None
    except msgspec.MsgspecError:  # another release's
        await Foundling(wire.Held(), process, (reader, writer)).end()
        return None


async def _read_held(reader: asyncio.StreamReader) -> wire.Held:
    """What was told before is in it."""
    while body := await wire.read_frame(reader):
        match msgspec.json.decode(body, type=wire.Reply):
            case wire.Result(0, value):
                return msgspec.json.decode(value, type=wire.Held)
            case wire.Failure(_, code, detail):
                raise MediaRefused(code, detail)
    raise ConnectionError("the worker has ended")


def _is_there(name: str, index: int) -> bool:
    """Without disturbing it."""
    with _open() as probe:
        try:
            probe.bind(_address(name, index))
        except OSError:
            return True
    return False


def _connect(name: str, index: int) -> socket.socket | None:
    sock = _open()
    try:
        sock.connect(_address(name, index))  # on this machine: at once, or refused
        if is_ours(sock):
            return sock
    except OSError:
        pass
    sock.close()
    return None


def _open() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


def _address(name: str, index: int) -> str:
    return f"\0plenum-{name}-{index}"

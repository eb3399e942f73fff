"""The server, as it is installed (`plenum run`), and what a service manager does: it starts it again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench import plenum
from bench.measures import cpu_seconds, resident_kib
from bench.setups import Place

RESTART_PAUSE: Final = 0.1  # seconds, as docs/plenum.service has it
PORTS: Final = (20_000, 32_000)  # below those that systems give to outgoing connections
MEDIA: Final = 100  # ports from that of the pages to that of the first media worker
START_SECONDS: Final = 60.0
KEEP_SECONDS: Final = "10"  # as `docs/plenum.service` has it; 0 from outside: media ends with the server


class Server:
    """`cookies`: of each person, by number. `port`: of the pages; that of the media is `MEDIA` higher. Both are kept."""

    def __init__(self, place: Place, cookies: list[str]) -> None:
        self.cookies = cookies
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: dict[int, int] = {}  # workers that outlived the process which started them
        self.port = _free_port()

    async def start(self) -> None:
        """Returns when it listens."""
        self._process = await asyncio.to_thread(self._start)
        give_up_at = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit("bench-breakouts: the server did not start")
            await asyncio.sleep(0.01)

    def _start(self) -> subprocess.Popen[bytes]:
        wanted = plenum.settings(self._place)
        names = ("public_addresses", "connections", "connections_per_address", "log_level")
        more = {f"PLENUM_{name.upper()}": str(getattr(wanted, name)) for name in names}
        more["PLENUM_MEDIA_PORT"] = str(self.port + MEDIA)
        command = (sys.executable, "-m", "server", "run", "-C", str(self._place.directory), "--port", str(self.port))
        kept = {"PLENUM_MEDIA_KEEP_SECONDS": KEEP_SECONDS}
        return subprocess.Popen(command, env={**kept, **os.environ, **more}, stderr=subprocess.DEVNULL)

    async def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)

    def kill_worker(self, index: int) -> None:
        os.kill(self.workers()[index], signal.SIGKILL)

    async def kill(self) -> None:
        """And it is started again, which its workers outlive."""
        assert self._process is not None
        self._adopted = self.workers()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        await asyncio.sleep(RESTART_PAUSE)
        await self.start()

    def kept(self) -> list[int]:
        """The indices of workers that outlived the process which started them."""
        return [index for index, pid in self._adopted.items() if _lives(pid)]

    def workers(self) -> dict[int, int]:
        """The media workers' process ids, by their index."""
        assert self._process is not None
        pid, found = self._process.pid, {index: worker for index, worker in self._adopted.items() if _lives(worker)}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            arguments = _arguments(int(child))
            for argument in arguments if "live.worker" in arguments else ():
                if argument.startswith("--index="):
                    found[int(argument.removeprefix("--index="))] = int(child)
        return found

    def cpu(self) -> dict[int, float]:
        """Seconds that each of its processes has used."""
        assert self._process is not None
        return {pid: cpu_seconds(pid) for pid in (self._process.pid, *self.workers().values())}

    def mebibytes(self) -> float:
        return sum(map(resident_kib, self.cpu())) / 1024


@asynccontextmanager
async def serving(people: int) -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as directory:
        place = Place(Path(directory))
        server = Server(place, await asyncio.to_thread(plenum.prepare, place, people + 1))
        try:
            await server.start()
            yield server
        finally:
            await server.close()


def _free_port() -> int:
    """Free, and those for the media, too."""
    for port in random.sample(range(*PORTS), 100):
        kinds = (
            (0, socket.SOCK_STREAM),
            (MEDIA, socket.SOCK_STREAM),
            (MEDIA, socket.SOCK_DGRAM),
            (MEDIA + 1, socket.SOCK_DGRAM),
        )
        if all(_is_free(port + more, kind) for more, kind in kinds):
            return port
    raise SystemExit("bench-breakouts: no port is free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _lives(pid: int) -> bool:
    return "live.worker" in _arguments(pid)  # those of a process that has ended, and waits for its parent, are gone


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

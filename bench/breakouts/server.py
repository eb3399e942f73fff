"""The server, as it is installed, and what a service manager does: it starts it again, at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench import plenum
from bench.measures import cpu_seconds, resident_kib
from bench.setups import Place


class Server:
    """`cookies`: of each person, by number. `port`: from its start on, and kept."""

    def __init__(self, place: Place, cookies: list[str]) -> None:
        self.cookies = cookies
        self._place = place
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    async def start(self) -> None:
        """Returns when it listens."""
        self._process = process = await asyncio.to_thread(self._start)
        assert process.stdout is not None
        said = await asyncio.to_thread(process.stdout.readline)
        if not said:
            raise SystemExit("bench-breakouts: the server did not start")
        self.port = int(said)

    def _start(self) -> subprocess.Popen[str]:
        command, more = plenum.command(self._place, "auto", self.port)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env={**os.environ, **more}, stdin=pipe, stdout=pipe, text=True)

    async def close(self) -> None:
        """It ends when its standard input does."""
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            await asyncio.to_thread(self._process.wait)
            self._process.stdout.close()

    def kill_worker(self, index: int) -> None:
        os.kill(self.workers()[index], signal.SIGKILL)

    async def kill(self) -> None:
        """And it is started again."""
        assert self._process is not None
        self._process.kill()
        await self.close()
        await self.start()

    def workers(self) -> dict[int, int]:
        """The media workers' process ids, by their index."""
        assert self._process is not None
        pid, found = self._process.pid, {}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            arguments = Path(f"/proc/{child}/cmdline").read_text().split("\0")
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

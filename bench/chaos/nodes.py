"""Nodes: `plenum run` as it is installed, in processes that are killed, frozen and started again. Whichever ends by itself
is started again too, as any service manager would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

HEARTBEAT: Final = 2.0  # seconds
START_SECONDS: Final = 120.0  # on a machine that has everything else to do
END_SECONDS: Final = 30.0
AGAIN_SECONDS: Final = 0.3
LOOK_SECONDS: Final = 0.1
# Ends with this process, whatever becomes of it; also while it is frozen.
TIED: Final = ("setpriv", "--pdeathsig", "KILL", "--")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Node:
    """One of them, on a port that stays. `settings`: environment variables. `on_death` hears of every end, with
    the number and the exit status."""

    def __init__(
        self, number: int, directory: Path, settings: dict[str, str], log: Path, on_death: Callable[[int, int], None]
    ) -> None:
        self.number = number
        self.port = free_port()
        self.ended_by_itself = 0
        self._directory = directory
        self._settings = settings
        self._log = log
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._may_run = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    def start(self) -> None:
        """It is there from now on, as far as that can be."""
        self._may_run.set()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    async def kill(self) -> None:
        self._may_run.clear()
        await self._end(signal.SIGKILL)

    async def end(self) -> None:
        """As before an update."""
        self._may_run.clear()
        await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        self.thaw()
        await self._end(signal.SIGTERM)

    async def up(self) -> bool:
        """True once it answers; False if it has not for a minute."""
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            if await self._is_healthy():
                return True
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def _is_healthy(self) -> bool:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        return False

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        self._signal(how)
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _keep(self) -> None:
        """Starts it whenever it may run and does not."""
        while True:
            await self._may_run.wait()
            await self._launch()
            assert self._process is not None
            status = await self._process.wait()
            self._on_death(self.number, status)
            if self._may_run.is_set():
                self.ended_by_itself += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def _launch(self) -> None:
        command = [sys.executable, "-m", "server", "run", "-C", str(self._directory), "--port", str(self.port)]
        tie = TIED if shutil.which(TIED[0]) else ()
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PLENUM_")}
        self._process = await asyncio.create_subprocess_exec(
            *tie, *command, stderr=asyncio.subprocess.PIPE, env=clean | self._settings
        )
        assert self._process.stderr is not None
        self._reading = asyncio.create_task(self._read(self._process.stderr))

    async def _read(self, stderr: asyncio.StreamReader) -> None:
        """By a pipe and not in a file of its own: that would be full when the disk is."""
        with self._log.open("ab") as log:
            while data := await stderr.read(1 << 16):
                log.write(data)

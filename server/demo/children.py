"""The parent's end of the demonstration's processes: start, watch, start again, end. Neighbour: `orders`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Final

import msgspec
from msgspec import Struct

from server.demo.orders import READY

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds before a restart, doubled for each that soon fails
STABLE_AFTER: Final = 30.0


class Child:
    """One process, `python -m MODULE`. `run` until `stop`; with `restarts` one that ends by itself is started again."""

    def __init__(self, module: str, orders: Struct, *, restarts: bool = True, patience: float = 1.8) -> None:
        self.module = module
        self.ready = asyncio.Event()
        self._orders = msgspec.json.encode(orders) + b"\n"
        self._restarts = restarts
        self._patience = patience  # seconds it has for ending by itself
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Returns when the process has ended and shall not come again."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while not self._is_stopping:
            began = loop.time()
            await self._run_once()
            if not self._restarts:
                return
            pause = FIRST_PAUSE if loop.time() - began > STABLE_AFTER else min(2 * pause, LONGEST_PAUSE)
            if not self._is_stopping:
                await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ends the process: its standard input ends, and if that does not help in time, it is killed."""
        self._is_stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(self._patience):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _run_once(self) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the parent alone, which ends its children in order.
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it ended at once; the loop below sees it
            process.stdin.write(self._orders)
            await process.stdin.drain()
        async for line in process.stdout:
            if line == READY:
                self.ready.set()
        await process.wait()

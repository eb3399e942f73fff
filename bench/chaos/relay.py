"""A wire that can be cut: TCP from a port of its own to another one, which passes everything on, or nothing, or refuses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Final, Literal

CHUNK: Final = 1 << 16
Mode = Literal["through", "hushed", "cut"]


class Relay:
    """`await open()`, then `port` leads to `target`; `turn(mode)`; `await close()`. Hushed: connections stay, new ones are
    taken, and nothing goes through, until what waits goes on its way. Cut: connections are reset, new ones too."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def turn(self, mode: Mode) -> None:
        self._is_cut = mode == "cut"
        if mode == "hushed":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "cut":
            self._reset_all()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            reset(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return reset(writer)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            back, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(far)
            ways = [asyncio.create_task(self._pass(reader, far)), asyncio.create_task(self._pass(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            reset(writer)  # nobody is there: said as a closed port would
        finally:
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection by RST, without a goodbye."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

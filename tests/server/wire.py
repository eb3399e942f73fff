"""The wire between a node and PostgreSQL, and the test can cut it: at once, or at the very moment of a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, Literal
from urllib.parse import urlsplit

COMMIT: Final = b"COMMIT;"
CHUNK: Final = 65_536

# What becomes of the next COMMIT: it arrives, but its answer does not; it arrives when `arrive` is set, to nobody's
# knowledge; or it does not arrive at all.
Fate = Literal["unheard", "late", "lost"]


class Wire:
    """Between a node and the server on `port`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.next_commit: Fate | None = None
        self.stays_cut = False  # with the next COMMIT that has a fate
        self.cuts = 0
        self.arrive = asyncio.Event()
        self._is_open = True
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Breaks every connection and refuses new ones."""
        self._is_open = False
        self._break()

    def mend(self) -> None:
        self._is_open = True

    async def serve(self, up: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        if not self._is_open:
            down.transport.abort()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {down, to_server}
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._up(up, down, to_server), self._down(from_server, down))
        for writer in (down, to_server):
            self._writers.discard(writer)
            writer.transport.abort()

    async def _up(self, up: asyncio.StreamReader, down: asyncio.StreamWriter, to_server: asyncio.StreamWriter) -> None:
        while data := await up.read(CHUNK):
            if COMMIT in data and self.next_commit is not None:
                fate, self.next_commit = self.next_commit, None
                self.cuts += 1
                self._is_open = self._is_open and not self.stays_cut
                if fate == "lost":
                    to_server.transport.abort()
                down.transport.abort()
                if fate == "late":
                    await self.arrive.wait()
            to_server.write(data)
            await to_server.drain()
        to_server.write_eof()

    async def _down(self, from_server: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        while data := await from_server.read(CHUNK):
            if not down.transport.is_closing():
                down.write(data)
                await down.drain()
        down.transport.abort()

    def _break(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


@contextlib.asynccontextmanager
async def wired(address: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to a database, and the address at its near end."""
    port = urlsplit(address).port
    assert port is not None
    wire = Wire(port)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire, address.replace(f":{port}/", f":{wire.port}/")
    finally:
        server.close()
        wire.cut()

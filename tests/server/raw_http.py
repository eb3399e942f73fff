"""Connections that speak HTTP and WebSocket byte by byte, as no browser would; from any address of the loopback network."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tests.server.running import PATIENCE_SECONDS, Running

_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455's own
UPGRADE: Final = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n"
TEXT, CONTINUED, CLOSE, PING, PONG = 1, 0, 8, 9, 10
FINAL: Final = 0x80


@dataclass
class Raw:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes | str) -> None:
        """Who is cut off while sending learns of it by reading."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(data.encode() if isinstance(data, str) else data)
            await self.writer.drain()

    async def rest(self) -> bytes:
        """All that comes until the other end is done with us."""
        heard = bytearray()
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(65_536):
                    heard += data
        return bytes(heard)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer that says its length."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), headers, body

    async def close_code(self) -> int | None:
        """Of the close frame that the server sends after whatever else; None if it ends without one, or it was lost (what is
        closed while we send is reset)."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    first, length = await self.reader.readexactly(2)
                    if length >= 126:
                        length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
                    payload = await self.reader.readexactly(length)
                    if first & 15 == CLOSE:
                        return int.from_bytes(payload[:2], "big") or 1005
        return None


@contextlib.asynccontextmanager
async def raw(run: Running, address: str = "127.0.0.1") -> AsyncIterator[Raw]:
    """A connection from `address`."""
    port = int(run.url.rpartition(":")[2])
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def raw_socket(run: Running, person_id: str) -> AsyncIterator[Raw]:
    """An open WebSocket of a person's that has not said hello."""
    cookie = await run.cookie(person_id)
    async with raw(run) as connection:
        await connection.send(f"GET /socket HTTP/1.1\r\nHost: x\r\nCookie: plenum={cookie}\r\n{UPGRADE}\r\n")
        assert (await connection.answer())[0] == 101
        yield connection


def frame(first: int, payload: bytes = b"") -> bytes:
    """A masked frame (RFC 6455, 5.2). `first`: opcode, and `FINAL` if it is the last of its message."""
    size = len(payload)
    length = struct.pack("!B", 128 | size) if size < 126 else struct.pack("!BH", 128 | 126, size)
    mask = os.urandom(4)
    return bytes([first]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

"""A light client in the hall: real SDP, ICE, DTLS and SRTP over UDP or TCP, by `bench.media.client`; what comes is counted
and not decoded."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, cast

from aiortc import RTCCertificate

from bench.media import sdp
from bench.media.client import Client
from live.control import Transport, Use

USES: Final[dict[str, Use]] = {"0": "programme", "1": "audio"}
HOST: Final = "127.0.0.1"
CONSENT: Final = 1.0  # seconds between checks
_PASSIVE: Final = re.compile(
    r"^a=candidate:\S+ 1 tcp \d+ (127\.0\.0\.1) (\d+) typ host tcptype passive", re.MULTILINE | re.IGNORECASE
)


def tcp_address(answer: str) -> tuple[str, int]:
    """Where the server listens for ICE-TCP (RFC 6544)."""
    found = _PASSIVE.search(answer)
    assert found is not None, "no TCP candidate"
    return found[1], int(found[2])


class UdpWire:
    """A socket of one's own. `send` has the form that `Client` asks for."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]

    async def open(self, answer: str) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def send(self, data: bytes, source: bytes, to: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(data, to)

    def close(self) -> None:
        """May be repeated."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._receive(self._socket.recv(4096))


class TcpWire:
    """A connection, each datagram behind its length (RFC 4571)."""

    port = 9  # RFC 6544, 4.5: that of an active candidate is no port

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, answer: str) -> None:
        reader, self._writer = await asyncio.open_connection(*tcp_address(answer))
        self._reading = asyncio.create_task(self._read(reader))

    def send(self, data: bytes, source: bytes, to: tuple[str, int]) -> None:
        if self._writer and not self._writer.transport.is_closing():
            self._writer.write(struct.pack("!H", len(data)) + data)

    def close(self) -> None:
        """At once, as when a laptop is shut."""
        if self._writer and self._reading:
            self._reading.cancel()
            self._writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                self._receive(await reader.readexactly(length))


class Seat:
    """`offer`, then `accept` the answer, then `connect`. `packets`: of sound and picture that came."""

    def __init__(self, transport: Transport, certificate: RTCCertificate) -> None:
        self._wire = UdpWire(self._receive) if transport == "udp" else TcpWire(self._receive)
        self._client = Client(cast(Any, self._wire), HOST, certificate)
        self._consent: asyncio.Task[None] | None = None
        self._answer = ""
        self.packets = 0
        self._arrived = asyncio.Event()

    def offer(self, *, sends: bool = False) -> str:
        return sdp.offer(self._client.local, sends=sends)

    async def accept(self, answer: str) -> None:
        """Takes the answer, and opens the way."""
        self._answer = answer
        await self._wire.open(answer)

    async def check(self) -> None:
        """ICE alone: the first checks, and not one record of DTLS."""
        self._client.address = sdp.read(self._answer).addresses[0]
        self._client._password = sdp.read(self._answer).password.encode()
        self._client.check = self._client._make_check(sdp.read(self._answer))
        self._client.keep_alive()

    async def connect(self) -> None:
        """Raises `ConnectionError` or `TimeoutError`."""
        await self._client.connect(sdp.read(self._answer))
        self._consent = asyncio.create_task(self._keep_alive())

    async def until_media(self, seconds: float) -> None:
        """Waits for the first packet. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            await self._arrived.wait()

    async def leave(self) -> None:
        """With the goodbye of DTLS."""
        await self._client.close()
        await self.vanish()

    async def vanish(self) -> None:
        """Without a word."""
        self._wire.close()
        if self._consent:
            self._consent.cancel()
        await self._client.close()  # nobody hears it any more

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(CONSENT)
            self._client.keep_alive()

    def _receive(self, data: bytes) -> None:
        if data and data[0] < 64:
            self._client.receive(data)
        elif data:
            self.packets += 1
            self._arrived.set()

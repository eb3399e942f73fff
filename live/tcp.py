"""ICE-TCP, passive (RFC 6544), for networks without UDP: the same datagrams, each behind its length (RFC 4571, 2).

Every connection is an `Endpoint` of its own. What a stranger can hold is bounded: so many connections, one frame each, and
a few seconds to pass ICE. A viewer that reads too slowly loses packets, as it would over UDP; memory does not grow.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final, cast

from live.port import Endpoint, OnCheck

MAX_CONNECTIONS: Final = 2000  # per worker
MAX_STRANGERS: Final = 200  # of them that have not passed ICE
MAX_STRANGERS_PER_HOST: Final = 32  # a whole office may come through one address, but not at once
MAX_FRAME: Final = 2048  # octets; no datagram is longer, whoever says so is cut off
MAX_UNSENT: Final = 256 * 1024  # octets; about a second of video
CHECK_TIMEOUT: Final = 10.0  # seconds to pass ICE

_LENGTH: Final = struct.Struct("!H")


class TcpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, port: TcpPort) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._address: Any = None
        self._buffer = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self.endpoint = Endpoint("tcp", self._sendto, port.on_check)

    @property
    def is_stranger(self) -> bool:
        return not self.endpoint.checked

    @property
    def host(self) -> str:
        return str(self._address[0])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._address = transport.get_extra_info("peername")
        if self._address is None or not self._port.accept(self):
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._deadline = asyncio.get_running_loop().call_later(CHECK_TIMEOUT, self._end_if_stranger)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        position = 0
        while len(buffer) - position >= 2:
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > MAX_FRAME:
                self.close()
                return
            if len(buffer) - position < 2 + length:
                break
            self.endpoint.receive(bytes(buffer[position + 2 : position + 2 + length]), self._address)
            position += 2 + length
        del buffer[:position]

    def connection_lost(self, error: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._port.forget(self)
        for peer in list(self.endpoint.checked.values()):
            peer.drop_path(self.endpoint, self._address)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def _sendto(self, data: bytes, _address: Any) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_UNSENT:
            raise BlockingIOError("the client reads too slowly")
        transport.write(_LENGTH.pack(len(data)) + data)

    def _end_if_stranger(self) -> None:
        if self.is_stranger:
            self.close()


class TcpPort:
    """The listener."""

    def __init__(self, on_check: OnCheck) -> None:
        self.on_check = on_check
        self.refused = 0
        self._connections: set[TcpConnection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, addresses: tuple[str, ...], port: int) -> None:
        """Listens. Raises `OSError` if the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: TcpConnection(self), list(addresses), port, reuse_address=True, backlog=256
        )

    def accept(self, connection: TcpConnection) -> bool:
        """Takes a new connection into the books, unless there are too many."""
        strangers = [each.host for each in self._connections if each.is_stranger]
        crowded = len(strangers) >= MAX_STRANGERS or strangers.count(connection.host) >= MAX_STRANGERS_PER_HOST
        if len(self._connections) >= MAX_CONNECTIONS or crowded:
            self.refused += 1
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: TcpConnection) -> None:
        self._connections.discard(connection)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        if self._server:
            await self._server.wait_closed()

    @property
    def connections(self) -> int:
        return len(self._connections)

"""ICE-TCP, passive (RFC 6544), for networks without UDP: the same datagrams, each behind its length (RFC 4571, 2).

Every connection is an `Endpoint` of its own. What a stranger can hold is bounded: so many connections, a few checks each,
and a few seconds to pass ICE; when there are too many, the oldest makes room, so that who means it gets in. A viewer that
reads too slowly loses packets, as it would over UDP; memory does not grow. A proxy that is known says first whom it speaks
for (`proxy_line`): it is the client's address that counts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, cast

from live import proxy_line
from live.limits import Limits
from live.port import Endpoint, OnCheck

MAX_FRAME: Final = 2048  # octets; no datagram is longer, whoever says so is cut off
MAX_FROM_STRANGER: Final = 8192  # octets before ICE is passed: some fifty checks
BATCH: Final = 64  # frames at once: then others are served
MAX_UNSENT: Final = 256 * 1024  # octets; about a second of video
CHECK_TIMEOUT: Final = 10.0  # seconds to pass ICE, or to pass it again after the peer it was passed for has ended

_LENGTH: Final = struct.Struct("!H")


class TcpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, port: TcpPort, beginning: bytes = b"") -> None:
        self._port = port
        self._may_be_anothers = not beginning
        self._transport: asyncio.Transport | None = None
        self._address: Any = None
        self._buffer = bytearray(beginning)
        self._line: bytes | None = b""  # of the proxy; None: it has to be read yet
        self._heard = 0  # octets, as a stranger
        self._deadline: asyncio.TimerHandle | None = None
        self.endpoint = Endpoint("tcp", self._sendto, port.on_check)

    @property
    def is_stranger(self) -> bool:
        return not self.endpoint.checked

    @property
    def host(self) -> str:
        return str(self._address[0])

    @property
    def is_named(self) -> bool:
        """False while a proxy has not said whom it speaks for."""
        return self._line is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._address = transport.get_extra_info("peername")
        if self._address is not None and self._port.is_proxy(self.host):
            self._line = None
        if self._address is None or not self._port.accept(self):
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._look_again()
        if self._buffer:
            self._read_frames()

    def data_received(self, data: bytes) -> None:
        if self.is_stranger:
            self._heard += len(data)
            if self._heard > MAX_FROM_STRANGER:
                self.close()
                return
        self._buffer += data
        self._read_frames()

    def _read_frames(self) -> None:
        """At most a batch; the rest after others have been served, and nothing more is taken from the socket until then."""
        if self._line is None and not self._read_line():
            return
        buffer, position = self._buffer, 0
        for _ in range(BATCH):
            if len(buffer) - position < 2:
                break
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > MAX_FRAME:
                self.close()
                return
            if len(buffer) - position < 2 + length:
                break
            frame = bytes(buffer[position + 2 : position + 2 + length])
            if self._may_be_anothers and self._pass_on(frame):
                return
            self.endpoint.receive(frame, self._address)
            position += 2 + length
        else:
            self._pause()
        del buffer[:position]

    def _read_line(self) -> bool:
        """Returns whether it is known whom the connection comes from. A proxy may also speak for itself."""
        if not self._buffer:
            return False
        self._line = b""
        if not proxy_line.begins(self._buffer):
            return True
        try:
            found = proxy_line.read(self._buffer)
        except ValueError:
            self.close()
            return False
        if found is None:
            self._line = None
            return False
        address, length = found
        self._line = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._address = address or self._address
        self._port.name(self)
        return True

    def _pass_on(self, frame: bytes) -> bool:
        """The first frame says which worker the connection is for. Returns whether it is gone."""
        self._may_be_anothers = False
        if (transport := self._transport) is None or transport.is_closing():
            return False
        transport.pause_reading()  # what has not been read is the other's to read
        if self._port.pass_on(frame, transport.get_extra_info("socket").fileno(), (self._line or b"") + self._buffer):
            transport.abort()
            return True
        transport.resume_reading()
        return False

    def _pause(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.resume_reading()
        self._read_frames()

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

    def _look_again(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(CHECK_TIMEOUT, self._end_if_stranger)

    def _end_if_stranger(self) -> None:
        """Now and then: its peer may have ended, too, while the client says nothing or is no longer there."""
        if self.is_stranger:
            self.close()
        else:
            self._look_again()


class TcpPort:
    """The listener. `pass_on` is asked with the first frame of a connection, its descriptor and all that was read of it, and
    returns True if it has been given to another worker. `proxies`: networks whose word is taken for whom they speak for."""

    def __init__(
        self,
        on_check: OnCheck,
        pass_on: Callable[[bytes, int, bytes], bool] = lambda *_: False,
        proxies: tuple[str, ...] = (),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self._limits = limits
        self.on_check, self.pass_on = on_check, pass_on
        self._proxies = tuple(ipaddress.ip_network(each) for each in proxies)
        self.refused = 0
        self._connections: dict[TcpConnection, None] = {}  # oldest first
        self._server: asyncio.Server | None = None

    async def start(self, addresses: tuple[str, ...], port: int, *, shared: bool = False) -> None:
        """Listens. `shared`: with other workers, among whom the kernel shares out connections. Raises `OSError` if the port
        is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: TcpConnection(self), list(addresses), port, reuse_address=True, reuse_port=shared, backlog=256
        )

    async def adopt(self, sock: socket.socket, beginning: bytes) -> None:
        """A connection that another worker passed on, and what it has read of it."""
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: TcpConnection(self, beginning), sock)
        except OSError:  # it is over already
            sock.close()

    def accept(self, connection: TcpConnection) -> bool:
        """Takes a new connection into the books, unless all there can be are peers'. With too many strangers, from one host
        or in all, the oldest of that host, or of the host that has most of them, is closed instead."""
        strangers = [each for each in self._connections if each.is_stranger]
        hosts = Counter(each.host for each in strangers)
        if connection.is_named and hosts[connection.host] >= self._limits.tcp_strangers_per_host:
            crowded = connection.host
        elif strangers and (len(strangers) >= self._limits.tcp_strangers or self._is_full):
            crowded = hosts.most_common(1)[0][0]
        else:
            crowded = ""
        if crowded:
            self._turn_out(next(each for each in strangers if each.host == crowded))
        self.refused += bool(crowded) or self._is_full
        if self._is_full:
            return False
        self._connections[connection] = None
        return True

    @property
    def _is_full(self) -> bool:
        return len(self._connections) >= self._limits.tcp_connections

    def name(self, connection: TcpConnection) -> None:
        """A proxy has said whom a connection comes from."""
        alike = [each for each in self._connections if each.is_stranger and each.is_named and each.host == connection.host]
        if len(alike) > self._limits.tcp_strangers_per_host:
            self.refused += 1
            self._turn_out(alike[0])

    def is_proxy(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0]) if self._proxies else None
        return any(address in network for network in self._proxies)

    def _turn_out(self, connection: TcpConnection) -> None:
        self.forget(connection)
        connection.close()

    def forget(self, connection: TcpConnection) -> None:
        self._connections.pop(connection, None)

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

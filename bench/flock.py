"""A flock: thousands of WebSocket clients in one thread, cheap enough not to be what is measured.

Plain sockets and one epoll; no coroutine, no task and no buffer a client (RFC 6455 with the all-zero mask, which is its own
inverse, so nothing is computed). It looks at its sockets once a millisecond instead of sleeping until one is ready: on one
machine a sender pays for waking its reader, and on a network it does not. Linux only.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NoReturn

Heed = Callable[[int, bytes], None]  # the member's number and a text message
Greet = Callable[[int], None]  # a member who is in

AT_ONCE: Final = 128  # handshakes under way: less than any server's listen backlog
TICK: Final = 0.001  # seconds between looks at the sockets
_EVENTS: Final = 4096
_CHUNK: Final = 1 << 16
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Member:
    """One client: its socket and the bytes of a frame that has not wholly arrived."""

    __slots__ = ("is_open", "number", "rest", "socket")

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.socket = sock
        self.rest = b""
        self.is_open = False


class Flock:
    """Members are numbered in the order of their joining. `greet` is called when one is in, `heed` for every whole text
    message. They take the ports in turns. No member may be lost: everything here raises `ConnectionError` if a connection
    ends."""

    def __init__(self, ports: Sequence[int], greet: Greet, heed: Heed) -> None:
        self._ports = ports
        self._greet = greet
        self._heed = heed
        self._epoll = select.epoll()
        self._members: list[Member] = []
        self._by_fd: dict[int, Member] = {}
        self._opening = 0
        self._watched = -1
        self._watched_is_ready = False

    def __len__(self) -> int:
        return len(self._members)

    def watch(self, fd: int) -> None:
        """`idle` returns when this descriptor can be read."""
        self._watched = fd
        self._epoll.register(fd, select.EPOLLIN)

    def join(self, targets: Iterable[tuple[str, str]], seconds: float = 120) -> None:
        """Connects one member for each request target and extra header lines ("Name: value\\r\\n"). Raises `TimeoutError`,
        or `ConnectionError` if the server refuses."""
        for target, headers in targets:
            self.run_until(lambda: self._opening < AT_ONCE, seconds)
            port = self._ports[len(self._members) % len(self._ports)]
            self._connect(port, _handshake(f"127.0.0.1:{port}", target, headers))
        self.run_until(lambda: self._opening == 0, seconds)

    def send(self, number: int, message: bytes) -> None:
        """One text message of a member's."""
        self._members[number].socket.sendall(_masked(_TEXT, message))

    def run_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Receives until `done`. Raises `TimeoutError`."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done after {seconds} s")
            self._poll()

    def look(self) -> None:
        """Receives what is there."""
        for fd, _ in self._epoll.poll(0, _EVENTS):
            if fd == self._watched:
                self._watched_is_ready = True
            elif (member := self._by_fd.get(fd)) is not None:
                self._read(member)

    def idle(self) -> None:
        """Receives (and answers pings) until the watched descriptor can be read."""
        while not self._watched_is_ready:
            self._poll()
        self._watched_is_ready = False

    def close(self) -> None:
        """Drops every connection."""
        for member in self._members:
            member.socket.close()
        self._epoll.close()

    def _poll(self) -> None:
        time.sleep(TICK)
        self.look()

    def _connect(self, port: int, request: bytes) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request)
        sock.setblocking(False)
        member = Member(len(self._members), sock)
        self._members.append(member)
        self._by_fd[sock.fileno()] = member
        self._opening += 1
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _read(self, member: Member) -> None:
        try:
            data = member.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(member, str(error))
        if not data:
            self._lose(member, "closed")
        if member.rest:
            data = member.rest + data
        position = 0 if member.is_open else self._read_response(member, data)
        if position < 0:
            member.rest = data
        else:
            member.rest = self._read_frames(member, data, position)

    def _read_response(self, member: Member, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if not data.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"the server refused the handshake: {data[:200]!r}")
        member.is_open = True
        self._opening -= 1
        self._greet(member.number)
        return end + 4

    def _read_frames(self, member: Member, data: bytes, position: int) -> bytes:
        """Heeds every whole frame from `position` on and returns what is left over."""
        size = len(data)
        while size - position >= 2:
            first, length = data[position], data[position + 1]
            start = position + 2
            if length == 126:
                start += 2
                if size < start:
                    break
                length = data[position + 2] << 8 | data[position + 3]
            elif length == 127:
                start += 8
                if size < start:
                    break
                (length,) = struct.unpack_from("!Q", data, position + 2)
            if size < start + length:
                break
            position = start + length
            if first == 0x80 | _TEXT:
                self._heed(member.number, data[start:position])
            else:
                self._control(member, first & 15, data[start:position])
        return data[position:] if position < size else b""

    def _control(self, member: Member, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            member.socket.sendall(_masked(_PONG, payload))
        elif opcode == _CLOSE:
            self._lose(member, f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}")
        elif opcode != _PONG:
            raise ConnectionError(f"a frame that nobody expected, opcode {opcode}")

    def _lose(self, member: Member, reason: str) -> NoReturn:
        when = f"member {member.number} lost" if member.is_open else "refused before the handshake"
        member.socket.close()
        raise ConnectionError(f"{when}: {reason}")


def _handshake(host: str, target: str, headers: str) -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    ).encode()


def _masked(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | length, 0) + payload
    if length < 1 << 16:
        return struct.pack("!BBHI", 0x80 | opcode, 0x80 | 126, length, 0) + payload
    return struct.pack("!BBQI", 0x80 | opcode, 0x80 | 127, length, 0) + payload

"""A UDP relay that loses, delays, reorders and queues under a seed, for networks that the kernel cannot make here: the
server announces its port instead of its own. Each client has a socket of its own towards the server, as behind a router.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

LONGEST: Final = 65536
UNLIMITED: Final = 0.0


@dataclass(frozen=True, kw_only=True)
class Impairment:
    """Of one direction. `loss` is a share, times are seconds, `rate` bit/s. Each packet is late by `delay` and evenly up to
    `jitter` more, by itself: later ones overtake. A bottleneck holds `queue` seconds at its rate and drops what is more."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    rate: float = UNLIMITED
    queue: float = 0.3


@dataclass
class Way:
    """One direction of a path. While not `is_open` everything is lost."""

    chance: random.Random
    impairment: Impairment = field(default_factory=Impairment)
    is_open: bool = True
    _free_at: float = 0.0

    def send(self, octets: int, deliver: Callable[[], object]) -> None:
        """Calls `deliver` when the packet arrives, if it does."""
        how = self.impairment
        if not self.is_open or self.chance.random() < how.loss:
            return
        loop = asyncio.get_running_loop()
        now = when = loop.time()
        if how.rate:
            if self._free_at - now > how.queue:
                return
            when = self._free_at = max(now, self._free_at) + octets * 8 / how.rate
        when += how.delay + self.chance.random() * how.jitter
        if when <= now:
            deliver()
        else:
            loop.call_at(when, deliver)


class UdpRelay:
    """Between `host`, any free port, and a server. `up` leads to the server, `down` to the clients. `near`: a bound socket
    to use instead."""

    def __init__(self, server: tuple[str, int], host: str, seed: int = 1, near: socket.socket | None = None) -> None:
        self._server = server
        self._near = near or _bound(host)
        self.port: int = self._near.getsockname()[1]
        self.up, self.down = Way(random.Random(seed)), Way(random.Random(seed + 1))
        self._towards: dict[Any, socket.socket] = {}
        self._stranded: set[Any] = set()
        self.seen = 0  # datagrams of clients
        self.handshakes = 0  # of them, those of DTLS, which there are only when a connection begins or ends
        self._is_closed = False

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._near, self._from_clients)

    def close(self) -> None:
        self._is_closed = True
        self.move()
        asyncio.get_running_loop().remove_reader(self._near)
        self._near.close()

    def move(self) -> None:
        """From now on the server sees clients at other ports, as when a router forgets and translates anew; what is sent to
        the old ones is lost."""
        for sock in self._towards.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._towards.clear()

    def strand(self) -> None:
        """The ports that clients have sent from lead nowhere any more, as after they have changed networks."""
        self._stranded |= self._towards.keys()
        self.move()

    def impair(self, up: Impairment, down: Impairment) -> None:
        """From now on; what is under way arrives as it would have."""
        self.up.impairment, self.down.impairment = up, down

    def open(self, *, is_open: bool) -> None:
        """Both ways."""
        self.up.is_open = self.down.is_open = is_open

    def _from_clients(self) -> None:
        with contextlib.suppress(OSError):
            data, address = self._near.recvfrom(LONGEST)
            if address in self._stranded:
                return
            self.seen += 1
            self.handshakes += 20 <= data[0] < 64 if data else 0  # RFC 7983
            sock = self._socket_for(address)
            self.up.send(len(data), lambda: self._pass(lambda: sock.send(data)))

    def _from_server(self, sock: socket.socket, address: Any) -> None:
        with contextlib.suppress(OSError):
            data = sock.recv(LONGEST)
            self.down.send(len(data), lambda: self._pass(lambda: self._near.sendto(data, address)))

    def _pass(self, send: Callable[[], object]) -> None:
        if not self._is_closed:
            with contextlib.suppress(OSError):
                send()

    def _socket_for(self, address: Any) -> socket.socket:
        if address not in self._towards:
            sock = self._towards[address] = socket.socket(type=socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect(self._server)
            asyncio.get_running_loop().add_reader(sock, self._from_server, sock, address)
        return self._towards[address]


def _bound(host: str) -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock

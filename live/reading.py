"""When the sockets of the media port are read: at once when something comes; while much comes, every few milliseconds.

A wake-up costs more than what it brings (cold caches, a way into the kernel and back), and packets that arrived together go
out together (`fan.Bursts`), which is where the compiled helper is cheapest. So beyond `MUCH` the sockets are left alone for
`PAUSE` between two readings, as network drivers do. Neighbours: `port` has the sockets, `inbox` the compiled way.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from live.endpoint import Endpoint
from live.fan import Bursts
from live.inbox import BATCH, Inbox
from live.srtp import LONGEST

PAUSE: Final = 0.005  # seconds between two readings while much comes: what a packet waits at most for the others
SPAN: Final = 0.1  # seconds over which is counted
MUCH: Final = 25  # datagrams in it: from here on at intervals
SPELL: Final = 0.01  # seconds of reading at most before what came goes out, and others are served
LITTLE: Final = 10  # datagrams in it: from here on at once again


def until_next(interval: float, now: float) -> float:
    """Seconds until the next multiple of `interval`, both in whole milliseconds: so what is done at intervals is done in the
    same wake-ups."""
    milliseconds = round(1000 * interval)
    return (milliseconds - round(1000 * now) % milliseconds) / 1000


class Pace:
    """Whether to read at intervals. Pure."""

    def __init__(self) -> None:
        self.is_steady = False
        self._since = 0.0
        self._count = 0

    def woke(self, datagrams: int, now: float) -> None:
        """Something came, and was read at once."""
        if now - self._since >= SPAN:
            self._since, self._count = now, 0
        self._count += datagrams
        if self._count >= MUCH:
            self.is_steady, self._since, self._count = True, now, 0

    def took(self, datagrams: int, now: float) -> None:
        """At the end of an interval."""
        self._count += datagrams
        if now - self._since >= SPAN:
            self.is_steady = self._count > LITTLE
            self._since, self._count = now, 0


class Reading:
    """Of some sockets. `helped`: by the compiled helper, if it is used."""

    def __init__(self, ports: Sequence[tuple[socket.socket, Endpoint]], helped: tuple[Bursts, Inbox] | None = None) -> None:
        self._ports = ports
        self._helped = helped
        self._pace = Pace()
        self._is_done = True  # nothing was left by the last reading
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Waits for the next datagram."""
        loop = asyncio.get_running_loop()
        for sock, _ in self._ports:
            loop.add_reader(sock, self._wake)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        else:
            self._ignore()

    def _ignore(self) -> None:
        loop = asyncio.get_running_loop()
        for sock, _ in self._ports:
            loop.remove_reader(sock)

    def _wake(self) -> None:
        now = time.monotonic()
        self._pace.woke(self._take_all(now), now)
        if self._pace.is_steady:
            self._ignore()
            self._pause()

    def _tick(self) -> None:
        now, count = time.monotonic(), MUCH
        try:
            count = self._take_all(now)
        finally:  # whatever happened: the port must be read again
            self._pace.took(count, now)
            if self._pace.is_steady:
                self._pause()
            else:
                self._timer = None
                self.start()

    def _pause(self) -> None:
        """Until the next reading: none if there was not time for everything, or what waits would never grow less."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(until_next(PAUSE, loop.time()) if self._is_done else 0, self._tick)

    def _take_all(self, now: float) -> int:
        """What has come to all sockets; returns how many datagrams."""
        self._is_done = False
        if self._helped is None:
            counts = [_drain(partial(_read, sock, endpoint), now + SPELL) for sock, endpoint in self._ports]
        else:
            bursts, inbox = self._helped
            bursts.gather()
            try:
                counts = [_drain(partial(inbox.read, endpoint), now + SPELL) for _, endpoint in self._ports]
            finally:
                bursts.flush()
        self._is_done = all(is_done for _, is_done in counts)
        return sum(count for count, _ in counts)


def _drain(read: Callable[[float], int], until: float) -> tuple[int, bool]:
    """A batch after the other. Returns how many datagrams there were, and whether none are left."""
    count, now = 0, time.monotonic()
    while (taken := read(now)) == BATCH:
        count, now = count + taken, time.monotonic()
        if now > until:
            return count, False
    return count + taken, True


def _read(sock: socket.socket, endpoint: Endpoint, now: float) -> int:
    receive, recvfrom = endpoint.receive, sock.recvfrom
    for count in range(BATCH):
        try:
            data, address = recvfrom(LONGEST)
        except BlockingIOError:
            return count
        except OSError:  # an ICMP error of an earlier send; the next read goes on
            continue
        receive(data, address)
    return BATCH

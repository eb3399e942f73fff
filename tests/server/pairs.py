"""Connected TCP sockets on the loopback, and a `Ring` that remembers what it was used for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from server.ring import Ring, open_ring


def tcp_pair(buffer: int = 0) -> tuple[socket.socket, socket.socket]:
    """The client's end and the server's; `buffer`: bytes that the kernel keeps in each direction, about (0: as it likes)."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        server.setblocking(False)
        return socket.socket(fileno=client.detach()), server


def reset(client: socket.socket) -> None:
    """Ends a connection by RST, without a goodbye."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class RecordingRing(Ring):
    """`sent`: how many sends it was asked for; `short`: how many of them did not take all."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = self.short = 0

    def send(self, fds: Sequence[int], data: bytes) -> list[tuple[int, int]]:
        short = super().send(fds, data)
        self.sent += len(fds)
        self.short += len(short)
        return short


@contextmanager
def recording_ring() -> Iterator[RecordingRing]:
    """Skips the test where there is no io_uring."""
    available = open_ring()
    if available is None:
        pytest.skip("no io_uring here")
    available.close()
    ring = RecordingRing()
    try:
        yield ring
    finally:
        ring.close()

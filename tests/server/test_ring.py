"""`Ring` over real sockets: everybody gets the bytes once, and what was not taken is told."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from server.ring import ENTRIES, Ring, open_ring
from tests.server.pairs import reset, tcp_pair
from tests.server.running import PATIENCE_SECONDS


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = open_ring()
    if ring is None:
        pytest.skip("no io_uring here")
    yield ring
    ring.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pair(stack: ExitStack, buffer: int = 0) -> tuple[socket.socket, socket.socket]:
    client, server = tcp_pair(buffer)
    client.settimeout(PATIENCE_SECONDS)
    return stack.enter_context(client), stack.enter_context(server)


def read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            break
        data += more
    return data


def test_everybody_gets_the_bytes_once(ring: Ring, stack: ExitStack) -> None:
    pairs = [pair(stack) for _ in range(20)]
    assert ring.send([server.fileno() for _, server in pairs], b"hello") == []
    for client, server in pairs:
        server.close()
        assert read(client, 100) == b"hello"


def test_nobody_is_nothing_to_do(ring: Ring) -> None:
    assert ring.send([], b"hello") == []


def test_more_sockets_than_the_queue_holds_and_queues_that_go_round_many_times(ring: Ring, stack: ExitStack) -> None:
    client, server = pair(stack)
    counts = [1, ENTRIES - 2, ENTRIES, 3 * ENTRIES + 7, 2, 0, 2 * ENTRIES, 5]
    for number, count in enumerate(counts):
        message = b"%d;" % number
        assert ring.send([server.fileno()] * count, message) == []
        assert read(client, count * len(message)) == message * count


def test_a_full_socket_takes_what_it_can_and_nothing_is_waited_for(ring: Ring, stack: ExitStack) -> None:
    (fast, fast_server), (slow, slow_server) = pair(stack), pair(stack, 4096)
    data, expected, partly = os.urandom(50_000), b"", 0
    while (short := ring.send([fast_server.fileno(), slow_server.fileno()], data)) != [(1, 0)]:
        taken = dict(short).get(1, len(data))
        expected += data[:taken]
        partly += 0 < taken < len(data)
        assert read(fast, len(data)) == data
    assert partly
    assert read(slow, len(expected)) == expected


def test_broken_connections_and_numbers_that_are_no_sockets_disturb_nobody(ring: Ring, stack: ExitStack) -> None:
    pairs = [pair(stack) for _ in range(5)]
    reset(pairs[1][0])
    pairs[3][1].shutdown(socket.SHUT_WR)
    file = os.open(os.devnull, os.O_WRONLY)
    stack.callback(os.close, file)
    fds = [server.fileno() for _, server in pairs] + [-1, file]
    assert ring.send(fds, b"hello") == [(1, 0), (3, 0), (5, 0), (6, 0)]
    assert [read(pairs[at][0], 5) for at in (0, 2, 4)] == [b"hello"] * 3


def test_a_broken_socket_in_every_batch_is_named_by_its_place(ring: Ring, stack: ExitStack) -> None:
    client, server = pair(stack)
    fds = [server.fileno()] * (3 * ENTRIES)
    broken = [0, 5, ENTRIES - 1, ENTRIES, 2 * ENTRIES + 1, 3 * ENTRIES - 1]
    for at in broken:
        fds[at] = -1
    ring.send([server.fileno()] * 10, b"x")  # so that the queue does not begin at its first slot
    assert ring.send(fds, b"y") == [(at, 0) for at in broken]
    assert read(client, 10 + len(fds) - len(broken)) == b"x" * 10 + b"y" * (len(fds) - len(broken))


class Exhausted(Ring):
    """The kernel runs out of memory: it looks at `most` sends a call, and in the end at none."""

    calls = 0

    def _call(self, number: int, *arguments: int) -> int:
        if number != 426:
            return super()._call(number, *arguments)
        self.calls += 1
        fd, count, *rest = arguments
        return super()._call(number, fd, min(count, 3), *rest) if self.calls <= 2 else -1


def test_what_the_kernel_did_not_look_at_is_told_and_never_sent_later(ring: Ring, stack: ExitStack) -> None:
    exhausted, (client, server) = Exhausted(), pair(stack)
    stack.callback(exhausted.close)
    assert exhausted.send([server.fileno()] * 10, b"a") == [(at, 0) for at in range(6, 10)]
    exhausted.calls = 0
    assert exhausted.send([server.fileno()] * 4, b"b") == []
    server.shutdown(socket.SHUT_WR)
    assert read(client, 100) == b"a" * 6 + b"b" * 4


def test_a_closed_ring_sends_nothing(stack: ExitStack, ring: Ring) -> None:
    closed, (client, server) = Ring(), pair(stack)
    closed.close()
    assert closed.send([server.fileno()], b"hello") == [(0, 0)]
    server.shutdown(socket.SHUT_WR)
    assert read(client, 100) == b""


def test_a_ring_leaves_no_descriptor_behind(ring: Ring) -> None:
    before = len(os.listdir("/proc/self/fd"))
    other = Ring()
    other.send([-1], b"x")
    other.close()
    del other
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_the_system_gives_none_there_is_none(ring: Ring) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert open_ring() is None
        with pytest.raises(OSError) as caught:
            Ring()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE

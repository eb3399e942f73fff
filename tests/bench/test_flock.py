"""The benchmark's clients against a real WebSocket server: they count what was sent, no more and no less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from websockets.sync.server import ServerConnection, serve

from bench.flock import Flock

LENGTHS = [0, 1, 125, 126, 1000, 65535, 65536, 300_000]


def speak(connection: ServerConnection) -> None:
    """Pings in between, and says what it is asked to: a length each time."""
    for message in connection:
        if message == "leave":
            connection.close(4000, "as you wish")
            return
        assert connection.ping().wait(5)
        connection.send("x" * int(message))


@contextmanager
def speaking() -> Iterator[int]:
    """A server in a thread; gives its port."""
    with serve(speak, "127.0.0.1", 0, max_size=None) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@contextmanager
def flocking(port: int, members: int) -> Iterator[tuple[Flock, list[tuple[int, bytes]], list[int]]]:
    heard: list[tuple[int, bytes]] = []
    greeted: list[int] = []
    flock = Flock([port], greeted.append, lambda number, message: heard.append((number, message)))
    flock.join([("/", "")] * members)
    try:
        yield flock, heard, greeted
    finally:
        flock.close()


def test_every_member_is_greeted_once_and_hears_every_length_whole() -> None:
    with speaking() as port, flocking(port, 3) as (flock, heard, greeted):
        for length in LENGTHS:
            for number in range(3):
                flock.send(number, b"%d" % length)
        flock.run_until(lambda: len(heard) >= 3 * len(LENGTHS), 10)
        assert sorted(greeted) == [0, 1, 2]
        for number in range(3):
            assert [message for who, message in heard if who == number] == [b"x" * length for length in LENGTHS]


def test_a_lost_member_is_an_error_that_says_why() -> None:
    with speaking() as port, flocking(port, 1) as (flock, _, _), pytest.raises(ConnectionError, match="4000 as you wish"):
        flock.send(0, b"leave")
        flock.run_until(lambda: False, 10)


def test_a_condition_that_is_never_met_is_an_error() -> None:
    with speaking() as port, flocking(port, 1) as (flock, _, _), pytest.raises(TimeoutError):
        flock.run_until(lambda: False, 0.05)

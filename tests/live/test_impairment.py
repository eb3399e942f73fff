"""The relay that makes bad networks: it does what it says, the same under the same seed."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from tests.live.conftest import until
from tests.live.impairment import Impairment, UdpRelay, Way


def way(**impairment: float) -> Way:
    return Way(random.Random(7), Impairment(**impairment))


async def test_a_good_way_delivers_at_once_and_in_order() -> None:
    got: list[int] = []
    good = way()
    for number in range(5):
        good.send(100, lambda number=number: got.append(number))  # type: ignore[misc]
    assert got == [0, 1, 2, 3, 4]


async def test_the_same_share_is_lost_under_the_same_seed() -> None:
    def arrived() -> list[int]:
        got: list[int] = []
        lossy = way(loss=0.05)
        for number in range(2000):
            lossy.send(100, lambda number=number: got.append(number))  # type: ignore[misc]
        return got

    assert arrived() == arrived()
    assert 1850 < len(arrived()) < 1950


async def test_jitter_lets_later_packets_overtake() -> None:
    got: list[int] = []
    shaken = way(delay=0.01, jitter=0.03)
    for number in range(50):
        shaken.send(100, lambda number=number: got.append(number))  # type: ignore[misc]
    assert got == []
    await until(lambda: len(got) == 50)
    assert got != sorted(got)


async def test_a_bottleneck_holds_its_queue_and_drops_the_rest_in_order() -> None:
    got: list[int] = []
    narrow = way(rate=800_000, queue=0.1)  # 1,000 octets take 10 ms
    for number in range(50):
        narrow.send(1000, lambda number=number: got.append(number))  # type: ignore[misc]
    await until(lambda: len(got) >= 11)
    await asyncio.sleep(0)
    assert got == list(range(len(got))) and len(got) in (11, 12)


@pytest.mark.parametrize("is_open", [True, False])
async def test_datagrams_go_both_ways_unless_it_is_cut(*, is_open: bool) -> None:
    server, client = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    server.bind(("127.0.0.1", 0))
    relay = UdpRelay(server.getsockname(), "127.0.0.1")
    relay.start()
    try:
        client.connect(("127.0.0.1", relay.port))
        relay.open(is_open=is_open)
        client.send(b"ping")
        server.settimeout(30 if is_open else 0)
        if not is_open:
            await until(lambda: relay.seen == 1)
            with pytest.raises(BlockingIOError):
                server.recvfrom(100)
            return
        data, address = await asyncio.to_thread(server.recvfrom, 100)
        server.sendto(data + b" pong", address)
        client.settimeout(30)
        assert await asyncio.to_thread(client.recv, 100) == b"ping pong"
    finally:
        relay.close()
        server.close()
        client.close()

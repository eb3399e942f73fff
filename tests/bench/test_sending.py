"""The benchmark of ways to send: that every way sends the same number of packets, all of which can be decrypted."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.sending import BURST, NUMBER_AT, PAYLOAD, Ways, burst_of, measure
from live.rtp import parse


@pytest.fixture
def sinks() -> Iterator[list[socket.socket]]:
    made = []
    for _ in range(2):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        made.append(sock)
    yield made
    for sock in made:
        sock.close()


def test_a_burst_has_packets_of_1100_octets_with_a_place_for_the_transport_wide_number() -> None:
    burst = burst_of(7)
    assert len(burst) == BURST and {len(packet) for packet in burst} == {1100}
    assert [parse(packet).sequence for packet in burst] == list(range(7, 7 + BURST))
    assert burst[0][NUMBER_AT - 1] >> 4 == 3 and burst[0][NUMBER_AT : NUMBER_AT + 2] == b"\0\0"
    assert len(parse(burst[0]).payload) == PAYLOAD


def test_every_way_sends_every_packet_to_every_viewer(sinks: list[socket.socket], request: pytest.FixtureRequest) -> None:
    ways = Ways([sink.getsockname() for sink in sinks])
    request.addfinalizer(ways.close)
    for number, (name, way) in enumerate(ways.all().items()):
        burst = burst_of(1 + number * BURST)
        way(burst)
        if name == "(libsrtp alone)":
            continue
        for sink in sinks:
            came = [sink.recv(2048) for _ in burst]
            assert [data[2:4] for data in came] == [packet[2:4] for packet in burst], name
            assert {len(data) for data in came} == {1100 + 16}, name


def test_each_way_has_a_cost_for_each_round_but_the_first() -> None:
    turns: list[int] = []
    costs = measure({"a": lambda burst: turns.append(len(burst))}, viewers=2, rounds=3)
    assert turns == [BURST] * 4
    assert list(costs) == ["a"] and len(costs["a"]) == 3

from __future__ import annotations

import contextlib
import random

from hypothesis import given
from hypothesis import strategies as st

from recordings.packets import Gap, Packet, Reorder, Unwrapper, is_rtcp, parse


def packet(number: int, arrival: float = 0.0, ssrc: int = 1) -> Packet:
    return Packet(number & 0xFFFF, 0, ssrc, 96, False, b"x", arrival)


def pushed(order: Reorder, packets: list[Packet]) -> list[int | Gap]:
    """Sequence numbers and gaps, as they come out."""
    return [item if isinstance(item, Gap) else item.sequence for each in packets for item in order.push(each)]


def test_packets_in_order_pass_at_once() -> None:
    assert pushed(Reorder(), [packet(n) for n in range(65_530, 65_545)]) == [n & 0xFFFF for n in range(65_530, 65_545)]


def test_a_late_packet_is_waited_for() -> None:
    assert pushed(Reorder(), [packet(n) for n in (1, 3, 4, 2, 5)]) == [1, 2, 3, 4, 5]


def test_duplicates_are_dropped() -> None:
    assert pushed(Reorder(), [packet(n) for n in (1, 1, 2, 4, 4, 2, 3, 4)]) == [1, 2, 3, 4]


def test_a_missing_packet_is_given_up_after_the_patience() -> None:
    order = Reorder(patience=0.4)
    assert pushed(order, [packet(1, 0.0), packet(4, 0.1), packet(5, 0.45)]) == [1]
    assert list(order.pull(0.49)) == []
    assert [item if isinstance(item, Gap) else item.sequence for item in order.pull(0.51)] == [Gap(2), 4, 5]


def test_a_missing_packet_is_given_up_when_the_window_is_full() -> None:
    assert pushed(Reorder(window=3), [packet(n) for n in (1, 3, 4, 5)]) == [1, Gap(1), 3, 4, 5]


def test_another_sender_starts_afresh() -> None:
    assert pushed(Reorder(), [packet(1), packet(2), packet(900, ssrc=2), packet(901, ssrc=2)]) == [1, 2, Gap(0), 900, 901]


def test_a_stream_that_jumps_back_is_followed_in_the_end() -> None:
    order = Reorder()
    out = pushed(order, [packet(30_000)] + [packet(n) for n in range(100, 140)])
    assert out[0] == 30_000 and out[1] == Gap(0) and out[-1] == 139


@given(st.integers(0, 65535), st.integers(1, 300), st.integers(0, 2**32))
def test_any_small_disorder_is_put_right(first: int, count: int, seed: int) -> None:
    chance = random.Random(seed)
    shuffled = [packet(first)] + [
        packet(first + n) for n in sorted(range(1, count), key=lambda n: n + chance.uniform(0, 20))
    ]
    assert pushed(Reorder(), shuffled) == [(first + n) & 0xFFFF for n in range(count)]


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(1, 2), st.floats(0, 5)), max_size=200))
def test_never_more_than_the_window_is_held_and_nothing_comes_twice(arrivals: list[tuple[int, int, float]]) -> None:
    order, passed = Reorder(window=16), 0
    for number, ssrc, at in arrivals:
        passed += sum(isinstance(item, Packet) for item in order.push(packet(number, at, ssrc)))
        assert len(order._held) <= 16
    passed += sum(isinstance(item, Packet) for item in order.pull(float("inf")))
    assert passed <= len(arrivals) and not order._held


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=50))
def test_unwrapped_time_moves_as_the_clock_did(start: int, steps: list[int]) -> None:
    unwrap, true = Unwrapper(), start
    assert unwrap(start) == start
    for step in steps:
        true += step
        assert unwrap.peek(true & 0xFFFFFFFF) == true == unwrap(true & 0xFFFFFFFF)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_packet_or_an_error(data: bytes) -> None:
    assert is_rtcp(data) in (True, False)
    with contextlib.suppress(ValueError):
        assert len(parse(data, 1.0).payload) <= len(data) - 12

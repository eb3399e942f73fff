"""The delay trend: growing queues are overuse, jitter and bursts are not, other people's queues are put up with."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from live.delay import LEAST, MOST, STANDING, START, DelayTrend, Signal

STEP = 0.04


def after(delays: list[float], trend: DelayTrend | None = None, begin: float = 0.0) -> list[Signal]:
    trend = trend or DelayTrend()
    signals = []
    for index, delay in enumerate(delays):
        trend.add(begin + index * STEP, delay)
        signals.append(trend.signal)
    return signals


def test_a_constant_delay_is_normal() -> None:
    assert set(after([0.05] * 100)) == {Signal.NORMAL}


def test_ten_percent_too_much_is_overuse_within_half_a_second() -> None:
    signals = after([0.05] * 25 + [0.05 + 0.1 * STEP * index for index in range(25)])
    assert Signal.OVERUSE not in signals[:25]
    assert Signal.OVERUSE in signals[25:38]


def test_a_draining_queue_is_underuse() -> None:
    assert after([0.3 - 0.2 * STEP * index for index in range(25)])[-1] is Signal.UNDERUSE


def test_one_late_packet_is_no_overuse() -> None:
    assert Signal.OVERUSE not in after([0.05] * 25 + [0.145] + [0.05] * 25)


def test_jitter_is_no_overuse() -> None:
    chance = random.Random(1)
    signals = after([0.05 + min(chance.random() * 0.03 for _ in range(5)) for _ in range(1000)])
    assert signals.count(Signal.OVERUSE) < 10


def test_a_queue_that_stands_is_overuse_though_it_does_not_grow() -> None:
    signals = after([0.05] * 25 + [0.05 + STANDING * 1.5] * 40)
    assert signals[60] is Signal.OVERUSE


def test_a_queue_that_stands_whatever_we_do_is_somebody_elses() -> None:
    trend = DelayTrend()
    signals = after([0.05] * 25 + [0.05 + STANDING * 1.5] * 100, trend)
    assert signals[-1] is Signal.NORMAL
    assert trend.queue_limit > STANDING * 1.5


def test_a_longer_way_is_the_paths_own_delay_after_a_while() -> None:
    trend = DelayTrend()
    after([0.05] * 25 + [0.5] * 600, trend)
    assert trend.queue < 0.001


def test_after_a_pause_the_line_begins_anew() -> None:
    trend = DelayTrend()
    after([0.05 + 0.5 * STEP * index for index in range(20)], trend)
    assert trend.signal is Signal.OVERUSE
    trend.add(60.0, 0.05)
    assert (trend.signal, trend.trend) == (Signal.NORMAL, 0.0)


def test_the_threshold_follows_jitter_up_and_comes_down_slowly() -> None:
    trend, chance = DelayTrend(), random.Random(2)
    after([0.05 + chance.random() * 0.2 for _ in range(500)], trend)
    high = trend.threshold
    assert high > START
    after([0.05] * 500, trend, 500 * STEP)
    assert LEAST <= trend.threshold < high


@given(st.lists(st.tuples(st.floats(-10, 100), st.floats(-1e9, 1e9)), max_size=80))
def test_whatever_comes_the_threshold_is_bounded_and_the_signal_a_signal(points: list[tuple[float, float]]) -> None:
    trend, at = DelayTrend(), 0.0
    for step, delay in points:
        at += step
        trend.add(at, delay)
        assert LEAST <= trend.threshold <= MOST
        assert trend.signal in Signal

"""Losses: a full path is told from a bad one."""

from __future__ import annotations

import random

import pytest

from live.loss import Losses


def lose(losses: Losses, fraction: float, seconds: float, begin: float = 0.0, rate: int = 200, seed: int = 1) -> list[float]:
    """Tells of `rate` packets a second, ten times a second; returns the cuts."""
    chance, cuts = random.Random(seed), []
    for tick in range(int(seconds * 10)):
        now = begin + tick / 10
        lost = sum(chance.random() < fraction for _ in range(rate // 10))
        losses.told(rate // 10 - lost, lost, now)
        if (cut := losses.cut(now, 0.1)) < 1:
            cuts.append(cut)
            losses.forget()
    return cuts


@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.05, 0.1])
def test_a_steady_loss_of_up_to_ten_percent_is_no_reason_for_less(fraction: float) -> None:
    assert lose(Losses(), fraction, 60) == []


def test_loss_that_comes_anew_is_a_full_path() -> None:
    losses = Losses()
    lose(losses, 0.0, 20)
    cuts = lose(losses, 0.15, 5, begin=20)
    assert cuts
    assert all(0.85 < cut < 0.97 for cut in cuts)


def test_heavy_loss_is_cut_at_the_pace_of_the_round_trip() -> None:
    cuts = lose(Losses(), 0.8, 4)
    assert 5 <= len(cuts) <= 11
    assert max(cuts) < 0.7


def test_few_packets_say_nothing() -> None:
    losses = Losses()
    losses.told(5, 10, 1.0)
    assert losses.cut(1.0, 0.1) == 1.0


def test_packets_given_up_that_come_late_are_no_losses() -> None:
    losses = Losses()
    losses.told(80, 20, 1.0)
    losses.told(20, -20, 1.1)
    assert losses.fraction == 0
    assert losses.cut(1.2, 0.1) == 1.0


def test_rising_loss_forbids_growth_before_it_is_a_reason_for_less() -> None:
    losses = Losses()
    lose(losses, 0.0, 20)
    assert not losses.forbids_growth
    lose(losses, 0.07, 2, begin=20)
    assert losses.forbids_growth

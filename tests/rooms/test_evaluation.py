"""Evaluation: shares, intervals and bounds against worked examples, and what must hold of all of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rooms.evaluation import (
    LEAST_SHOWN,
    Cell,
    Distribution,
    Interval,
    distribute,
    judge,
    mean_interval,
    response_rate,
    share_bounds,
    share_interval,
    suppress,
)


def percent(interval: Interval) -> tuple[int, int]:
    return round(interval.low * 100), round(interval.high * 100)


def test_a_distribution_leaves_no_opinion_out_of_share_and_mean() -> None:
    distribution = distribute([5, 4, 4, 2, None, None])
    assert distribution == Distribution((0, 1, 0, 2, 1), no_opinion=2)
    assert (distribution.n, distribution.share, distribution.mean) == (4, 0.75, 3.75)


def test_without_answers_there_is_neither_share_nor_mean() -> None:
    assert distribute([None, None]).share is None
    assert distribute([]).mean is None


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_off_the_scale_is_an_error(rating: int) -> None:
    with pytest.raises(ValueError, match="five-point"):
        distribute([5, rating])


def test_27_of_30_lies_between_74_and_97_percent() -> None:
    assert percent(share_interval(27, 30)) == (74, 97)


@pytest.mark.parametrize(
    ("satisfied", "n", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: Wilson's score interval without continuity correction
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_agrees_with_newcombe(satisfied: int, n: int, low: float, high: float) -> None:
    interval = share_interval(satisfied, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_27_of_30_is_met_and_not_secure() -> None:
    verdict = judge(Distribution((0, 1, 2, 14, 13)), attended=3000, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert verdict.share == pytest.approx(0.9)
    assert (verdict.met, verdict.secure) == (True, False)


def test_55_of_60_with_120_attending_lies_between_46_and_96_percent() -> None:
    assert percent(share_bounds(Distribution((1, 1, 3, 30, 25)), attended=120)) == (46, 96)


def test_whoever_has_no_opinion_has_answered() -> None:
    bounds = share_bounds(Distribution((0, 0, 0, 0, 8), no_opinion=2), attended=10)
    assert bounds == Interval(1.0, 1.0)


def test_a_high_share_with_a_low_mean_is_not_met() -> None:
    verdict = judge(Distribution((10, 0, 0, 90, 0)), attended=100, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert (verdict.share, verdict.mean, verdict.met) == (0.9, 3.7, False)


def test_when_everybody_answered_what_is_met_is_secure() -> None:
    verdict = judge(Distribution((0, 0, 4, 16, 20)), attended=40, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert (verdict.met, verdict.secure) == (True, True)
    assert verdict.share_bounds == verdict.share_interval == Interval(0.9, 0.9)


def test_a_mean_just_above_its_goal_is_not_secure() -> None:
    verdict = judge(Distribution((6, 0, 0, 160, 20)), attended=10_000, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert verdict.share_interval.low >= 0.9
    assert (verdict.met, verdict.secure) == (True, False)


def test_fewer_than_five_opinions_are_not_judged() -> None:
    assert judge(Distribution((0, 0, 0, 0, LEAST_SHOWN - 1), no_opinion=50), 100, 0.9, 4.0) is None
    assert judge(Distribution((0, 0, 0, 0, LEAST_SHOWN)), 100, 0.9, 4.0) is not None


def test_more_answers_than_people_seen_do_not_break_the_figures() -> None:
    verdict = judge(Distribution((0, 0, 0, 5, 5)), attended=3, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert verdict.share_bounds == Interval(1.0, 1.0)
    assert response_rate(10, 3) == 1.0


def test_response_rate() -> None:
    assert response_rate(60, 120) == 0.5
    assert response_rate(0, 0) is None


@pytest.mark.parametrize(
    ("degrees", "t"),
    [(3, 3.1824), (4, 2.7764), (9, 2.2622), (29, 2.0452), (99, 1.9842)],  # any table of Student's t, 97.5 %
)
def test_the_mean_has_students_interval(degrees: int, t: float) -> None:
    half = (degrees + 1) // 2
    distribution = Distribution((0, 0, half, 0, degrees + 1 - half))
    interval, mean = mean_interval(distribution), distribution.mean
    assert mean is not None
    squares = sum(count * (rating - mean) ** 2 for rating, count in enumerate(distribution.counts, 1))
    expected = min(5.0, mean + t * math.sqrt(squares / degrees / (degrees + 1)))
    assert interval.high == pytest.approx(expected, rel=2e-3)


def test_one_answer_says_nothing_about_the_mean() -> None:
    assert mean_interval(Distribution((0, 0, 0, 0, 1)), population=50) == Interval(1.0, 5.0)
    assert mean_interval(Distribution((0, 0, 0, 0, 1)), population=1) == Interval(5.0, 5.0)


def test_small_groups_are_put_together() -> None:
    cells = suppress({"Uppsala län": 9, "Gotlands län": 1, "Skåne län": 12, "Hallands län": 4})
    assert cells == (Cell("Uppsala län", 9), Cell("Skåne län", 12), Cell(None, 5, 2))


def test_a_single_small_group_takes_the_next_smallest_with_it() -> None:
    cells = suppress({"Uppsala län": 9, "Gotlands län": 1, "Skåne län": 12})
    assert cells == (Cell("Skåne län", 12), Cell(None, 10, 2))


def test_too_few_people_altogether_are_not_shown() -> None:
    assert suppress({"Uppsala län": 2, "Gotlands län": 1}) is None
    assert suppress({}) == ()


distributions = st.builds(
    Distribution,
    st.tuples(*[st.integers(0, 80)] * 5),
    st.integers(0, 30),
)


@given(st.integers(1, 400), st.integers(0, 400), st.integers(0, 2000))
def test_the_share_lies_in_its_interval_and_a_finite_population_narrows_it(n: int, satisfied: int, more: int) -> None:
    assume(satisfied <= n)
    finite, infinite = share_interval(satisfied, n, n + more), share_interval(satisfied, n)
    assert 0 <= infinite.low <= finite.low + 1e-12
    assert finite.low <= satisfied / n <= finite.high
    assert finite.high <= infinite.high + 1e-12 <= 1 + 1e-12


@given(st.integers(2, 300), st.integers(0, 300))
def test_dissatisfied_is_satisfied_in_the_mirror(n: int, satisfied: int) -> None:
    assume(satisfied <= n)
    one, other = share_interval(satisfied, n, 500), share_interval(n - satisfied, n, 500)
    assert one.low == pytest.approx(1 - other.high)


@given(distributions, st.integers(0, 600))
def test_the_bounds_hold_the_share_and_every_answer_narrows_them(distribution: Distribution, silent: int) -> None:
    assume(distribution.n > 0)
    attended = distribution.n + distribution.no_opinion + silent
    bounds, share = share_bounds(distribution, attended), distribution.share
    assert share is not None
    assert 0 <= bounds.low <= share + 1e-12
    assert share <= bounds.high + 1e-12
    closer = share_bounds(distribution, max(0, attended - 1))
    assert closer.high - closer.low <= bounds.high - bounds.low + 1e-12


@given(distributions, st.integers(0, 2000), st.floats(0, 1), st.floats(1, 5))
def test_a_verdict_is_consistent(distribution: Distribution, attended: int, share_goal: float, mean_goal: float) -> None:
    verdict = judge(distribution, attended, share_goal, mean_goal)
    assert (verdict is None) == (distribution.n < LEAST_SHOWN)
    if verdict is None:
        return
    assert verdict.met or not verdict.secure
    assert 1 <= verdict.mean_interval.low <= verdict.mean <= verdict.mean_interval.high <= 5
    assert verdict.share_interval.low <= verdict.share <= verdict.share_interval.high


@given(st.lists(st.one_of(st.none(), st.integers(1, 5))))
def test_no_answer_is_lost(ratings: list[int | None]) -> None:
    distribution = distribute(ratings)
    assert distribution.n + distribution.no_opinion == len(ratings)
    assert distribute(reversed(ratings)) == distribution


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 12), max_size=12))
def test_no_cell_is_small_and_nobody_is_lost(groups: dict[str, int]) -> None:
    cells = suppress(groups)
    if cells is None:
        assert 0 < sum(groups.values()) < LEAST_SHOWN
        return
    assert sum(cell.people for cell in cells) == sum(groups.values())
    assert all(cell.people >= LEAST_SHOWN for cell in cells)
    assert sum(cell.groups for cell in cells) == sum(1 for people in groups.values() if people)


def test_those_without_an_opinion_are_no_part_of_the_population() -> None:
    verdict = judge(Distribution((0, 0, 0, 30, 30), no_opinion=40), attended=100, share_goal=0.9, mean_goal=4.0)
    assert verdict is not None
    assert verdict.share_interval == Interval(1.0, 1.0)
    assert verdict.mean_interval == Interval(4.5, 4.5)


def test_a_finite_population_narrows_the_means_interval() -> None:
    distribution = Distribution((0, 0, 10, 20, 20))
    few, many, endless = (mean_interval(distribution, population) for population in (60, 600, None))
    assert endless.low < many.low < few.low

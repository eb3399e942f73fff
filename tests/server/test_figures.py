"""Figures in words: rounding never contradicts a verdict."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.evaluation import Interval
from server.figures import Figures

ENGLISH, SWEDISH = Figures("en"), Figures("sv")


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2060", "")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.9, "90 %"), (0.896, "89,6 %"), (0.8999, "89,99 %"), (0.904, "90 %"), (0.8, "80 %"), (1.0, "100 %")],
)
def test_a_share_short_of_its_goal_does_not_look_like_it(share: float, text: str) -> None:
    assert plain(SWEDISH.share(share, 0.9)) == text


@pytest.mark.parametrize(("mean", "text"), [(4.0, "4.00"), (3.996, "3.996"), (4.273, "4.27"), (3.9999, "3.999")])
def test_a_mean_short_of_its_goal_does_not_look_like_it(mean: float, text: str) -> None:
    assert ENGLISH.mean(mean, 4.0) == text


def test_an_interval_is_short_of_everybody_unless_it_is_not() -> None:
    assert plain(ENGLISH.shares(Interval(0.7438, 0.9654))) == "74–97%"
    assert plain(ENGLISH.shares(Interval(0.897, 0.997), 0.9)) == "89.7–99.7%"
    assert plain(ENGLISH.shares(Interval(1.0, 1.0))) == "100–100%"


def test_without_a_goal_a_share_is_simply_rounded() -> None:
    assert ENGLISH.share(0.896) == "90%"


def test_days_are_written_in_full() -> None:
    days = [Figures(lang).day(date(2026, 3, 25)) for lang in ("sv", "en", "nb", "da")]
    assert days == ["onsdag 25 mars", "Wednesday 25 March", "onsdag 25. mars", "onsdag den 25. marts"]


@given(st.integers(0, 2000), st.integers(1, 2000), st.integers(1, 100))
def test_what_is_read_agrees_with_the_verdict(satisfied: int, n: int, goal: int) -> None:
    share = min(satisfied, n) / n
    read = float(ENGLISH.share(share, goal / 100).rstrip("%"))
    assert (read >= goal) == (share >= goal / 100 - 1e-9)

"""What `bench.recovery` makes of the moments that pages note."""

from __future__ import annotations

from bench.drain import Pause, summary
from bench.recovery import back_after, standstill

KILLED = 10_000.0


def test_it_is_back_when_the_longest_standstill_ends() -> None:
    before, buffered, after = [9_900.0, 9_950], [10_050.0, 10_100], [11_600.0, 11_650, 11_800, 11_850]
    assert back_after(before + buffered + after, KILLED) == 1.6


def test_a_standstill_before_does_not_count() -> None:
    assert back_after([1_000, 9_990, 10_040, 10_240, 10_290], KILLED) == 0.24


def test_the_standstill_may_begin_before_the_kill() -> None:
    assert back_after([9_900, 12_000, 12_050], KILLED) == 2.0


def test_what_nothing_was_shown_of_before_came_with_its_first_picture() -> None:
    assert back_after([10_700, 10_750], KILLED) == 0.7


def test_the_longest_standstill_is_of_those_that_end_after_the_moment() -> None:
    assert standstill([1_000, 9_000, 9_950, 10_100, 10_350, 10_400], KILLED) == 0.25
    assert standstill([9_000, 10_100, 10_200], KILLED) == 1.1
    assert standstill([], KILLED) == 0.0


def test_an_update_is_as_good_as_what_is_missed_longest() -> None:
    found = summary([Pause(0.5, 0.25, 2.0), Pause(0.5, 0.5, 0.5), Pause(0.75, 1.0, 0.0)])
    assert (found["median_s"], found["worst_s"], found["picture_s"], found["news_s"]) == (1.0, 2.0, 0.5, 0.5)

"""The benchmark of answers: that it counts what it claims to, and that it runs. No test looks at how long it takes."""

from __future__ import annotations

import argparse

import pytest

from bench.answers import Outcome, chosen, recount, run, summary
from bench.setups import SETUPS, setups, sizes


def test_answers_that_are_all_there_as_given_are_neither_lost_nor_too_many() -> None:
    assert recount([("person-1", chosen(1)), ("person-2", chosen(2))], [1, 2]) == (0, 0)


def test_an_acknowledged_answer_that_is_not_there_is_lost() -> None:
    assert recount([("person-1", chosen(1))], [1, 2]) == (1, 0)


def test_an_answer_that_is_there_with_another_option_is_lost_and_a_foreign_one_too_many() -> None:
    assert recount([("person-1", chosen(1) + 1)], [1]) == (1, 1)


def test_a_second_row_and_a_row_nobody_was_acknowledged_for_are_too_many() -> None:
    assert recount([("person-1", chosen(1))] * 2 + [("person-7", chosen(7))], [1]) == (0, 2)


@pytest.mark.parametrize("setup", SETUPS)
def test_twenty_people_answer_the_real_server(setup: str) -> None:
    try:
        outcome = run(setup, 20)
    except LookupError as missing:
        pytest.skip(str(missing))
    assert (outcome.setup, outcome.people, outcome.lost, outcome.duplicated) == (setup, 20, 0, 0)
    assert len(outcome.delays) == 20


def test_the_last_line_compares_the_runs_with_the_most_people() -> None:
    outcomes = [
        Outcome(setup, people, 30.0, seconds, 1.0, [0.1], lost, 0)
        for setup, people, seconds, lost in [("sqlite", 10, 9, 1), ("sqlite", 90, 1, 0), ("postgres", 90, 1.5, 0)]
    ]
    assert summary(outcomes) == {"seconds": 1, "postgres_ratio": 1.5, "lost": 1, "duplicated": 0}


@pytest.mark.parametrize("text", ["", "mysql", "sqlite,mysql"])
def test_an_unknown_setup_is_refused_in_words(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="sqlite, postgres, nodes"):
        setups(text)


@pytest.mark.parametrize("text", ["", "many", "0", "10,-1"])
def test_sizes_are_numbers_of_people(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        sizes(text)
    assert sizes("10000,1000") == [1000, 10_000]

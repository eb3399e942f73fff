"""The benchmark of answers: that it counts what it claims to, and that it runs. No test looks at how long it takes."""

from __future__ import annotations

import pytest

from bench.answers import chosen, recount, run_on
from bench.postgres import find_programs


def test_answers_that_are_all_there_as_given_are_neither_lost_nor_too_many() -> None:
    assert recount([("person-1", chosen(1)), ("person-2", chosen(2))], [1, 2]) == (0, 0)


def test_an_acknowledged_answer_that_is_not_there_is_lost() -> None:
    assert recount([("person-1", chosen(1))], [1, 2]) == (1, 0)


def test_an_answer_that_is_there_with_another_option_is_lost_and_a_foreign_one_too_many() -> None:
    assert recount([("person-1", chosen(1) + 1)], [1]) == (1, 1)


def test_a_second_row_and_a_row_nobody_was_acknowledged_for_are_too_many() -> None:
    assert recount([("person-1", chosen(1))] * 2 + [("person-7", chosen(7))], [1]) == (0, 2)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_twenty_people_answer_the_real_server(database: str) -> None:
    if database == "postgres" and find_programs() is None:
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    outcome = run_on(database, 20)
    assert (outcome.people, outcome.lost, outcome.duplicated) == (20, 0, 0)
    assert len(outcome.delays) == 20

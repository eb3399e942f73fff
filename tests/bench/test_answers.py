"""The benchmark of answers: that it counts what it claims to, and that it runs. No test looks at how long it takes."""

from __future__ import annotations

from pathlib import Path

from bench.answers import chosen, recount, run


def test_answers_that_are_all_there_as_given_are_neither_lost_nor_too_many() -> None:
    assert recount([("person-1", chosen(1)), ("person-2", chosen(2))], [1, 2]) == (0, 0)


def test_an_acknowledged_answer_that_is_not_there_is_lost() -> None:
    assert recount([("person-1", chosen(1))], [1, 2]) == (1, 0)


def test_an_answer_that_is_there_with_another_option_is_lost_and_a_foreign_one_too_many() -> None:
    assert recount([("person-1", chosen(1) + 1)], [1]) == (1, 1)


def test_a_second_row_and_a_row_nobody_was_acknowledged_for_are_too_many() -> None:
    assert recount([("person-1", chosen(1))] * 2 + [("person-7", chosen(7))], [1]) == (0, 2)


def test_twenty_people_answer_the_real_server(tmp_path: Path) -> None:
    outcome = run(20, tmp_path)
    assert (outcome.people, outcome.lost, outcome.duplicated) == (20, 0, 0)
    assert len(outcome.delays) == 20

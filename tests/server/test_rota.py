"""The rota: everybody once a period, and never all at once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.rota import Rota

comings_and_goings = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=8)


@given(st.lists(comings_and_goings, min_size=1, max_size=120))
def test_each_has_a_turn_once_a_period_whoever_comes_and_goes(seconds: list[list[tuple[bool, int]]]) -> None:
    rota = Rota[int](period=10, step=1)
    rota.due(0)
    seen: dict[int, list[int]] = {}
    for now, changes in enumerate(seconds, 1):
        for comes, item in changes:
            if comes and item not in seen:
                rota.add(item)
                seen[item] = [now]
            elif not comes:
                rota.discard(item)
                seen.pop(item, None)
        due = rota.due(now)
        assert len(due) == len(set(due))
        for item in due:
            seen[item].append(now)
        for turns in seen.values():
            assert now - turns[-1] < 10
            assert all(later - earlier == 10 for earlier, later in pairwise(turns[1:]))


def test_turns_are_even() -> None:
    rota = Rota[int](period=15, step=1)
    rota.due(0)
    for item in range(1000):
        rota.add(item)
    assert {len(rota.due(now)) for now in range(1, 16)} == {66, 67}


def test_a_turn_that_was_missed_is_caught_up() -> None:
    rota = Rota[int](period=15, step=1)
    rota.due(0)
    for item in range(30):
        rota.add(item)
    assert (len(rota.due(1)), len(rota.due(4)), len(rota.due(4))) == (2, 6, 0)


def test_after_a_long_pause_or_with_a_clock_set_back_it_is_everybodys_turn() -> None:
    rota = Rota[int](period=15, step=1)
    rota.due(0)
    for item in range(30):
        rota.add(item)
    assert (len(rota.due(100)), len(rota.due(50))) == (30, 30)


def test_a_period_shorter_than_a_step_is_one_share() -> None:
    rota = Rota[int](period=0.05, step=0.05)
    rota.due(0)
    rota.add(1)
    assert (rota.due(0.01), rota.due(0.06), rota.due(0.11)) == ([], [1], [1])

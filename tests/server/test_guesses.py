"""Wrong links: each costs more than the one before, right ones nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from server.guesses import BURST_SECONDS, FORGIVEN_SECONDS, MOST_ADDRESSES, Guesses
from server.settings import Settings

FREE = 3
LONGEST = 200.0  # seconds


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def guesses(clock: Seconds) -> Guesses:
    return Guesses(Settings(wrong_links=FREE, wrong_links_wait_seconds=LONGEST, wrong_links_per_second=1000.0), clock)


def wait(guesses: Guesses, address: str = "a") -> int:
    """For how long an address has to wait now."""
    try:
        guesses.check(address)
    except Refused as refused:
        assert refused.code == "too_many_guesses"
        return int(refused.data["retry_after"])
    return 0


def guess(guesses: Guesses, clock: Seconds, address: str = "a") -> int:
    """A wrong link as soon as it is looked at; returns how long the next has to wait."""
    clock.now += wait(guesses, address)
    guesses.check(address)
    guesses.note(address)
    return wait(guesses, address)


def test_a_few_are_free_and_then_each_waits_twice_as_long(guesses: Guesses, clock: Seconds) -> None:
    assert [guess(guesses, clock) for _ in range(FREE)] == [0] * FREE
    assert [guess(guesses, clock) for _ in range(4)] == [2, 4, 8, 16]


def test_no_wait_is_longer_than_a_few_minutes(guesses: Guesses, clock: Seconds) -> None:
    for _ in range(100):
        guesses.note("a")
    assert wait(guesses) == LONGEST


def test_other_addresses_do_not_wait(guesses: Guesses) -> None:
    for _ in range(FREE + 5):
        guesses.note("a")
    assert wait(guesses, "a") and not wait(guesses, "b")


def test_wrong_links_are_forgiven_in_time(guesses: Guesses, clock: Seconds) -> None:
    for _ in range(FREE):
        guesses.note("a")
    clock.now += FORGIVEN_SECONDS * FREE
    assert [guess(guesses, clock) for _ in range(FREE)] == [0] * FREE


def test_all_addresses_together_are_bounded(clock: Seconds) -> None:
    guesses = Guesses(Settings(wrong_links=1000, wrong_links_per_second=2.0), clock)
    waits = [wait(guesses, f"address {n}") for n in range(100)]
    assert waits.count(0) == 2 * BURST_SECONDS
    clock.now += 1
    assert [wait(guesses, f"another {n}") for n in range(3)].count(0) == 2


def test_memory_is_bounded(guesses: Guesses) -> None:
    for number in range(MOST_ADDRESSES + 100):
        guesses.note(str(number))
    assert len(guesses) == MOST_ADDRESSES
    assert not wait(guesses, "0")


@given(st.lists(st.floats(0, 100), max_size=60))
def test_whoever_guesses_gets_few_looks_in_any_time(pauses: list[float]) -> None:
    clock = Seconds()
    guesses = Guesses(Settings(wrong_links=FREE, wrong_links_wait_seconds=LONGEST, wrong_links_per_second=1000.0), clock)
    began, looked = clock.now, 0
    for pause in pauses:
        clock.now += pause
        if not wait(guesses):
            guesses.note("a")
            looked += 1
    assert looked <= FREE + 12 + (clock.now - began) / FORGIVEN_SECONDS

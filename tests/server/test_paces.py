"""Each goes at its own pace."""

from __future__ import annotations

import pytest

from rooms.errors import Refused
from server.paces import MOST_KEPT, Paces


def allowed(paces: Paces, key: str, tries: int = 10) -> int:
    count = 0
    for _ in range(tries):
        try:
            paces.check(key)
            count += 1
        except Refused as refused:
            assert refused.code == "too_fast"
    return count


def test_a_burst_then_so_many_a_second_each_for_itself() -> None:
    now = 0.0
    paces = Paces(2.0, 5.0, now=lambda: now)
    assert (allowed(paces, "a"), allowed(paces, "b")) == (5, 5)
    now = 1.0
    assert allowed(paces, "a") == 2


def test_those_heard_the_longest_ago_are_forgotten() -> None:
    paces = Paces(1.0, 1.0, most=3, now=lambda: 0.0)
    for key in ("a", "b", "c", "a"):
        allowed(paces, key, 1)
    paces.check("d")
    assert len(paces) == 3 < MOST_KEPT
    with pytest.raises(Refused):
        paces.check("a")
    paces.check("b")

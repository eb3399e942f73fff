"""How many workers there are."""

from __future__ import annotations

from live.processors import default_workers


def test_there_is_a_worker_for_each_processor() -> None:
    assert 1 <= default_workers() <= 64

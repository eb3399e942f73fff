"""As many open files as the connections need, as far as the system lets us."""

from __future__ import annotations

import resource

import pytest

from server.descriptors import RESERVE, make_room


@pytest.mark.parametrize(
    ("limits", "connections", "fit", "raised"),
    [
        ((65_536, 65_536), 20_000, 20_000, None),
        ((1024, 1 << 20), 20_000, 20_000, 20_000 + RESERVE),
        ((1024, 4096), 20_000, 4096 - RESERVE, 4096),
        ((1024, 1024), 20_000, 512, None),
        ((1024, resource.RLIM_INFINITY), 20_000, 20_000, 20_000 + RESERVE),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 20_000, 20_000, None),
    ],
)
def test_the_limit_is_raised_as_far_as_needed_and_possible(
    limits: tuple[int, int], connections: int, fit: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, given: calls.append(given))
    assert make_room(connections) == fit
    assert calls == ([] if raised is None else [(raised, limits[1])])

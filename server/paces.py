"""How fast each of many may go: a token bucket for each of whom was heard lately."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from live.limits import Budget
from rooms.errors import Refused

MOST_KEPT: Final = 20_000  # then those heard the longest ago are forgotten: their buckets are full again by then


class Paces:
    """`rate` a second for each, and `burst` at once."""

    def __init__(
        self, rate: float, burst: float, *, most: int = MOST_KEPT, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._most, self._now = rate, burst, most, now
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def __len__(self) -> int:
        return len(self._budgets)

    def check(self, key: str) -> None:
        """Counts one. Raises `Refused("too_fast")`."""
        budget = self._budgets.pop(key, None) or Budget(self._rate, self._burst)
        self._budgets[key] = budget
        if len(self._budgets) > self._most:
            self._budgets.popitem(last=False)
        if not budget.take(1, self._now()):
            raise Refused("too_fast")

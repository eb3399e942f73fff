"""Figures as words, rounded so that they never contradict what is said about them.

89.6 % against a goal of 90 % is not "90 %": where rounding would carry a figure over its goal, it gets more decimals.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from babel import Locale, dates, numbers

from rooms.evaluation import Interval

_MOST_DECIMALS: Final = 3
_TO: Final = "–\u2060"  # a range is never broken in two lines (Unicode UAX 14, class WJ)
_DAYS: Final = {"nb": "EEEE d. MMMM", "da": "EEEE 'den' d. MMMM"}


class Figures:
    """Shares, means and intervals in one language. Goals are optional; where given, rounding respects them."""

    def __init__(self, lang: str) -> None:
        self._locale = Locale.parse("en_GB" if lang == "en" else lang)

    def count(self, value: int) -> str:
        return self._decimal(value, least=0)

    def share(self, share: float, goal: float | None = None) -> str:
        """A share of 0..1 as a percentage: "92 %"."""
        rounded = _rounded(share * 100, None if goal is None else goal * 100, decimals=0)
        return str(numbers.format_percent(round(rounded / 100, 6), decimal_quantization=False, locale=self._locale))

    def mean(self, mean: float, goal: float | None = None) -> str:
        """A mean with two decimals: "4.27"."""
        return self._decimal(_rounded(mean, goal, decimals=2), least=2)

    def minutes(self, minutes: float) -> str:
        return self._decimal(round(minutes), least=0)

    def shares(self, interval: Interval, goal: float | None = None) -> str:
        """ "74–97 %". The low end respects the goal, as it decides whether a goal is safely met, and the high end is
        100 % only if it is."""
        low = _rounded(interval.low * 100, None if goal is None else goal * 100, decimals=0)
        return f"{self._decimal(low, least=0)}{_TO}{self.share(interval.high, 1.0)}"

    def means(self, interval: Interval, goal: float | None = None) -> str:
        """ "4.05–4.49"."""
        return f"{self.mean(interval.low, goal)}{_TO}{self.mean(interval.high)}"

    def day(self, day: date) -> str:
        """ "onsdag 25 mars"."""
        return str(dates.format_date(day, _DAYS.get(self._locale.language, "EEEE d MMMM"), locale=self._locale))

    def _decimal(self, value: float, *, least: int) -> str:
        pattern = f"#,##0.{'0' * least}{'#' * (_MOST_DECIMALS - least)}"
        return str(numbers.format_decimal(value, format=pattern, locale=self._locale))


def _rounded(value: float, goal: float | None, *, decimals: int) -> float:
    """`value` with as few decimals, from `decimals` on, as keep it on its side of `goal`; cut off where none do."""
    for places in range(decimals, _MOST_DECIMALS + 1):
        rounded = round(value, places)
        if goal is None or (rounded >= goal - 1e-9) == (value >= goal - 1e-9):
            return rounded
    return int(value * 10**_MOST_DECIMALS) / 10**_MOST_DECIMALS

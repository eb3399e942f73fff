"""Evaluation: what people thought of the conference, and how sure one can be of it.

Five-point scales with "no opinion". A goal is `met` when the share satisfied and the mean both reach it, and separately
`secure` when the lower ends of their intervals do too. Neighbour: `attendance`, how many there were to ask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from math import sqrt
from statistics import NormalDist
from typing import Final, Generic, TypeVar

from msgspec import Struct

Label = TypeVar("Label", bound=Hashable)

SATISFIED: Final = 4  # this rating and above: "satisfied" and "very satisfied"
CONFIDENCE: Final = 0.95
LEAST_SHOWN: Final = 5  # fewer people than this are never shown as a group of their own


class Interval(Struct, frozen=True):
    low: float
    high: float


class Distribution(Struct, frozen=True):
    """How often each rating was given: `counts[0]` is rating 1. "No opinion" is outside of every share and mean."""

    counts: tuple[int, int, int, int, int]
    no_opinion: int = 0

    @property
    def n(self) -> int:
        return sum(self.counts)

    @property
    def satisfied(self) -> int:
        return sum(self.counts[SATISFIED - 1 :])

    @property
    def share(self) -> float | None:
        """Share satisfied or very satisfied (top-two-box), 0..1. None without answers."""
        return self.satisfied / self.n if self.n else None

    @property
    def mean(self) -> float | None:
        """1..5. None without answers."""
        return sum(rating * count for rating, count in enumerate(self.counts, 1)) / self.n if self.n else None


class Verdict(Struct, frozen=True):
    """One question against its goal. Shares 0..1, means 1..5. `attended` is how many could have answered."""

    distribution: Distribution
    n: int
    attended: int
    share: float
    share_interval: Interval
    share_bounds: Interval  # if all who gave no answer were dissatisfied, and if all were satisfied
    share_goal: float
    mean: float
    mean_interval: Interval
    mean_goal: float
    met: bool
    secure: bool


class Cell(Struct, Generic[Label], frozen=True):
    """A group of people. `label` is None for the small groups that were put together; `groups` says how many those are."""

    label: Label | None
    people: int
    groups: int = 1


def distribute(ratings: Iterable[int | None]) -> Distribution:
    """Counts ratings 1..5; None is "no opinion". Raises ValueError for any other rating."""
    tally = Counter(ratings)
    no_opinion = tally.pop(None, 0)
    one, two, three, four, five = (tally.pop(rating, 0) for rating in range(1, 6))
    if tally:
        raise ValueError(f"not on the five-point scale: {sorted(tally)}")  # type: ignore[type-var]
    return Distribution((one, two, three, four, five), no_opinion)


def response_rate(answered: int, attended: int) -> float | None:
    """Share of those who attended that answered, 0..1. None if nobody attended. Answers by people who were never seen in
    a session (they may have listened beside a colleague) do not make it more than 1."""
    return min(1.0, answered / attended) if attended > 0 else None


def share_interval(satisfied: int, n: int, population: int | None = None, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval (Wilson 1927) for a share, 0..1, `n` ≥ 1. With a finite `population`, the variance of a sample
    without replacement, p(1-p)/n · (N-n)/(N-1), is that of a sample of n·(N-1)/(N-n); when everybody answered, nothing
    is uncertain. Assumes that answering has nothing to do with being satisfied: `share_bounds` does not."""
    share = satisfied / n
    if population is not None and n >= population:
        return Interval(share, share)
    effective = n if population is None else n * (population - 1) / (population - n)
    z2 = _z(confidence) ** 2
    middle = (share + z2 / (2 * effective)) / (1 + z2 / effective)
    half = sqrt(z2) * sqrt(share * (1 - share) / effective + z2 / (4 * effective**2)) / (1 + z2 / effective)
    return Interval(min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def mean_interval(distribution: Distribution, population: int | None = None, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval for the mean of the ratings, 1..5, n ≥ 1, with the same finite-population correction. One answer
    tells nothing about spread: the whole scale, unless one is all there were."""
    n, mean = distribution.n, distribution.mean
    if mean is None:
        raise ValueError("no answers")
    if population is not None and n >= population:
        return Interval(mean, mean)
    if n == 1:
        return Interval(1.0, 5.0)
    squares = sum(count * (rating - mean) ** 2 for rating, count in enumerate(distribution.counts, 1))
    correction = 1.0 if population is None else (population - n) / (population - 1)
    half = _t(confidence, n - 1) * sqrt(squares / (n - 1) / n * correction)
    return Interval(max(1.0, mean - half), min(5.0, mean + half))


def share_bounds(distribution: Distribution, attended: int) -> Interval:
    """Between which the share satisfied of everybody lies for certain, 0..1, whoever they are that did not answer: none
    of them satisfied, or all. Those who said that they have no opinion have answered."""
    silent = max(0, attended - distribution.n - distribution.no_opinion)
    everybody = distribution.n + silent
    return Interval(distribution.satisfied / everybody, (distribution.satisfied + silent) / everybody)


def judge(distribution: Distribution, attended: int, share_goal: float, mean_goal: float) -> Verdict | None:
    """One question against its goal; None while fewer than `LEAST_SHOWN` have an opinion: for their sake."""
    share, mean = distribution.share, distribution.mean
    if distribution.n < LEAST_SHOWN or share is None or mean is None:
        return None
    population = max(distribution.n, attended - distribution.no_opinion)
    shares, means = (
        share_interval(distribution.satisfied, distribution.n, population),
        mean_interval(distribution, population),
    )
    met = _reaches(share, share_goal) and _reaches(mean, mean_goal)
    return Verdict(
        distribution=distribution,
        n=distribution.n,
        attended=attended,
        share=share,
        share_interval=shares,
        share_bounds=share_bounds(distribution, attended),
        share_goal=share_goal,
        mean=mean,
        mean_interval=means,
        mean_goal=mean_goal,
        met=met,
        secure=met and _reaches(shares.low, share_goal) and _reaches(means.low, mean_goal),
    )


def suppress(groups: Mapping[Label, int], least: int = LEAST_SHOWN) -> tuple[Cell[Label], ...] | None:
    """Groups of people as cells of at least `least`, in the order given, the small ones put together at the end. If those
    are too few even together, the smallest of the others joins them: the total is known, so one hidden cell is no secret.
    Empty groups are left out. None if all together are too few to show."""
    shown = {label: people for label, people in groups.items() if people >= least}
    small = {label: people for label, people in groups.items() if 0 < people < least}
    together = sum(small.values())
    merged = len(small)
    while small and together < least and shown:
        smallest = min(shown, key=lambda label: shown[label])
        together += shown.pop(smallest)
        merged += 1
    if small and together < least:
        return None
    rest = [Cell[Label](None, together, merged)] if small else []
    return (*(Cell(label, people) for label, people in shown.items()), *rest)


def _reaches(value: float, goal: float) -> bool:
    """36 of 40 is 90 %, whatever binary fractions make of it."""
    return value >= goal - 1e-9


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _t(confidence: float, degrees: int) -> float:
    """Quantile of Student's t by the expansion in Abramowitz and Stegun 26.7.5; within 1 % from 3 degrees of freedom on."""
    z, v = _z(confidence), float(degrees)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )

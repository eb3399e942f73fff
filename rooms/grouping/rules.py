"""The rules about pairs: who fits whom, and how many fits a group could have at best.

Most of what an organiser wishes is about two people in a room: they are alike (size, field) or unlike (county, experience).
A rule gives everybody a category, and says which two categories do not fit. Neighbours: `problem` turns it into costs,
`judge` into scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb, floor
from typing import Final, Literal

from msgspec import Struct

from rooms.grouping.model import Participant, Rule

Category = str | int
Kind = Literal["same", "near", "spread", "rare"]


class PairRule(Struct, frozen=True):
    """`same`: one category in a group. `near`: categories at most 1 apart. `spread`: categories evenly over the groups.
    `rare`: as few of the same category as can be."""

    kind: Kind
    category: Callable[[Participant], Category | None]  # None: not known, or of no category; fits everybody


PAIR_RULES: Final[Mapping[Rule, PairRule]] = {
    "size_same": PairRule("same", lambda p: p.size_band),
    "size_neighbouring": PairRule("near", lambda p: p.size_band),
    "size_mixed": PairRule("spread", lambda p: p.size_band),
    "experience": PairRule("spread", lambda p: p.experience or None),
    "county": PairRule("spread", lambda p: p.county or None),
    "field": PairRule("same", lambda p: p.field or None),
    "turnout": PairRule("rare", lambda p: "unsure" if p.turnout < 1 else None),
    "teams_apart": PairRule("rare", lambda p: p.team or None),
}


def misfit(kind: Kind, one: Category | None, other: Category | None) -> bool:
    """Whether two categories should rather not sit together."""
    if one is None or other is None:
        return False
    match kind:
        case "same":
            return one != other
        case "near":
            return abs(int(one) - int(other)) > 1
    return one == other


def misfits(kind: Kind, categories: Iterable[Category | None]) -> int:
    """Pairs of a group that do not fit."""
    counts = Counter(category for category in categories if category is not None)
    alike = sum(comb(count, 2) for count in counts.values())
    if kind in ("spread", "rare"):
        return alike
    if kind == "same":
        return comb(counts.total(), 2) - alike
    return sum(n * m for (one, n), (other, m) in combinations(counts.items(), 2) if misfit("near", one, other))


def judged_size(kind: Kind, categories: Sequence[Category | None]) -> int:
    """How many of a group a rule is about."""
    return len(categories) if kind == "rare" else sum(category is not None for category in categories)


def best_fits(kind: Kind, size: int, everybody: Sequence[Category | None]) -> int:
    """Pairs that fit in a good group of `size`, taken from `everybody`. Where categories are to be spread, that is a group
    made up as all people are, rounded up or down: of 30 % new people one of six is enough, and two are as good."""
    counts = Counter(category for category in everybody if category is not None)
    if not counts or kind in ("same", "near"):
        return comb(size, 2)
    if kind == "rare":
        shares = [max(1, round(size * count / len(everybody))) for count in counts.values()]
    else:
        quotas = sorted((Fraction(size * count, counts.total()) for count in counts.values()), reverse=True)
        up = size - sum(map(floor, quotas))
        broken = [quota for quota in quotas if quota != floor(quota)]
        shares = [floor(quota) for quota in quotas if quota == floor(quota)]
        shares += [floor(quota) + (at < up) for at, quota in enumerate(broken)]
    return comb(size, 2) - sum(comb(share, 2) for share in shares)


def apportion(seats: int, counts: Mapping[Category, int]) -> dict[Category, int]:
    """Shares out `seats` in proportion to `counts`, by largest remainders; equal ones in the order of their names."""
    total = sum(counts.values())
    if not total:
        return {}
    shares = {category: seats * count // total for category, count in counts.items()}
    rest = sorted(counts, key=lambda category: (-(seats * counts[category] % total), -counts[category], str(category)))
    for category in rest[: seats - sum(shares.values())]:
        shares[category] += 1
    return shares


def topic_worth(person: Participant, topic: str) -> float:
    """What a room's topic is worth to somebody, 0..1: their first choice, another choice, or none of theirs. Who chose
    nothing is content with everything."""
    if not person.topics or person.topics[0] == topic:
        return 1.0
    return 2 / 3 if topic in person.topics else 0.0

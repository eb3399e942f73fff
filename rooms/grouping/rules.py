"""The rules about pairs: who fits whom, and how many fits a group could have at best.

Most of what an organiser wishes is about two people in a room: they are alike (size, field) or unlike (county, experience).
A rule gives everybody a category, and says which two categories do not fit. Neighbours: `problem` turns it into costs,
`judge` into scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import comb
from typing import Final, Literal

from msgspec import Struct

from rooms.grouping.model import Participant, Rule

Category = str | int
Kind = Literal["same", "near", "spread"]


class PairRule(Struct, frozen=True):
    """`same`: one category in a group. `near`: categories at most 1 apart. `spread`: categories evenly over the groups."""

    kind: Kind
    category: Callable[[Participant], Category | None]  # None: not known, fits everybody


PAIR_RULES: Final[Mapping[Rule, PairRule]] = {
    "size_same": PairRule("same", lambda p: p.size_band),
    "size_neighbouring": PairRule("near", lambda p: p.size_band),
    "size_mixed": PairRule("spread", lambda p: p.size_band),
    "experience": PairRule("spread", lambda p: p.experience or None),
    "county": PairRule("spread", lambda p: p.county or None),
    "field": PairRule("same", lambda p: p.field or None),
    "turnout": PairRule("spread", lambda p: p.turnout < 1),
    "teams_apart": PairRule("spread", lambda p: p.team or None),
}


def misfit(kind: Kind, one: Category | None, other: Category | None) -> bool:
    """Whether two categories should rather not sit together."""
    if one is None or other is None:
        return False
    match kind:
        case "same":
            return one != other
        case "spread":
            return one == other
    return abs(int(one) - int(other)) > 1


def misfits(kind: Kind, categories: Iterable[Category | None]) -> int:
    """Pairs of a group that do not fit."""
    counts = Counter(category for category in categories if category is not None)
    alike = sum(comb(count, 2) for count in counts.values())
    if kind == "spread":
        return alike
    if kind == "same":
        return comb(counts.total(), 2) - alike
    known = list(counts.items())
    return sum(
        n * m for index, (one, n) in enumerate(known) for other, m in known[index + 1 :] if misfit("near", one, other)
    )


def best_fits(kind: Kind, size: int, everybody: Mapping[Category, int]) -> int:
    """Pairs that fit in the best group of `size`, where `everybody` says how often there is each category: all of them, but
    for `spread` those of a group made up as all people are. (With 30 % new people, two new ones of six.)"""
    if kind != "spread" or not everybody:
        return comb(size, 2)
    return comb(size, 2) - sum(comb(share, 2) for share in apportion(size, everybody).values())


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

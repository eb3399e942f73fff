"""What happens when: a pure function of the seed, of how long it lasts and of what there is to break.

Faults come in two lanes at once, one for the nodes and one for what they depend on: within a lane one is over before the
next begins, and each kind comes before any comes again. All are over in time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

NodeFault = Literal["kill node", "stop node", "end node"]
ServiceFault = Literal[
    "kill postgres", "restart postgres", "stop postgres", "cut postgres", "hush postgres",
    "kill redis", "stop redis", "flush redis", "cut redis", "hush redis",
    "fill disk",
]  # fmt: skip
Kind = NodeFault | ServiceFault
Deed = Literal["ask", "answer", "vote", "close", "unfollow", "hide", "move"]

# Seconds that each may last. A node or service that was killed is started again after as long.
LENGTHS: Final[dict[Kind, tuple[float, float]]] = {
    "kill node": (0.0, 1.0),  # SIGKILL
    "stop node": (0.5, 7.0),  # SIGSTOP
    "end node": (0.0, 0.5),  # SIGTERM, as for an update
    "kill postgres": (0.0, 1.5),
    "restart postgres": (0.0, 0.5),
    "stop postgres": (0.5, 4.0),
    "cut postgres": (0.3, 3.0),  # connections are reset, and refused
    "hush postgres": (0.5, 4.0),  # they stay, and nothing goes through
    "kill redis": (0.0, 2.0),
    "stop redis": (0.5, 4.0),
    "flush redis": (0.0, 0.0),
    "cut redis": (0.5, 4.0),
    "hush redis": (0.5, 4.0),
    "fill disk": (0.5, 3.0),
}
OF_NODES: Final[tuple[Kind, ...]] = ("kill node", "stop node", "end node")
OF_POSTGRES: Final[tuple[Kind, ...]] = (
    "kill postgres",
    "restart postgres",
    "stop postgres",
    "cut postgres",
    "hush postgres",
)
OF_REDIS: Final[tuple[Kind, ...]] = ("kill redis", "stop redis", "flush redis", "cut redis", "hush redis")
KINDS: Final[tuple[Kind, ...]] = (*OF_NODES, *OF_POSTGRES, *OF_REDIS, "fill disk")
ONE_OF_MANY: Final = frozenset({"cut postgres", "hush postgres", "cut redis", "hush redis"})  # or for all nodes: -1

CALM: Final = 1.0  # seconds before the first fault, and after the last
PAUSES: Final = (0.3, 1.5)  # between two of a lane
STARTS: Final = (2.0, 4.0)  # the same after a node was ended: it takes a while to start, and may be hit while it does

OPTIONS: Final = 4  # of each poll
QUESTIONS: Final = 6  # that are there from the beginning, to be voted for
DEEDS_PER_SECOND: Final = 2.0  # of each client
POLL_SECONDS: Final = 5.0  # that a poll is open, about
WEIGHTS: Final[dict[Deed, int]] = {"ask": 25, "answer": 40, "vote": 22, "close": 3, "unfollow": 4, "hide": 3, "move": 3}


@dataclass(frozen=True)
class Topology:
    """What there is to break."""

    nodes: int = 1
    has_postgres: bool = False
    has_redis: bool = False
    can_fill: bool = False

    @property
    def services(self) -> tuple[Kind, ...]:
        postgres = OF_POSTGRES if self.has_postgres else ()
        redis = OF_REDIS if self.has_redis else ()
        return (*postgres, *redis, *(("fill disk",) if self.can_fill else ()))


@dataclass(frozen=True)
class Fault:
    """`target`: the node's number; -1: all of them, or what there is one of."""

    at: float
    seconds: float
    kind: Kind
    target: int = -1

    @property
    def over(self) -> float:
        return self.at + self.seconds


@dataclass(frozen=True)
class Act:
    """What one client does at a moment. `subject`: which poll or question; `value`: which option, or whether for it;
    `seconds`: how long they stay away."""

    at: float
    deed: Deed
    subject: int = 0
    value: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Opening:
    """One poll. The first is open from the beginning, and stays so."""

    at: float
    closes_at: float | None
    anonymous: bool


@dataclass(frozen=True)
class Schedule:
    faults: tuple[tuple[Fault, ...], ...]  # by lane
    polls: tuple[Opening, ...]
    acts: tuple[tuple[Act, ...], ...]  # by client


def make(
    seed: int,
    seconds: float,
    topology: Topology,
    clients: int,
    only: frozenset[str] = frozenset(KINDS),
    redis_cut: float = 0.0,
) -> Schedule:
    """Each part has its own source of chance, so that one more client leaves the faults as they are. `only`: kinds of
    faults, to look for something. `redis_cut`: seconds that Redis is cut off from all nodes, in a lane of its own, and then
    nothing else happens to it."""
    if redis_cut:
        only -= set(OF_REDIS)
    lanes = [[kind for kind in kinds if kind in only] for kinds in (OF_NODES, topology.services)]
    faults = tuple(
        tuple(_faults(random.Random(f"{seed} faults {n}"), kinds, seconds, topology.nodes)) for n, kinds in enumerate(lanes)
    )
    if redis_cut and topology.has_redis:
        faults += ((Fault(CALM, redis_cut, "cut redis"),),)
    polls = tuple(_polls(seconds))
    acts = tuple(tuple(_acts(random.Random(f"{seed} client {n}"), seconds, polls)) for n in range(clients))
    return Schedule(faults, polls, acts)


def _faults(chance: random.Random, kinds: Sequence[Kind], seconds: float, nodes: int) -> Iterator[Fault]:
    at, bag = CALM, list[Kind]()
    while kinds:
        bag = bag or chance.sample(kinds, len(kinds))
        kind = bag.pop()
        fault = Fault(at, chance.uniform(*LENGTHS[kind]), kind, _target(chance, kind, nodes))
        if fault.over > seconds - CALM:
            return
        yield fault
        at = fault.over + chance.uniform(*(STARTS if kind in ("kill node", "end node") else PAUSES))


def _target(chance: random.Random, kind: Kind, nodes: int) -> int:
    if kind in OF_NODES:
        return chance.randrange(nodes)
    return chance.randrange(-1, nodes) if kind in ONE_OF_MANY and nodes > 1 else -1


def _polls(seconds: float) -> Iterator[Opening]:
    yield Opening(0.0, None, anonymous=False)
    count = max(2, int(seconds / POLL_SECONDS))
    for n in range(count):
        yield Opening(n * seconds / count, (n + 1) * seconds / count, anonymous=n % 2 == 0)


def _acts(chance: random.Random, seconds: float, polls: Sequence[Opening]) -> Iterator[Act]:
    at = 0.0
    while (at := at + chance.expovariate(DEEDS_PER_SECOND)) < seconds:
        (deed,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if deed == "answer":
            is_open = [n for n, poll in enumerate(polls) if poll.at <= at < (poll.closes_at or seconds)]
            yield Act(at, deed, chance.choice(is_open), chance.randrange(OPTIONS))
        elif deed == "vote":
            yield Act(at, deed, chance.randrange(QUESTIONS), chance.randrange(4) > 0)
        else:
            yield Act(at, deed, seconds=chance.uniform(0.3, 3.0))

"""What OR-tools' CP-SAT makes of the same request: round after round with the composer's own costs, and the same judge.

It lives in a virtual environment of its own, installed from a lock file with hashes the first time: neither the product nor
the tests need it. All rounds in one model would be 45,000 pairs times 50 rooms times 3 rounds; round by round, whoever has
met is told by "at most one of yesterday's group in a room", and a third of the time goes to each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import Struct

from rooms.grouping import Composition, Group, Request
from rooms.grouping.compose import with_facilitators
from rooms.grouping.layout import lay_out
from rooms.grouping.problem import Problem, Rules, state
from rooms.grouping.rules import misfits
from rooms.grouping.search import State

HERE: Final = Path(__file__).parent
TOP: Final = HERE.parents[1]
PLACE: Final = TOP / ".venv-ortools"
LOCK: Final = HERE / "requirements.lock"


class Answer(Struct, frozen=True):
    """One round as CP-SAT left it. `cost` and `bound` are in the composer's costs."""

    groups: list[list[int]]
    cost: float
    bound: float
    status: str
    seconds: float


def install() -> Path:
    """The Python that has OR-tools; installed the first time, and whenever the lock file has changed."""
    python, stamp = PLACE / "bin" / "python", PLACE / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < LOCK.stat().st_mtime:
        print("installing OR-tools into .venv-ortools (for this benchmark only)", file=sys.stderr)
        venv.create(PLACE, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes"]
        if subprocess.run([*pip, "-r", str(LOCK)]).returncode:
            raise SystemExit("bench-grouping: OR-tools cannot be installed here")
        stamp.touch()
    return python


def solve(
    request: Request, start: Composition, seconds: float, workers: int, python: Path
) -> tuple[Composition, list[Answer]]:
    """From `start`, which must meet all musts; `seconds` for all rounds. (From nothing, CP-SAT found no groups of
    300 at all in this time.)"""
    rounds = list(start.rounds)
    answers = []
    for number in range(len(request.rounds)):
        others = [group.people for at, groups in enumerate(rounds) if at != number for group in groups]
        problem = state(request, number, lay_out(request, number), [*request.met, *others])
        instance = _instance(request, number, problem, [*request.met, *others])
        where = {person: at for at, group in enumerate(rounds[number]) for person in group.people}
        instance["start"] = [where[unit[0]] for unit in problem.units if unit]
        answer = _ask(python, {**instance, "seconds": seconds / len(request.rounds), "workers": workers})
        answers.append(answer)
        rounds[number] = tuple(
            Group(tuple(sorted(p for unit in units for p in problem.units[unit])), problem.topics[at])
            for at, units in enumerate(answer.groups)
        )
    return Composition(with_facilitators(request, rounds)), answers


def cost(request: Request, composition: Composition, number: int) -> int:
    """What a round costs, reckoned from the composer's matrix; and within units, where the composer can change nothing."""
    layout = lay_out(request, number)
    others = [group.people for at, groups in enumerate(composition.rounds) if at != number for group in groups]
    problem = state(request, number, layout, [*request.met, *others])
    where = {person: at for at, group in enumerate(composition.rounds[number]) for person in group.people}
    found = State(problem, Random(0))
    for unit, people in enumerate(problem.units):
        if people:
            found.put(unit, where[people[0]])
    units = [unit for unit in problem.units if unit]
    by_id = {person.id: person for person in request.people}
    rules = Rules(request, number, [by_id[p] for unit in units for p in unit], ceil(len(request.people) / problem.groups))
    of = {person: at for at, person in enumerate(p for unit in units for p in unit)}
    within = sum(
        cost * misfits(kind, [categories[of[person]] for person in unit])
        for kind, cost, categories in rules.pair_rules()
        for unit in units
    )
    return found.total() + within


def _ask(python: Path, instance: dict[str, Any]) -> Answer:
    done = subprocess.run([str(python), str(HERE / "cpsat.py")], input=json.dumps(instance), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench-grouping: CP-SAT failed:\n{done.stderr}")
    return Answer(**json.loads(done.stdout))


def _instance(request: Request, number: int, problem: Problem, met: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    units = [unit for unit in problem.units if unit]
    by_id = {person.id: person for person in request.people}
    people = [by_id[person] for unit in units for person in unit]
    unit_of = {person: at for at, unit in enumerate(units) for person in unit}
    parted = [
        sorted({unit_of[p] for p in group if p in unit_of}) for group in (*met, *request.apart, *_teams(request, number))
    ]
    rules = Rules(request, number, people, ceil(len(people) / problem.groups))
    return {
        "sizes": [len(unit) for unit in units],
        "groups": problem.groups,
        "seats": problem.seats,
        "parted": [group for group in parted if len(group) > 1],
        "covers": [[at for at, _ in enumerate(units) if has[at]] for has in zip(*problem.assets, strict=True)],
        "pull": [row[: len(units)] for row in problem.pull],
        "rules": [[kind, cost, _by_unit(categories, units)] for kind, cost, categories in rules.pair_rules()],
    }


def _teams(request: Request, number: int) -> list[tuple[str, ...]]:
    if "teams_apart" not in {wish.rule for wish in request.rounds[number].wishes}:
        return []
    names = sorted({person.team for person in request.people if person.team})
    return [tuple(person.id for person in request.people if person.team == name) for name in names]


def _by_unit(categories: Sequence[object], units: Sequence[Sequence[str]]) -> list[dict[str, int]]:
    found, at = [], 0
    for unit in units:
        counts = Counter(str(category) for category in categories[at : at + len(unit)] if category is not None)
        found.append(dict(counts))
        at += len(unit)
    return found

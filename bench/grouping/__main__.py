"""`make bench-grouping`: 300 people into rooms of 6, three rounds, all rules, against OR-tools' CP-SAT.

CP-SAT gets `--seconds` for the same request, from any groups that keep the musts, and as many again to better what the
composer found; both are scored as moderators see it (`rooms/grouping/judge.py`). The composer runs on one core, CP-SAT on
`--workers`.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Final

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.grouping import instances, reference
from bench.measures import median
from rooms.grouping import Composition, Report, Request, compose, judge

RUNS: Final = 3  # of which the median time counts
ALONE: Final = "CP-SAT"
FROM_HERE: Final = "CP-SAT, from the composer's"

_console: Final = Console(stderr=True, width=140)


def main() -> None:
    options = _options()
    request = instances.conference(options.people, options.per_room, options.rounds, options.seed)
    seconds, cpu_seconds, composition = timed(request)
    report = judge(request, composition)
    table = Table("what", "score", "by round", "not met", "meet again", "s")
    _add(table, "composer", request, composition, report, seconds)
    scores = {}
    if options.seconds:
        python = reference.install()
        for what, start in ((ALONE, compose(musts_only(request))), (FROM_HERE, composition)):
            with _console.status(f"{what}: {options.seconds} s"):
                found, answers = reference.solve(request, start, options.seconds, options.workers, python)
            for number, answer in enumerate(answers, 1):
                costs = f"cost {answer.cost:,.0f}, proven to be at least {answer.bound:,.0f}"
                _console.print(f"{what}, round {number}: {answer.status.lower()}, {costs}")
            judged = judge(request, found)
            scores[what] = judged.overall
            _add(table, what, request, found, judged, sum(answer.seconds for answer in answers))
    _console.print(table)
    _console.print(_by_rule(report))
    told = {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "repeats": instances.repeats(request, _people(composition)),
        "violated": len(report.notices),
        "score": round(report.overall, 4),
        "score_vs_cpsat": _ratio(report.overall, scores.get(ALONE)),
        "score_vs_cpsat_from_here": _ratio(report.overall, scores.get(FROM_HERE)),
    }
    print(json.dumps(told))


def timed(request: Request) -> tuple[float, float, Composition]:
    """The median time of some runs, judged and all: what a moderator waits for, and what of it was this process's."""
    times, cpu_times = [], []
    for _ in range(RUNS):
        began, cpu_began = time.perf_counter(), time.process_time()
        composition = compose(request)
        judge(request, composition)
        times.append(time.perf_counter() - began)
        cpu_times.append(time.process_time() - cpu_began)
    return median(times), median(cpu_times), composition


def _people(composition: Composition) -> list[list[tuple[str, ...]]]:
    return [[group.people for group in groups] for groups in composition.rounds]


def _add(table: Table, what: str, request: Request, composition: Composition, report: Report, seconds: float) -> None:
    by_round = ", ".join(f"{scores.overall:.3f}" for scores in report.rounds)
    again = instances.repeats(request, _people(composition))
    table.add_row(what, f"{report.overall:.4f}", by_round, str(len(report.notices)), str(again), f"{seconds:.1f}")


def musts_only(request: Request) -> Request:
    """Where CP-SAT starts: its groups keep every must and no wish."""
    musts = (tuple(wish for wish in one.wishes if wish.strength == "must" or wish.rule == "topic") for one in request.rounds)
    rounds = tuple(replace(one, wishes=wishes) for one, wishes in zip(request.rounds, musts, strict=True))
    return replace(request, rounds=rounds)


def _by_rule(report: Report) -> Table:
    rules = list(dict.fromkeys(rule for scores in report.rounds for rule in scores.rules))
    table = Table("rule", *(f"round {number + 1}" for number, _ in enumerate(report.rounds)))
    for rule in rules:
        table.add_row(rule, *(f"{scores.rules[rule]:.2f}" if rule in scores.rules else "" for scores in report.rounds))
    return table


def _ratio(score: float, other: float | None) -> float | None:
    return None if not other else round(score / other, 4)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.grouping", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--per-room", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="for CP-SAT, each time; 0: without it")
    parser.add_argument("--workers", type=int, default=2, help="CP-SAT's threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""`make bench-answers`: everybody answers one poll at once, each acknowledged after the commit, none lost.

Each person is signed in on a connection of their own to the real server. The time runs from the first answer that is sent to
the last acknowledgement; running tallies go to everybody meanwhile. Then the server is stopped, and the answers are counted
in the database itself: `lost` are acknowledged ones that are not there as they were given, `duplicated` are rows that nobody
was acknowledged for, or whose voter has another one. `--setups sqlite,postgres,nodes` runs it on each of them, and
`--people 1000,10000` with so many each; ratios are to the first setup.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from bench import plenum
from bench.contenders import PATIENCE, Plenum
from bench.flock import Flock
from bench.measures import percentile, raise_file_limit
from bench.setups import SETUPS, Place, placed, setups, sizes

OPTIONS: Final = 4
ANSWER_ID: Final = 1_000_000  # the command's id of everybody's answer

_console: Final = Console(stderr=True, width=None if sys.stderr.isatty() else 120)


@dataclass
class Outcome:
    """What came of it. `delays`: seconds from each answer to its acknowledgement. `cpu`: the server's seconds meanwhile;
    `kib`: its memory, for each who is signed in."""

    setup: str
    people: int
    kib: float
    seconds: float
    cpu: float
    delays: list[float]
    lost: int
    duplicated: int


class Crowd(Plenum):
    """Plenum with people who answer. When each one's answer was sent and acknowledged, by number."""

    def __init__(self, people: int, place: Place) -> None:
        super().__init__(people, place)
        self.sent: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        self.poll_id = ""
        self._told = 0  # how many have heard of the poll

    def heed(self, flock: Flock, number: int, message: bytes) -> None:
        if message == b'{"type":"ack","id":%d}' % ANSWER_ID:
            if number in self.acknowledged:
                raise RuntimeError(f"answer of {number} acknowledged twice")
            self.acknowledged[number] = time.monotonic()
        elif message.startswith(b'{"type":"refused"'):
            raise RuntimeError(f"Plenum refused: {message.decode()}")
        else:
            if found := re.search(rb'"type":"poll.opened","poll":\{"id":"([^"]+)"', message[:300]):
                self.poll_id = found[1].decode()
                self._told += 1
            super().heed(flock, number, message)

    def open_poll(self, flock: Flock) -> None:
        self.prepare(flock, 1)
        self.broadcast(flock)
        flock.run_until(lambda: self._told == self.connections, PATIENCE)

    def answer(self, flock: Flock) -> None:
        """Everybody answers, as fast as one thread can send."""
        for number in self.reaches:
            self.sent[number] = time.monotonic()
            flock.send(number, plenum.do(ANSWER_ID, plenum.STREAM, plenum.answer(self.poll_id, chosen(number))))
            if number % 100 == 0:
                flock.look()
        flock.run_until(lambda: len(self.acknowledged) == self.connections, PATIENCE)


def chosen(number: int) -> int:
    """The option that a person chooses."""
    return number * 7 % OPTIONS


def run(setup: str, people: int) -> Outcome:
    """Signs everybody in, opens a poll, lets them answer, stops the server and counts again."""
    with ExitStack() as stack:
        place = stack.enter_context(placed(setup))
        crowd = Crowd(people, place)
        with ExitStack() as running:
            running.callback(crowd.stop)
            crowd.start()
            flock = Flock(crowd.ports, lambda number: crowd.greet(flock, number), lambda *heard: crowd.heed(flock, *heard))
            running.callback(flock.close)
            empty = crowd.resident_kib()
            with _console.status(f"{people:,} people sign in"):
                flock.join(crowd.members())
                crowd.arrive(flock)
            kib = (crowd.resident_kib() - empty) / people
            crowd.open_poll(flock)
            before = crowd.cpu_seconds()
            crowd.answer(flock)
            cpu = crowd.cpu_seconds() - before
        rows = read_rows(plenum.settings(place).database, crowd.poll_id)
    seconds = max(crowd.acknowledged.values()) - min(crowd.sent.values())
    delays = [at - crowd.sent[number] for number, at in crowd.acknowledged.items()]
    return Outcome(setup, people, kib, seconds, cpu, delays, *recount(rows, crowd.acknowledged))


def read_rows(database: Path | str, poll_id: str) -> list[tuple[str, int]]:
    """Voter and option of every answer to a poll, from the database itself, past everything of Plenum's."""
    if isinstance(database, str):
        return asyncio.run(_select(database, poll_id))
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT voter, option FROM answers WHERE poll_id = ?", (poll_id,)).fetchall()


async def _select(address: str, poll_id: str) -> list[tuple[str, int]]:
    connection = await asyncpg.connect(address)
    try:
        rows = await connection.fetch("SELECT voter, option FROM answers WHERE poll_id = $1", poll_id)
    finally:
        await connection.close()
    return [(row["voter"], row["option"]) for row in rows]


def recount(rows: Iterable[tuple[str, int]], acknowledged: Iterable[int]) -> tuple[int, int]:
    """How many acknowledged answers are not among `rows` as they were given, and how many rows are too many."""
    expected = Counter((plenum.person_id(number), chosen(number)) for number in acknowledged)
    found = Counter(rows)
    return (expected - found).total(), (found - expected).total()


def main() -> None:
    options = _options()
    raise_file_limit(max(options.people) + 200)
    outcomes = [run(setup, people) for people in options.people for setup in options.setups]
    show(outcomes)
    figures = summary(outcomes)
    print(json.dumps(figures))
    if figures["lost"] or figures["duplicated"]:
        raise SystemExit(1)


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """The last line: the first setup's time with the most people, and the others' over it; what was lost anywhere."""
    most = max(outcome.people for outcome in outcomes)
    first, *others = [outcome for outcome in outcomes if outcome.people == most]
    figures: dict[str, float] = {"seconds": round(first.seconds, 3)}
    figures |= {f"{other.setup}_ratio": round(other.seconds / first.seconds, 2) for other in others}
    figures["lost"] = sum(outcome.lost for outcome in outcomes)
    figures["duplicated"] = sum(outcome.duplicated for outcome in outcomes)
    return figures


def show(outcomes: list[Outcome]) -> None:
    """A line for each run."""
    headings = (
        "seconds",
        "a second",
        "CPU µs an answer",
        "to acknowledgement p50 ms",
        "p99 ms",
        "KiB each",
        "lost",
        "twice",
    )
    table = Table("people", "on", *headings)
    for outcome in outcomes:
        p50, p99 = (f"{percentile(outcome.delays, share) * 1000:.0f}" for share in (0.5, 0.99))
        rate, cost = f"{outcome.people / outcome.seconds:,.0f}", f"{outcome.cpu / outcome.people * 1e6:.0f}"
        figures = [f"{outcome.seconds:.2f}", rate, cost, p50, p99, f"{outcome.kib:.1f}", str(outcome.lost)]
        table.add_row(f"{outcome.people:,}", SETUPS[outcome.setup], *figures, str(outcome.duplicated))
    _console.print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=sizes, default=[10_000], help="each answers once (default: 10000)")
    parser.add_argument("--setups", type=setups, default=["sqlite"], help=f"of {', '.join(SETUPS)} (default: sqlite)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

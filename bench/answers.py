"""`make bench-answers`: everybody answers one poll at once, each acknowledged after the commit, none lost.

Each person is signed in on a connection of their own to the real server. The time runs from the first answer that is sent to
the last acknowledgement; running tallies go to everybody meanwhile. Then the server is stopped, and the answers are counted
in the database itself: `lost` are acknowledged ones that are not there as they were given, `duplicated` are rows that nobody
was acknowledged for, or whose voter has another one. `--database both` runs it on SQLite and on a PostgreSQL of its own, and
says how they compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import tempfile
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
from bench.measures import cpu_seconds, percentile, raise_file_limit
from bench.postgres import PostgresServer

OPTIONS: Final = 4
ANSWER_ID: Final = 1_000_000  # the command's id of everybody's answer
DATABASES: Final = ("sqlite", "postgres", "both")

_console: Final = Console(stderr=True)


@dataclass
class Outcome:
    """What came of it. `delays`: seconds from each answer to its acknowledgement. `cpu`: the server's seconds meanwhile."""

    people: int
    seconds: float
    cpu: float
    delays: list[float]
    lost: int
    duplicated: int


class Crowd(Plenum):
    """Plenum with people who answer. When each one's answer was sent and acknowledged, by number."""

    def __init__(self, people: int, directory: Path, database_url: str) -> None:
        super().__init__(people, directory, database_url=database_url)
        self.sent: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        self.poll_id = ""

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
            super().heed(flock, number, message)

    def open_poll(self, flock: Flock) -> None:
        self.prepare(flock, 1)
        self.broadcast(flock)
        flock.run_until(lambda: bool(self.poll_id), PATIENCE)

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


def run(people: int, directory: Path, database_url: str = "") -> Outcome:
    """Signs everybody in, opens a poll, lets them answer, stops the server and counts again."""
    crowd = Crowd(people, directory, database_url)
    with ExitStack() as stack:
        stack.callback(crowd.stop)
        crowd.start()
        flock = Flock(crowd.port, lambda number: crowd.greet(flock, number), lambda *heard: crowd.heed(flock, *heard))
        stack.callback(flock.close)
        with _console.status(f"{people:,} people sign in"):
            flock.join(crowd.members())
            crowd.arrive(flock)
        crowd.open_poll(flock)
        before = cpu_seconds(crowd.pid)
        crowd.answer(flock)
        cpu = cpu_seconds(crowd.pid) - before
    seconds = max(crowd.acknowledged.values()) - min(crowd.sent.values())
    delays = [at - crowd.sent[number] for number, at in crowd.acknowledged.items()]
    rows = read_rows(plenum.settings(directory, database_url).database, crowd.poll_id)
    return Outcome(people, seconds, cpu, delays, *recount(rows, crowd.acknowledged))


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
    raise_file_limit(options.people + 200)
    names = ("sqlite", "postgres") if options.database == "both" else (options.database,)
    outcomes = {name: run_on(name, options.people) for name in names}
    show(outcomes)
    figures: dict[str, float] = {"seconds": round(outcomes[names[0]].seconds, 3)}
    if len(names) == 2:
        figures["ratio"] = round(outcomes["postgres"].seconds / outcomes["sqlite"].seconds, 2)
    figures["lost"] = sum(outcome.lost for outcome in outcomes.values())
    figures["duplicated"] = sum(outcome.duplicated for outcome in outcomes.values())
    print(json.dumps(figures))
    if figures["lost"] or figures["duplicated"]:
        raise SystemExit(1)


def run_on(database: str, people: int) -> Outcome:
    """One run, on a database of its own."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plenum-bench-")))
        url = stack.enter_context(PostgresServer()).create("plenum") if database == "postgres" else ""
        return run(people, directory, url)


def show(outcomes: dict[str, Outcome]) -> None:
    """A line for each database."""
    headings = ("seconds", "a second", "server's CPU s", "to acknowledgement p50 ms", "p99 ms", "lost", "twice")
    table = Table("database", "answers", *headings)
    for name, outcome in outcomes.items():
        p50, p99 = (f"{percentile(outcome.delays, share) * 1000:.0f}" for share in (0.5, 0.99))
        rate = f"{outcome.people / outcome.seconds:,.0f}"
        figures = [f"{outcome.people:,}", f"{outcome.seconds:.2f}", rate, f"{outcome.cpu:.2f}", p50, p99]
        table.add_row(name, *figures, str(outcome.lost), str(outcome.duplicated))
    _console.print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=10_000, help="each answers once (default: %(default)s)")
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="(default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

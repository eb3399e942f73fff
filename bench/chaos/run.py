"""`make chaos`: rounds of everything that can go wrong at once, on a conference that goes on.

Each round is a new conference on new servers: people answer, ask, vote, come and go while nodes and what they depend on are
killed, frozen, cut off and filled up; then everything is put right, and what each of them was told and saw is compared with
what is in the database. `--database` and `--nodes` say what there is; `both` takes turns. `--redis-cut 30` takes Redis from
all nodes for so long, whatever else goes wrong meanwhile: then everybody has to be told that updates are late, too. The last
line is `acknowledged N, lost N, duplicated N, out of order N, seed N`; the same seed gives the same faults and the same
commands at the same moments. What it cannot give again is how they meet: the moments at which servers, disks and network get
to them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.chaos.disk import make_mounts_private
from bench.chaos.judge import Verdict
from bench.chaos.place import Setting
from bench.chaos.round import play
from bench.chaos.schedule import CALM, KINDS

ROUND_SECONDS: Final = 60.0  # longer runs are several of them: questions are limited, and so is what is kept in memory
LEAST_CUT: Final = 10.0  # seconds in which everybody is told that updates are late, whichever node they come back to
DATABASES: Final = ("sqlite", "postgres", "both")


def settings_of(options: argparse.Namespace, *, may_mount: bool) -> list[Setting]:
    """The rounds to play. One of them has about `ROUND_SECONDS`."""
    only = kinds(options.only)
    check_cut(options)
    names = ("sqlite", "postgres") if options.database == "both" else (options.database,)
    count = max(1, round(options.seconds / ROUND_SECONDS / len(names))) * len(names)
    seconds = options.seconds / count
    return [
        Setting(
            seed=options.seed + n // len(names),
            seconds=seconds,
            database=names[n % len(names)],
            nodes=options.nodes if names[n % len(names)] == "postgres" else 1,
            people=options.people,
            may_mount=may_mount,
            only=only,
            redis_cut=options.redis_cut,
        )
        for n in range(count)
    ]


def kinds(text: str) -> frozenset[str]:
    named = frozenset(word.strip() for word in text.split(","))
    if unknown := named - set(KINDS):
        raise SystemExit(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return named


def check_cut(options: argparse.Namespace) -> None:
    """Whether Redis can be cut off for so long, and that say something."""
    cut: float = options.redis_cut
    if cut and (options.database != "postgres" or options.nodes < 2):
        raise SystemExit("there is no Redis to be cut off but with --database postgres and two --nodes")
    if cut and not LEAST_CUT <= cut <= min(options.seconds, ROUND_SECONDS) - 2 * CALM:
        raise SystemExit(
            f"--redis-cut takes {LEAST_CUT:g} to {ROUND_SECONDS - 2 * CALM:g}, and {2 * CALM:g} less than --seconds"
        )


async def run(rounds: Sequence[Setting], directory: Path) -> Verdict:
    """Everything that came of them."""
    total = Verdict()
    for number, setting in enumerate(rounds):
        say(f"round {number + 1} of {len(rounds)}: {setting.database}, nodes {setting.nodes}, seed {setting.seed}")
        began = time.monotonic()
        folder = directory / str(number)
        folder.mkdir()
        verdict = await play(setting, folder, say)
        for note in verdict.notes:
            say(f"  wrong: {note}")
        say(f"  {verdict.acknowledged} acknowledged, {len(verdict.notes)} wrong, {time.monotonic() - began:.0f} s")
        total.add(verdict)
    return total


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def last_line(verdict: Verdict, seed: int) -> str:
    return (
        f"acknowledged {verdict.acknowledged}, lost {verdict.lost}, duplicated {verdict.duplicated}, "
        f"out of order {verdict.out_of_order}, seed {seed}"
    )


async def _interruptible(rounds: Sequence[Setting], directory: Path) -> Verdict:
    """SIGTERM ends it as Ctrl-C does: by the same way out, with everything that was started."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await run(rounds, directory)


def main() -> None:
    asked = options()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that somebody has gone is no news here
    may_mount = make_mounts_private()
    if not may_mount:
        say("no disk of its own may be made here: what SQLite's server writes is limited, PostgreSQL's disk never gets full")
    keep = tempfile.mkdtemp(prefix="plenum-chaos-") if asked.keep else None
    with tempfile.TemporaryDirectory(prefix="plenum-chaos-") as name:
        Path(keep or name).chmod(0o711)  # PostgreSQL runs as somebody else where we are root
        try:
            verdict = asyncio.run(_interruptible(settings_of(asked, may_mount=may_mount), Path(keep or name)))
        except asyncio.CancelledError:
            raise SystemExit(130) from None
        except LookupError as missing:
            raise SystemExit(str(missing)) from None
    if keep:
        say(f"logs and histories are in {keep}")
    print(last_line(verdict, asked.seed))
    if not verdict.is_clean:
        raise SystemExit(1)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=120, help="of faults, all rounds together (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="(default: another one each time)")
    parser.add_argument("--database", choices=DATABASES, default="both", help="(default: %(default)s)")
    parser.add_argument(
        "--nodes", type=int, default=2, help="with PostgreSQL; with more than one, Redis (default: %(default)s)"
    )
    parser.add_argument("--people", type=int, default=10, help="some have two tabs (default: %(default)s)")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of faults, comma-separated (default: all)")
    parser.add_argument(
        "--redis-cut", type=float, default=0.0, metavar="SECONDS", help="that all nodes are without Redis, in each round"
    )
    parser.add_argument("--keep", action="store_true", help="keep the servers' logs, and what everybody was told")
    return parser.parse_args()

"""`make chaos`: rounds of everything that can go wrong at once, on a conference that goes on.

Each round is a new conference on new servers: people answer, ask, vote, come and go while nodes and what they depend on are
killed, frozen, cut off and filled up; then everything is put right, and what each of them was told and saw is compared with
what is in the database. `--database` and `--nodes` say what there is; `both` takes turns. The last line is
`acknowledged N, lost N, duplicated N, out of order N, seed N`; the same seed gives the same faults and the same commands at
the same moments. What it cannot give again is how they meet: the moments at which servers, disks and network get to them.
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
from bench.chaos.schedule import KINDS

ROUND_SECONDS: Final = 60.0  # longer runs are several of them: questions are limited, and so is what is kept in memory
DATABASES: Final = ("sqlite", "postgres", "both")


def settings_of(options: argparse.Namespace, *, may_mount: bool) -> list[Setting]:
    """The rounds to play. One of them has about `ROUND_SECONDS`."""
    only = kinds(options.only)
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
        )
        for n in range(count)
    ]


def kinds(text: str) -> frozenset[str]:
    named = frozenset(word.strip() for word in text.split(","))
    if unknown := named - set(KINDS):
        raise SystemExit(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return named


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
    options = _options()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that somebody has gone is no news here
    may_mount = make_mounts_private()
    if not may_mount:
        say("no disk of its own may be made here: what SQLite's server writes is limited, PostgreSQL's disk never gets full")
    keep = tempfile.mkdtemp(prefix="plenum-chaos-") if options.keep else None
    with tempfile.TemporaryDirectory(prefix="plenum-chaos-") as name:
        Path(keep or name).chmod(0o711)  # PostgreSQL runs as somebody else where we are root
        try:
            verdict = asyncio.run(_interruptible(settings_of(options, may_mount=may_mount), Path(keep or name)))
        except asyncio.CancelledError:
            raise SystemExit(130) from None
        except LookupError as missing:
            raise SystemExit(str(missing)) from None
    if keep:
        say(f"logs and histories are in {keep}")
    print(last_line(verdict, options.seed))
    if not verdict.is_clean:
        raise SystemExit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=120, help="of faults, all rounds together (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="(default: another one each time)")
    parser.add_argument("--database", choices=DATABASES, default="both", help="(default: %(default)s)")
    parser.add_argument(
        "--nodes", type=int, default=2, help="with PostgreSQL; with more than one, Redis (default: %(default)s)"
    )
    parser.add_argument("--people", type=int, default=10, help="some have two tabs (default: %(default)s)")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of faults, comma-separated (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep the servers' logs, and what everybody was told")
    return parser.parse_args()

"""Nothing may pile up: people join and leave every second, by UDP and TCP, some without a goodbye, some who never complete
what they began; beside them a page that stays and a speaker. What server and workers hold is read every few seconds.

`make soak ARGS="--seconds 600"`. Judged are what is left when all have gone (connections, seats, peers, rooms, tasks, TCP
connections, file descriptors), and how resident memory grew after the first third, by visit. The last line is JSON; the exit
status says whether all is well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bench.plenum import prepare
from bench.setups import Place
from bench.soak.people import ROTA, House, session, visit
from bench.soak.readings import Gauge, Reading, slopes, still_there, workers_of

PEOPLE: Final = 100
WARM_UP: Final = 1 / 3  # of the time: caches fill, arenas find their size
BUDGET: Final = 8.0  # KiB a visit of resident memory, all processes; a peer that stayed would be over 100
SETTLE: Final = 30.0  # seconds, beyond the limits, until everything has gone


@contextlib.asynccontextmanager
async def served(directory: Path, options: argparse.Namespace, token: str) -> AsyncIterator[tuple[str, int]]:
    """A server of one's own: its address and its process id."""
    limits = ("--workers", str(options.workers), "--idle", str(options.idle), "--setup", str(options.setup))
    command = (sys.executable, "-m", "bench.soak.server", str(directory), "--token", token, *limits)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.stdin.close()
        await process.wait()


class Soak:
    """One run: `readings` while people come and go, after `before` and until `after`."""

    def __init__(self, house: House, gauge: Gauge, options: argparse.Namespace) -> None:
        self._house, self._gauge, self._options = house, gauge, options
        self._began = time.monotonic()
        self.readings: list[Reading] = []

    async def run(self) -> tuple[Reading, Reading]:
        before = await self._read()
        visits: set[asyncio.Task[None]] = set()
        looking = asyncio.create_task(self._look())
        try:
            for number in range(int(self._options.seconds * self._options.rate)):
                kind = ROTA[number % len(ROTA)]
                task = asyncio.create_task(visit(self._house, kind))
                visits.add(task)
                task.add_done_callback(visits.discard)
                await self._pause(number + 1)
        finally:
            looking.cancel()
        await asyncio.gather(*visits)
        return before, await self._settled(before)

    async def _pause(self, number: int) -> None:
        due = self._began + number / self._options.rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._options.every)
            self.readings.append(await self._read())
            if self._options.verbose:
                print(line(self.readings[-1]), flush=True)

    async def _read(self) -> Reading:
        return await self._gauge.read(time.monotonic() - self._began)

    async def _settled(self, before: Reading) -> Reading:
        """What is left: nothing, or after a while whatever stays."""
        until = time.monotonic() + max(self._options.idle, self._options.setup) + SETTLE
        while still_there(before, reading := await self._read()) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        return reading


def line(reading: Reading) -> str:
    names = ("connections", "seats", "peers", "rooms", "tcp", "tasks", "fds", "threads", "rss_kib")
    return f"{reading.second:6.0f} s " + " ".join(f"{name} {reading.total(name):.0f}" for name in names)


def judge(soak: Soak, house: House, before: Reading, after: Reading) -> dict[str, object]:
    """The result. `kib_per_visit`: by the slope after the warm-up; None for a run too short to say."""
    steady = [each for each in soak.readings if each.second > soak.readings[-1].second * WARM_UP] if soak.readings else []
    grown = {key: slope for key, slope in slopes(steady).items() if key.endswith("rss_kib")} if len(steady) > 9 else {}
    visits = sum(house.visits.values())
    rate = visits / max(soak.readings[-1].second, 1.0) if soak.readings else 1.0
    kib = {key.removesuffix(" rss_kib"): round(slope / rate, 2) for key, slope in grown.items()}
    left = still_there(before, after)
    total = round(sum(kib.values()), 2) if kib else None
    well = not left and not house.failures and (total is None or total <= BUDGET)
    return {
        "ok": well,
        "visits": visits,
        "with_media": sum(house.served.values()),
        "failures": dict(house.failures),
        "left": left,
        "kib_per_visit": total,
        "by_process": kib,
        "rss_mib": [round(each.total("rss_kib") / 1024, 1) for each in (before, *steady[:1], *steady[-1:], after)],
        "fds": [before.total("fds"), after.total("fds")],
        "tasks": [before.total("tasks"), after.total("tasks")],
        "threads": [before.total("threads"), after.total("threads")],
    }


async def soak(options: argparse.Namespace, directory: Path, cookies: list[str]) -> dict[str, object]:
    token = secrets.token_hex(24)
    async with served(directory, options, token) as (url, pid):
        house = House(url, cookies, (options.stay / 3, options.stay), options.seed)
        try:
            async with session(house):
                gauge = Gauge(house.http, token, {"server": pid, **workers_of(pid)})
                run = Soak(house, gauge, options)
                before, after = await run.run()
        finally:
            await house.http.aclose()
    print(f"before  {line(before)}\nafter   {line(after)}")
    print("visits  " + ", ".join(f"{kind} {count}" for kind, count in sorted(house.visits.items())))
    return judge(run, house, before, after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=1.0, help="people a second")
    parser.add_argument(
        "--stay", type=float, default=12.0, help="seconds that somebody stays at most; a third of it at least"
    )
    parser.add_argument("--every", type=float, default=5.0, help="seconds between readings")
    parser.add_argument("--workers", type=int, default=2, help="media workers")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of silence until a peer is given up")
    parser.add_argument("--setup", type=float, default=15.0, help="seconds from the offer to the handshake")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print each reading")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plenum-soak-") as name:
        cookies = prepare(Place(Path(name)), PEOPLE, has_speaker=True)
        result = asyncio.run(soak(options, Path(name), cookies))
    print(json.dumps(result))
    sys.exit(not result["ok"])


if __name__ == "__main__":
    main()

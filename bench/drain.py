"""How long a rolling update takes sound, picture and news away: two nodes behind the proxy as production has them, real
Chromium that reaches nothing but TCP 443, and the node that carries the session is told to end (SIGTERM); the other goes on.
Nobody reloads. Then it is started again, and it is the other one's turn.

`make bench-drain`; needs root for network namespaces, and what `tests/deploy` needs. Counted is, in the page that waits
longest, the longest standstill of the picture, of the sound, and the longest time without a connection for news. The last
line is JSON, in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from playwright.async_api import Page

from bench.measures import median
from bench.media.network import network
from bench.recovery import RECORD, going_on, standstill
from tests.browser.stage import ROOT, Hall, attend, go_live
from tests.deploy.topology_scene import Node, comes_from, node_by_443, play

BUDGET: Final = 1.0  # seconds
WARM_UP: Final = 2.0  # seconds before a node is told to end: connections that have just begun still find their quality

# Writes down how long the page was without a connection for news, in milliseconds; 0 for one that is not over.
NEWS: Final = """() => {
    const away = window.away = [];
    let since = 0;
    plenum.connection.addEventListener("status", () => {
        const connected = plenum.connection.status.name === "connected";
        if (!connected && !since) since = Date.now();
        if (connected && since) { away.push(Date.now() - since); since = 0; }
    });
}"""


class Pause(NamedTuple):
    """Seconds, of the page that waits longest."""

    picture: float
    sound: float
    news: float


async def measure(rounds: int, hall: Hall, nodes: Sequence[Node], address: str) -> None:
    """Prints a line a round, and the summary."""
    mona, _ = await go_live(hall)
    anna, bo = await asyncio.gather(hall.sit("anna"), hall.sit("bo"))
    await asyncio.gather(attend(anna), attend(bo))
    found = []
    for number in range(rounds):
        found.append(await one_update([mona, anna, bo], nodes, address))
        told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found[-1]._asdict().items())
        print(f"round {number + 1}: {told}", file=sys.stderr, flush=True)
    print(json.dumps(summary(found)))


async def one_update(pages: Sequence[Page], nodes: Sequence[Node], address: str) -> Pause:
    first = await node_by_443(pages[1], address)
    home, other = sorted(nodes, key=lambda node: node.name != first)
    await asyncio.gather(*(page.evaluate(RECORD) for page in pages), *(page.evaluate(NEWS) for page in pages))
    await asyncio.gather(*map(going_on, pages))
    await asyncio.sleep(WARM_UP)
    began = time.time() * 1000
    await home.stop()
    await asyncio.gather(*(comes_from(other, page, address) for page in pages))
    await asyncio.gather(*map(going_on, pages))
    noted = [await page.evaluate("() => ({...window.noted, away: window.away})") for page in pages]
    await home.start()
    return Pause(
        max(standstill(each["picture"], began) for each in noted),
        max(standstill(each["sound"], began) for each in noted),
        max((away / 1000 for each in noted for away in each["away"]), default=0.0),
    )


def summary(found: Sequence[Pause]) -> dict[str, float]:
    worst = [max(pause) for pause in found]
    figures = {f"{name}_s": round(median([getattr(pause, name) for pause in found]), 3) for name in Pause._fields}
    return {
        "rounds": len(found),
        "median_s": round(median(worst), 3),
        "worst_s": round(max(worst), 3),
        **figures,
        "vs_budget": round(median(worst) / BUDGET, 3),
    }


def main() -> None:
    options = _options()
    if options.inside:
        scene = partial(measure, options.rounds)
        asyncio.run(play(options.inside, options.clients, options.address, scene))
        return
    with network() as between, tempfile.TemporaryDirectory(prefix="plenum-bench-") as directory:
        if between.is_loopback:
            raise SystemExit(f"bench: needs network namespaces: {between.note}")
        own = ("--rounds", str(options.rounds), "--inside", directory, "--address", between.server_address)
        command = (*between.server, sys.executable, "-m", "bench.drain", *own, "--", *between.clients)
        raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.drain", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="(default: %(default)s)")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # in the servers' network namespace
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("clients", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

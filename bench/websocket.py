"""`make bench-websocket`: one message to every connection, against Node `ws` and Socket.IO in the same run.

Each contender's server runs in a process of its own, and so does each flock of clients. Rounds alternate between the
contenders, so that whatever else the machine does meets all of them. A round is a number of broadcasts, each only when the
one before has reached everybody. Counted are the messages that clients received, whatever the server says; the CPU time is
that of the server's process. The delay runs from the broadcast's command to each client's receipt, journal and all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.arena import Entrant
from bench.contenders import PEERS, TOOLS, Contender, NodeWs, NodeWsBytes, Peer, Plenum, SocketIo
from bench.measures import median, percentile, raise_file_limit
from bench.setups import SETUPS, placed, setups, sizes
from server.settings import IO_URING

BROADCASTS: Final = 10  # a round; Plenum's are polls, of which a session has at most a hundred
MOST_ROUNDS: Final = 9
PEER_SERVERS: Final[tuple[tuple[str, type[Peer]], ...]] = (
    ("Node ws", NodeWs),
    ("Node ws, bytes", NodeWsBytes),
    ("Socket.IO", SocketIo),
)
RATIOS: Final = {"Node ws": "vs_node_ws", "Node ws, bytes": "vs_node_ws_bytes", "Socket.IO": "vs_socketio"}

_console: Final = Console(stderr=True, width=None if sys.stderr.isatty() else 120)


def main() -> None:
    options = _options()
    raise_file_limit(max(options.connections) + 200)
    if not options.no_peers:
        install_peers()
    for connections in options.connections:
        entrants = compare(connections, options)
        report(entrants)
        print(json.dumps({"connections": connections, **summary(entrants)}))


def compare(connections: int, options: argparse.Namespace) -> list[Entrant]:
    """Runs all rounds, Plenum on each setup and then the peers; the first of each warms it up and does not count."""
    with ExitStack() as stack:
        entrants = []
        for setup in options.setups:
            make = partial(Plenum, connections, stack.enter_context(placed(setup)), options.io_uring)
            entrants.append(stack.enter_context(_entered(f"Plenum, {SETUPS[setup]}", make)))
            _connect(entrants[-1], connections)
            entrants[-1].run(1)
        text = entrants[0].sample()  # the peers send the very event
        for name, peer in () if options.no_peers else PEER_SERVERS:
            entrants.append(stack.enter_context(_entered(name, partial(peer, connections, text))))
            _connect(entrants[-1], connections)
            entrants[-1].run(BROADCASTS)
        for number in range(options.rounds):
            for entrant in entrants:
                entrant.rounds.append(entrant.run(BROADCASTS))
            costs = ", ".join(f"{e.name} {e.rounds[-1].us_per_message:.2f}" for e in entrants)
            _console.print(f"round {number + 1} of {options.rounds}: {costs} µs a message")
    return entrants


@contextmanager
def _entered(name: str, make: Callable[[], Contender]) -> Iterator[Entrant]:
    entrant = Entrant(name, make)
    try:
        yield entrant
    finally:
        entrant.stop()


def _connect(entrant: Entrant, connections: int) -> None:
    with _console.status(f"{connections:,} clients connect to {entrant.name}"):
        entrant.connect()
    _console.print(f"{entrant.name}: {connections:,} connected")


def report(entrants: list[Entrant]) -> None:
    """The table, on standard error; medians over the rounds."""
    table = Table("server", "µs CPU a message", "min–max", "delay p50 ms", "p99 ms", "KiB a connection")
    for entrant in entrants:
        costs = [r.us_per_message for r in entrant.rounds]
        p50, p99 = (_delay(entrant, share) for share in (0.5, 0.99))
        spread = f"{min(costs):.2f}–{max(costs):.2f}"
        kib = f"{entrant.kib_per_connection:.1f}"
        table.add_row(entrant.name, f"{median(costs):.2f}", spread, f"{p50:.1f}", f"{p99:.1f}", kib)
    _console.print(table)


def summary(entrants: list[Entrant]) -> dict[str, float]:
    """The last line: the figures of Plenum's first setup, its cost over that of each peer, and each other setup's cost over
    its own (medians of the rounds' ratios)."""
    plenum, *others = entrants
    ratios = {}
    for other in others:
        if other.name in RATIOS:
            ratios[RATIOS[other.name]] = _over(plenum, other)
        else:
            ratios[f"{_setup(other)}_ratio"] = _over(other, plenum)
    return {
        "us_per_message": round(median([r.us_per_message for r in plenum.rounds]), 2),
        **ratios,
        "p99_ms": round(_delay(plenum, 0.99), 1),
        "kib_per_connection": round(plenum.kib_per_connection, 1),
    }


def _over(one: Entrant, other: Entrant) -> float:
    pairs = zip(one.rounds, other.rounds, strict=True)
    return round(median([own.us_per_message / theirs.us_per_message for own, theirs in pairs]), 3)


def _setup(entrant: Entrant) -> str:
    return next(setup for setup, name in SETUPS.items() if entrant.name == f"Plenum, {name}")


def _delay(entrant: Entrant, share: float) -> float:
    """A percentile over all rounds, in milliseconds."""
    return percentile([delay for r in entrant.rounds for delay in r.delays], share) * 1000


def install_peers() -> None:
    """`npm ci` in `bench/peers`, the first time and whenever its lock file has changed."""
    installed, lock = PEERS / "node_modules" / ".package-lock.json", PEERS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    with _console.status("installing Node ws and Socket.IO into bench/peers"):
        done = subprocess.run([str(TOOLS / "npm"), "ci", "--no-progress"], cwd=PEERS, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"npm ci failed in bench/peers:\n{done.stderr}")
    _console.print("installed Node ws and Socket.IO into bench/peers")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.websocket", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--connections", type=sizes, default=[2000], help="to each server (default: 2000)")
    parser.add_argument("--setups", type=setups, default=["sqlite"], help=f"of {', '.join(SETUPS)} (default: sqlite)")
    parser.add_argument("--no-peers", action="store_true", help="Plenum alone")
    parser.add_argument("--rounds", type=int, default=7, choices=range(1, MOST_ROUNDS + 1), help="default: %(default)s")
    parser.add_argument("--io-uring", default="auto", choices=IO_URING, help="as PLENUM_IO_URING (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

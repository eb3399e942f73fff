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
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.arena import Entrant
from bench.contenders import PEERS, TOOLS, Contender, NodeWs, NodeWsBytes, Plenum, SocketIo
from bench.measures import median, percentile, raise_file_limit
from server.settings import IO_URING

BROADCASTS: Final = 10  # a round; Plenum's are polls, of which a session has at most a hundred
MOST_ROUNDS: Final = 9

_console: Final = Console(stderr=True)


def main() -> None:
    options = _options()
    raise_file_limit(options.connections + 200)
    install_peers()
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as directory:
        entrants = compare(options.connections, options.rounds, Path(directory), options.io_uring)
    report(entrants)
    print(json.dumps(summary(entrants)))


def compare(connections: int, rounds: int, directory: Path, io_uring: str) -> list[Entrant]:
    """Runs all rounds; the first of each contender warms it up and does not count."""
    with ExitStack() as stack:
        plenum = stack.enter_context(_entered("Plenum", partial(Plenum, connections, directory, io_uring)))
        _connect(plenum, connections)
        plenum.run(1)
        text = plenum.sample()  # the peers send the very event
        peers = [
            stack.enter_context(_entered("Node ws", partial(NodeWs, connections, text))),
            stack.enter_context(_entered("Node ws, bytes", partial(NodeWsBytes, connections, text))),
            stack.enter_context(_entered("Socket.IO", partial(SocketIo, connections, text))),
        ]
        for peer in peers:
            _connect(peer, connections)
            peer.run(BROADCASTS)
        entrants = [plenum, *peers]
        for number in range(rounds):
            for entrant in entrants:
                entrant.rounds.append(entrant.run(BROADCASTS))
            costs = ", ".join(f"{e.name} {e.rounds[-1].us_per_message:.2f}" for e in entrants)
            _console.print(f"round {number + 1} of {rounds}: {costs} µs a message")
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
    """The last line: Plenum's figures, and its cost over that of each peer (median of the rounds' ratios)."""
    plenum, ws, ws_bytes, socketio = entrants

    def over(peer: Entrant) -> float:
        pairs = zip(plenum.rounds, peer.rounds, strict=True)
        return round(median([own.us_per_message / other.us_per_message for own, other in pairs]), 3)

    return {
        "us_per_message": round(median([r.us_per_message for r in plenum.rounds]), 2),
        "vs_node_ws": over(ws),
        "vs_node_ws_bytes": over(ws_bytes),
        "vs_socketio": over(socketio),
        "p99_ms": round(_delay(plenum, 0.99), 1),
        "kib_per_connection": round(plenum.kib_per_connection, 1),
    }


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
    parser.add_argument("--connections", type=int, default=2000, help="to each server (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, choices=range(1, MOST_ROUNDS + 1), help="default: %(default)s")
    parser.add_argument("--io-uring", default="auto", choices=IO_URING, help="as PLENUM_IO_URING (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

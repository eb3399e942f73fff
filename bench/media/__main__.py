"""`make bench-media`: our engine, Janus's video room and a floor in C, in turn, with the same clients.

One publisher sends 300 packets of 1,100 octets and 50 Opus packets a second; every viewer gets all of it. Server and
clients are in two network namespaces. CPU time is that of the server's processes, all threads, for each packet that
*arrived*; loss and delay are the receivers'. The delay runs from the publisher's `sendmsg` to the moment at which the kernel
had the packet for the viewer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.measures import median, raise_file_limit
from bench.media import janus, native
from bench.media.contest import Contender, Figures, floor
from bench.media.network import Network, network
from live.processors import default_workers

MOST_LOSS: Final = 0.001
MOST_DELAY: Final = 0.020  # seconds, p99
OURS: Final = "Plenum"


@dataclass
class Most:
    """Viewers: without loss and in time, evenly and in pictures; and without loss, however late."""

    in_time: int = 0
    in_time_in_pictures: int = 0
    without_loss: int = 0

    def take(self, viewers: int, *, in_time: bool, in_pictures: bool) -> None:
        """A window with so many, in which nothing was lost."""
        self.without_loss = viewers
        if in_time and in_pictures:
            self.in_time_in_pictures = viewers
        elif in_time:
            self.in_time = viewers


_console: Final = Console(stderr=True, width=None if sys.stderr.isatty() else 120)


def main() -> None:
    options = _options()
    raise_file_limit(8192)
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as name, network(use_loopback=options.loopback) as net:
        directory = Path(name)
        library = native.build(directory)
        _console.print(f"network: {net.note}")
        figures = compare(net, library, directory, options)
        most = climb(net, library, directory, options) if options.steps else Most()
    _console.print(report(figures))
    print(json.dumps(summary(figures, most)))


def compare(net: Network, library: Path, directory: Path, options: argparse.Namespace) -> list[Figures]:
    """All rounds of all sizes, contenders alternating."""
    figures: list[Figures] = []
    with ExitStack() as stack:
        contenders = [Contender("plenum", OURS, net, library, directory / "plenum", *(["--pure"] if options.pure else []))]
        stack.callback(contenders[0].close)
        if options.both:
            contenders.append(Contender("plenum", f"{OURS}, pure", net, library, directory / "pure", "--pure"))
            stack.callback(contenders[-1].close)
        if rival := _janus(net, library, directory, options):
            contenders.append(rival)
            stack.callback(rival.close)
        for size in options.viewers:
            fresh = [contender.join(size) for contender in contenders]
            profiles = ", ".join(f"{contender.name} {contender.profile}" for contender in contenders)
            _console.print(f"{size} viewers each ({profiles})")
            for number in range(options.rounds):
                base = floor(net, library, contenders[0].port, size, options.seconds / 2)
                for contender, entry in zip(contenders, fresh, strict=True):
                    entry.results.append(contender.run(options.seconds))
                    entry.floors.append(base)
                told = ", ".join(f"{entry.name} {entry.costs[-1]:.2f}{_moved(entry)}" for entry in fresh)
                _console.print(f"  round {number + 1} of {options.rounds}: {told}, floor {base:.2f} µs a packet")
            figures += fresh
    return figures


def _moved(entry: Figures) -> str:
    moved = entry.results[-1].moved
    return f" ({moved} streams renumbered)" if moved else ""


def _janus(net: Network, library: Path, directory: Path, options: argparse.Namespace) -> Contender | None:
    version = janus.version()
    if options.no_janus:
        _console.print("Janus is not compared: not asked for")
    elif not version:
        _console.print("Janus is not compared: no `janus` on the PATH (Debian: apt-get install janus)")
    elif net.is_loopback:
        _console.print("Janus is not compared: it does not serve the loopback")
    else:
        name = f"Janus {version}"
        return Contender("janus", name, net, library, directory / "janus", "--event-loops", options.event_loops)
    return None


def climb(net: Network, library: Path, directory: Path, options: argparse.Namespace) -> Most:
    """The most viewers of our engine among the steps: with the publisher's packets evenly spread, and picture by picture as
    browsers send them. It ends where packets are lost either way."""
    most = Most()
    workers = options.workers or default_workers()
    _console.print(f"with {workers} worker{'s' * (workers > 1)}:")
    arguments = ["--workers", workers, *(["--pure"] if options.pure else [])]
    contender = Contender("plenum", OURS, net, library, directory / "climb", *arguments)
    try:
        for step in options.steps:
            entry = contender.join(step)
            _console.print(f"{step} viewers set up in {entry.set_up * 1000:.1f} ms, {entry.kib:.0f} KiB each")
            if not any([_step(contender, entry, most, in_pictures, options.seconds) for in_pictures in (False, True)]):
                break
    finally:
        contender.close()
    return most


def _step(contender: Contender, entry: Figures, most: Most, in_pictures: bool, seconds: float) -> bool:
    """One window; returns whether nothing was lost."""
    entry.results = [contender.run(seconds, in_pictures=in_pictures)]
    told = f"loss {entry.loss:.3%}{_moved(entry)}, p99 {entry.p99 * 1000:.1f} ms, {entry.cost:.2f} µs a packet"
    _console.print(f"{entry.viewers} viewers, {'in pictures' if in_pictures else 'evenly'}: {told}")
    if entry.loss > MOST_LOSS:
        return False
    most.take(entry.viewers, in_time=entry.p99 <= MOST_DELAY, in_pictures=in_pictures)
    return True


def report(figures: list[Figures]) -> Table:
    """Medians over the rounds."""
    table = Table(
        "viewers", "server", "µs a packet", "min–max", "× floor", "loss", "p50 ms", "p99 ms", "KiB each", "set-up ms"
    )
    for entry in figures:
        costs = entry.costs
        table.add_row(
            str(entry.viewers),
            entry.name,
            f"{entry.cost:.2f}",
            f"{min(costs):.2f}–{max(costs):.2f}",
            f"{_over_floor(entry):.1f}",
            f"{entry.loss:.3%}",
            f"{entry.p50 * 1000:.2f}",
            f"{entry.p99 * 1000:.2f}",
            f"{entry.kib:.0f}",
            f"{entry.set_up * 1000:.2f}",
        )
    return table


def _over_floor(entry: Figures) -> float:
    return median([cost / base for cost, base in zip(entry.costs, entry.floors, strict=True)])


def summary(figures: list[Figures], most: Most) -> dict[str, float | None]:
    """The last line: our figures with the most viewers that were compared; loss is the worst of all sizes."""
    own = [entry for entry in figures if entry.name == OURS]
    last = own[-1]
    rival = next((entry for entry in figures if entry.name.startswith("Janus") and entry.viewers == last.viewers), None)
    ratios = [a / b for a, b in zip(last.costs, rival.costs, strict=True)] if rival else []
    return {
        "us_per_packet": round(last.cost, 2),
        "vs_janus": round(median(ratios), 3) if ratios else None,
        "vs_c_floor": round(_over_floor(last), 2),
        "loss": round(max(entry.loss for entry in own), 6),
        "p99_ms": round(last.p99 * 1000, 2),
        "max_viewers": most.in_time,
        "max_viewers_in_pictures": most.in_time_in_pictures,
        "max_viewers_without_loss": most.without_loss,
    }


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(",") if part)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.media", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=_numbers, default=[20, 50, 150], help="sizes to compare (default: 20,50,150)")
    parser.add_argument(
        "--steps", type=_numbers, default=[150, 300, 600, 1000, 1200], help="sizes to climb, ours alone; empty: none"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="of ours when it climbs; 0: one for each processor (compared is one)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="windows of each server and size (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window (default: %(default)s)")
    parser.add_argument("--loopback", action="store_true", help="no namespaces (and no Janus, which avoids the loopback)")
    parser.add_argument("--pure", action="store_true", help="ours without its compiled helper")
    parser.add_argument("--both", action="store_true", help="ours without its compiled helper, too")
    parser.add_argument("--no-janus", action="store_true", help="ours and the floor alone")
    parser.add_argument("--event-loops", type=int, default=0, help="Janus's threads; 0: its default, one for each peer")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

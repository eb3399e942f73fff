"""`python -m bench.media.host`: runs one server on its side of the network, until its standard input ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

from bench.media import janus
from bench.media.plenum import Door
from live.engine import EmbeddedEngine

START_TIMEOUT: Final = 60.0  # seconds


def descendants(pid: int) -> list[int]:
    """Process ids of all children, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [each for child in map(int, children) for each in (child, *descendants(child))]


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def run_plenum(address: str, door: Path, *, is_pure: bool, workers: int) -> None:
    """The workers in processes of their own, as in production; this process is what the web process is there."""
    async with EmbeddedEngine((address,), is_pure=is_pure, workers=workers) as engine, await Door(engine).open(door):
        tell(pids=descendants(os.getpid()), at=str(door))
        await asyncio.to_thread(sys.stdin.read)


def run_janus(directory: Path, address: str, event_loops: int) -> None:
    janus.configure(directory, address, event_loops)
    process = janus.start(directory)
    try:
        until = time.monotonic() + START_TIMEOUT
        while not _listens(address, janus.PORT):
            if process.poll() is not None or time.monotonic() > until:
                tell(failed="Janus did not start", log=(directory / "janus.log").read_text()[-2000:])
                return
            time.sleep(0.05)
        tell(pids=[process.pid], at=address)
        sys.stdin.read()
    finally:
        process.kill()
        process.wait()


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=("plenum", "janus"))
    parser.add_argument("--address", required=True)
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--event-loops", type=int, default=0)
    parser.add_argument("--pure", action="store_true", help="ours without its compiled helper")
    parser.add_argument("--workers", type=int, default=1, help="of ours")
    options = parser.parse_args()
    if options.server == "plenum":
        asyncio.run(run_plenum(options.address, options.directory / "door", is_pure=options.pure, workers=options.workers))
    else:
        run_janus(options.directory, options.address, options.event_loops)


if __name__ == "__main__":
    main()

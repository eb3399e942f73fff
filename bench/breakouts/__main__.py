"""Breakout rooms, all at once: a real server, everybody with camera (360p) and sound, in rooms of six, each with the
plenary's connection beside that of their room, as their pages have it.

`make bench-breakouts`; `ARGS="--people 30 --seconds 5"` for less. Measured are the server with its media workers (CPU,
memory), what was lost and how late it came (from its leaving one participant to the kernel's having it for another), and
how long after "open" the last person heard their group, with all of them coming at once: the participants' own handshakes,
on the same machine, are in that. With `--kill worker` (the fullest) or `--kill server` that is killed (SIGKILL) in the
middle of the round; `back_s` is how long after it the last person heard their group again. The server is started again at
once. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from bench.breakouts.conference import Conference
from bench.breakouts.server import serving
from bench.measures import raise_file_limit

SETTLE: Final = 4.0  # seconds from the last one's hearing their group to the window: estimates find what a path carries


async def run(people: int, size: int, seconds: float, settle: float = SETTLE, kill: str = "") -> dict[str, Any]:
    async with serving(people) as server, AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plenum-bench-")))
        conference = Conference(server, people, size, directory)
        await conference.gather(stack)
        last = await conference.open()
        _tell(f"{people} people in rooms of {size}: the last hears their group after {last:.2f} s")
        await asyncio.sleep(settle)
        found = await conference.measure(seconds)
        if kill:
            killed = await conference.kill(kill)
            _tell(f"the {kill} killed: the last hears their group again after {killed['back_s']:.2f} s")
            found |= {"killed": kill, **killed}
    return {"people": people, "rooms": -(-people // size), **found, "last_hears_s": round(last, 3)}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.breakouts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=120, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=6, help="people in a room (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="measured (default: %(default)s)")
    parser.add_argument("--kill", choices=("worker", "server"), default="", help="in the middle of the round")
    options = parser.parse_args()
    raise_file_limit(8 * options.people + 500)
    print(json.dumps(asyncio.run(run(options.people, options.size, options.seconds, kill=options.kill))))


if __name__ == "__main__":
    main()

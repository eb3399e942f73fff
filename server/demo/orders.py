"""What the demonstration's processes are told, and how long they live.

A process reads one line of JSON on its standard input (tokens are in it, so it does not belong on a command line), says
`ready` on its standard output once, and ends when its standard input does: also when whoever started it was killed.
Neighbour: `children`, the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

READY: Final = b"ready\n"
STDIN: Final = 0
ENDING_SECONDS: Final = 1.0

T = TypeVar("T")


class ServerOrders(Struct, frozen=True):
    """`throw_away`: the directory goes when the server ends."""

    directory: str
    port: int
    throw_away: bool


class SpeakerOrders(Struct, frozen=True):
    """`base`: the server's address. `token`: of a personal link; `whip_token`: to publish in the room `room`."""

    base: str
    room: str
    token: str
    whip_token: str
    name: str
    time_zone: str


class ModeratorOrders(Struct, frozen=True):
    base: str
    token: str


class AudienceOrders(Struct, frozen=True):
    """`tokens`: of everybody's personal link; the first `viewers` of them receive sound and picture."""

    base: str
    tokens: list[str]
    viewers: int


def play(kind: type[T], work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    """A process's whole life: reads its orders, works, ends with its parent."""
    orders = read(kind)
    if orders is not None:
        _run(_until_parent_ends(work(orders)))


def read(kind: type[T]) -> T | None:
    """The orders; None: the parent has ended already."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the parent, which then ends us
    line = sys.stdin.buffer.readline()
    return msgspec.json.decode(line, type=kind) if line else None


def tell_ready() -> None:
    """Tells the parent that we are at work. Harmless when repeated."""
    with contextlib.suppress(BrokenPipeError):  # it has ended, and we are about to
        os.write(sys.stdout.fileno(), READY)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _until_parent_ends(work: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(STDIN, lambda: ended.set() if not os.read(STDIN, 4096) else None)
    tasks = [asyncio.create_task(work), asyncio.create_task(ended.wait())]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    loop.remove_reader(STDIN)
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting, timeout=ENDING_SECONDS)
    for task in done:
        task.result()

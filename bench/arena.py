"""One contender with its flock, in a process of its own: lets the clients in, runs rounds, and tells what they cost."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from bench.contenders import PATIENCE, Contender
from bench.flock import Flock

SETTLE: Final = 0.7  # seconds before a round, in which a server finishes what came before
AFTERMATH: Final = 0.05  # seconds after a round's last message, which still belong to it


@dataclass
class Round:
    """What one round cost: CPU seconds of the server, for `delivered` text messages of any kind. `delays` are seconds, one
    for each client and broadcast."""

    delivered: int
    cpu: float
    delays: array[float]

    @property
    def us_per_message(self) -> float:
        return self.cpu / self.delivered * 1e6


class Arena:
    """The side of the contender's own process."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        contender.start()
        self.flock = Flock(contender.ports, lambda number: contender.greet(self.flock, number), self._heed)
        self._delivered = 0
        self._reached = 0
        self._started = 0.0
        self._delays: array[float] = array("d")
        self._sample = b""

    def connect(self) -> float:
        """Lets everybody in; returns the KiB of the server's memory that each takes."""
        before = self._contender.resident_kib()
        self.flock.join(self._contender.members())
        self._contender.arrive(self.flock)
        self._wait(SETTLE)
        return (self._contender.resident_kib() - before) / self._contender.connections

    def run(self, broadcasts: int) -> Round:
        """One round. Raises `TimeoutError` if a message does not arrive, `ConnectionError` if a client was lost."""
        self._contender.prepare(self.flock, broadcasts)
        self._wait(SETTLE)
        self._delays, self._delivered = array("d"), 0
        before = self._contender.cpu_seconds()
        for _ in range(broadcasts):
            self._reached, self._started = 0, time.monotonic()
            self._contender.broadcast(self.flock)
            self.flock.run_until(lambda: self._reached >= len(self._contender.reaches), PATIENCE)
        self._wait(AFTERMATH)
        cost = self._contender.cpu_seconds() - before
        if len(self._delays) != broadcasts * len(self._contender.reaches):
            raise ConnectionError(f"{len(self._delays)} messages for {broadcasts} broadcasts: some came twice")
        return Round(self._delivered, cost, self._delays)

    def sample(self) -> bytes:
        """The last broadcast that arrived."""
        return self._sample

    def _heed(self, number: int, message: bytes) -> None:
        self._delivered += 1
        if self._contender.is_broadcast(message):
            self._delays.append(time.monotonic() - self._started)
            self._reached += 1
            self._sample = message
        else:
            self._contender.heed(self.flock, number, message)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.flock.run_until(lambda: time.monotonic() > until, seconds + PATIENCE)


def compete(make: Callable[[], Contender], pipe: Connection) -> None:
    """The process: does what it is told over `pipe` ((method, arguments), or None to end) and answers with results, or
    with the exception that ends it."""
    contender = make()
    with ExitStack() as stack:
        stack.callback(contender.stop)
        try:
            arena = Arena(contender)
            stack.callback(arena.flock.close)
            _obey(arena, pipe)
        except EOFError:  # whoever asked is gone
            return
        except (OSError, TimeoutError, RuntimeError, SystemExit) as error:
            pipe.send(error if isinstance(error, SystemExit) else SystemExit(f"{type(error).__name__}: {error}"))


def _obey(arena: Arena, pipe: Connection) -> None:
    arena.flock.watch(pipe.fileno())
    while True:
        arena.flock.idle()
        request = pipe.recv()
        if request is None:
            return
        method, arguments = request
        pipe.send(getattr(arena, method)(*arguments))


class Entrant:
    """The orchestrator's side of it. `make` has to be picklable."""

    def __init__(self, name: str, make: Callable[[], Contender]) -> None:
        self.name = name
        self.rounds: list[Round] = []
        self.kib_per_connection = 0.0
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=compete, args=(make, theirs), name=name)
        self._process.start()
        theirs.close()

    def connect(self) -> None:
        self.kib_per_connection = self._ask("connect")

    def run(self, broadcasts: int) -> Round:
        result: Round = self._ask("run", broadcasts)
        return result

    def sample(self) -> bytes:
        return bytes(self._ask("sample"))

    def stop(self) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
            self._process.join(PATIENCE)

    def _ask(self, method: str, *arguments: object) -> Any:
        with contextlib.suppress(OSError):  # it ended while nothing was asked of it, and has said why
            self._pipe.send((method, arguments))
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise SystemExit(f"{self.name}: its process ended") from None
        if isinstance(answer, SystemExit):
            raise SystemExit(f"{self.name}: {answer}")
        return answer

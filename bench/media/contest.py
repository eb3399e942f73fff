"""The contenders as the orchestrator sees them: processes on both sides of the network that are told what to do."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.measures import cpu_seconds, median, resident_kib
from bench.media.network import Network
from bench.media.viewers import Result

PATIENCE: Final = 300.0  # seconds for an answer: a thousand viewers shake hands


class Child:
    """A process that answers lines of JSON with lines of JSON, and ends when its standard input does."""

    def __init__(self, where: tuple[str, ...], module: str, *arguments: object) -> None:
        command = (*where, sys.executable, "-m", f"bench.{module}", *map(str, arguments))
        self._module = " ".join(
            (module.partition(".")[2], *(word for word in map(str, arguments[:3]) if not word.startswith(("-", "/"))))
        )
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )

    def ask(self, **call: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(call).encode() + b"\n")
        except BrokenPipeError:
            raise SystemExit(f"bench: {self._module} ended") from None
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """The next answer."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise SystemExit(f"bench: {self._module} " + ("ended" if ready else "does not answer"))
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise SystemExit(f"bench: {self._module}: {answer['failed']}\n{answer.get('log', '')}".rstrip())
        return answer

    def close(self) -> None:
        """Lets it end by itself; kills it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class Figures:
    """What one contender cost with so many viewers. `set_up`: CPU seconds of the server for each that came last, `kib` its
    memory for each."""

    name: str
    viewers: int
    results: list[Result] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)  # µs a packet, each measured beside the result of the same index
    set_up: float = 0.0
    kib: float = 0.0

    @property
    def costs(self) -> list[float]:
        """µs of CPU for each packet that arrived, by round."""
        return [result.cpu / max(1, result.forwarded) * 1e6 for result in self.results]

    @property
    def cost(self) -> float:
        return median(self.costs)

    @property
    def loss(self) -> float:
        """Share of what all rounds should have brought."""
        expected = sum(result.expected for result in self.results)
        return 1 - sum(result.counted for result in self.results) / expected

    @property
    def p50(self) -> float:
        return median([result.p50 for result in self.results])

    @property
    def p99(self) -> float:
        return median([result.p99 for result in self.results])


class Contender:
    """A server with its publisher and its viewers."""

    def __init__(self, server: str, name: str, net: Network, library: Path, directory: Path, *options: object) -> None:
        self.name = name
        self.profile = ""
        self._viewers_now = 0
        directory.mkdir()
        with ExitStack() as stack:
            arguments = (server, "--address", net.server_address, "--directory", directory, *options)
            host = self._child(stack, net.server, "media.host", *arguments)
            up = host.hear()
            self.pids: list[int] = up["pids"]
            client = (server, "--at", up["at"], "--network", net.clients_network)
            files = ("--stamps", directory / "stamps", "--library", library)
            self._publisher = self._child(stack, net.clients, "media.clients", "publisher", *client, *files)
            self._publisher.hear()
            self._viewers = self._child(stack, net.clients, "media.clients", "viewers", *client, *files)
            self.port: int = self._viewers.hear()["port"]
            self._stack = stack.pop_all()

    @staticmethod
    def _child(stack: ExitStack, *arguments: Any) -> Child:
        child = Child(*arguments)
        stack.callback(child.close)
        return child

    def close(self) -> None:
        self._stack.close()

    def join(self, total: int) -> Figures:
        """Lets viewers come until there are `total`."""
        figures = Figures(self.name, total)
        new = total - self._viewers_now
        cpu, memory = self._cpu(), self._memory()
        self.profile = self._viewers.ask(do="join", total=total)["profile"]
        figures.set_up, figures.kib = (self._cpu() - cpu) / new, (self._memory() - memory) / new
        self._viewers_now = total
        return figures

    def run(self, seconds: float, *, in_pictures: bool = False) -> Result:
        """One window. Streams that the server renumbered meanwhile (it took a picture away, and gave it back) count as lost
        from there on."""
        self._publisher.ask(do="start", in_pictures=in_pictures)
        try:
            self._viewers.ask(do="learn")
            result = Result(**self._viewers.ask(do="measure", seconds=seconds, pids=self.pids))
            result.moved = self._viewers.ask(do="learn")["moved"]
        finally:
            self._publisher.ask(do="stop")
        return result

    def _cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self.pids)

    def _memory(self) -> int:
        return sum(resident_kib(pid) for pid in self.pids)


def floor(net: Network, library: Path, port: int, viewers: int, seconds: float) -> float:
    """µs of CPU a packet of the loop in C, towards the same viewers."""
    arguments = ("--network", net.clients_network, "--port", port, "--viewers", viewers, "--seconds", seconds)
    child = Child(net.server, "media.floor", "--library", library, *arguments)
    try:
        answer = child.hear()
    finally:
        child.close()
    if answer["sent"] != int(seconds * 300) * viewers:
        raise SystemExit("bench-media: the floor could not send everything")
    return float(answer["cpu"]) / float(answer["sent"]) * 1e6

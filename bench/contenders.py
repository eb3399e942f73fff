"""Who is compared: Plenum's real server, Node `ws` and Socket.IO, each in a process of its own with its flock of clients.

A contender knows how to start its server, how its clients come in, and how to make it broadcast. The peers broadcast
the very event that Plenum sent, and do so as their own documentation tells.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Final

from bench import plenum
from bench.flock import Flock
from bench.measures import cpu_seconds, resident_kib
from bench.setups import Place

PEERS: Final = Path(__file__).parent / "peers"
TOOLS: Final = Path(__file__).parents[1] / "tools"  # node and npm, whoever brings them
PATIENCE: Final = 60.0  # seconds for anything that has to happen


class Contender:
    """A server under test. `start`, then a `Flock` of `members`, then `arrive`, then rounds of `broadcast`."""

    def __init__(self, connections: int) -> None:
        self.connections = connections
        self.reaches = range(connections)  # the members that every broadcast reaches
        self._processes: list[subprocess.Popen[str]] = []
        self.ports: list[int] = []  # one of each process; clients take them in turns

    def start(self) -> None:
        raise NotImplementedError

    def members(self) -> Iterator[tuple[str, str]]:
        """Request target and header lines of each client."""
        raise NotImplementedError

    def broadcast(self, flock: Flock) -> None:
        """Makes the server send one message to everybody. Returns at once."""
        raise NotImplementedError

    def is_broadcast(self, message: bytes) -> bool:
        raise NotImplementedError

    def greet(self, flock: Flock, number: int) -> None:
        """What a client says as soon as it is in."""

    def heed(self, flock: Flock, number: int, message: bytes) -> None:
        """Every message that a client receives; here to answer what the contender's protocol wants answered."""

    def arrive(self, flock: Flock) -> None:
        """What has to happen once all are in."""

    def prepare(self, flock: Flock, broadcasts: int) -> None:
        """What has to be done before a round and is not part of it."""

    def stop(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()  # which ends it
        for process in self._processes:
            process.wait(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()

    def cpu_seconds(self) -> float:
        """Of all its processes, until now."""
        return sum(cpu_seconds(process.pid) for process in self._processes)

    def resident_kib(self) -> int:
        return sum(resident_kib(process.pid) for process in self._processes)

    def _launch(self, *command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        """Starts a server that says its port on the first line of its output."""
        pipe, added = subprocess.PIPE, {**os.environ, **(environment or {})}
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=cwd, env=added)
        self._processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            raise SystemExit(f"{command[-1]} did not start: {line or 'see above'}")
        self.ports.append(int(line))


class Peer(Contender):
    """A Node server that broadcasts `text`: JSON, as compact as JavaScript writes it."""

    script: tuple[str, ...]

    def __init__(self, connections: int, text: bytes) -> None:
        super().__init__(connections)
        self.text = text

    def start(self) -> None:
        self._launch(str(TOOLS / "node"), *self.script, cwd=PEERS)


class NodeWs(Peer):
    """`ws`: a loop over its clients, to which it sends a text."""

    script: tuple[str, ...] = ("ws.js",)

    def members(self) -> Iterator[tuple[str, str]]:
        yield from (("/", "") for _ in self.reaches)
        yield "/control", ""

    def broadcast(self, flock: Flock) -> None:
        flock.send(self.connections, self.text)

    def is_broadcast(self, message: bytes) -> bool:
        return message == self.text


class NodeWsBytes(NodeWs):
    """The same, but the text is encoded once and not for each client: the best that `ws` can do."""

    script = ("ws.js", "bytes")


class SocketIo(Peer):
    """Socket.IO 4 over WebSocket alone: Engine.IO packets (protocol 4), `emit` to everybody."""

    script = ("socketio.js",)

    def __init__(self, connections: int, text: bytes) -> None:
        super().__init__(connections, text)
        self._arrived = 0

    def members(self) -> Iterator[tuple[str, str]]:
        yield from (("/socket.io/?EIO=4&transport=websocket", "") for _ in self.reaches)

    def heed(self, flock: Flock, number: int, message: bytes) -> None:
        if message[:1] == b"0":  # Engine.IO is open: enter the main namespace
            flock.send(number, b"40")
        elif message[:2] == b"40":
            self._arrived += 1
        elif message == b"2":  # ping
            flock.send(number, b"3")

    def arrive(self, flock: Flock) -> None:
        flock.run_until(lambda: self._arrived == self.connections, PATIENCE)

    def broadcast(self, flock: Flock) -> None:
        flock.send(0, b'42["say",' + self.text + b"]")

    def is_broadcast(self, message: bytes) -> bool:
        return message.startswith(b'42["said",')


class Plenum(Contender):
    """The whole server: everybody signed in as somebody else, in the session; a moderator opens a poll."""

    def __init__(self, connections: int, place: Place, io_uring: str = "auto") -> None:
        super().__init__(connections)
        self._place = place
        self._io_uring = io_uring
        self._drafts: list[str] = []
        self._commands = 0
        self._acknowledged = 0
        self._arrived = 0

    def start(self) -> None:
        self._cookies = plenum.prepare(self._place, self.connections)
        words, environment = plenum.command(self._place, self._io_uring)
        for _ in range(self._place.nodes):
            self._launch(*words, environment=environment)

    def members(self) -> Iterator[tuple[str, str]]:
        for cookie, port in zip(self._cookies, cycle(self.ports), strict=False):
            yield "/socket", f"Origin: http://127.0.0.1:{port}\r\nCookie: {cookie}\r\n"

    def greet(self, flock: Flock, number: int) -> None:
        flock.send(number, plenum.hello(number))

    def heed(self, flock: Flock, number: int, message: bytes) -> None:
        if message.startswith(b'{"type":"mine"'):
            self._arrived += 1
        elif number == plenum.MODERATOR:
            if message.startswith(b'{"type":"ack"'):
                self._acknowledged += 1
            elif message.startswith(b'{"type":"refused"'):
                raise RuntimeError(f"Plenum refused: {message.decode()}")
            elif b'"poll.drafted"' in message and (found := re.search(rb'"poll":\{"id":"([^"]+)"', message)):
                self._drafts.append(found[1].decode())

    def arrive(self, flock: Flock) -> None:
        flock.run_until(lambda: self._arrived == self.connections, PATIENCE)
        for stream, command in plenum.go_live():
            self._do(flock, stream, command)
            self._settle(flock)

    def prepare(self, flock: Flock, broadcasts: int) -> None:
        for _ in range(broadcasts):
            self._do(flock, plenum.STREAM, plenum.draft())
            self._settle(flock)
        flock.run_until(lambda: len(self._drafts) == broadcasts, PATIENCE)

    def broadcast(self, flock: Flock) -> None:
        self._do(flock, plenum.STREAM, plenum.open_poll(self._drafts.pop(0)))

    def is_broadcast(self, message: bytes) -> bool:
        return b'"poll.opened"' in message[:200]

    def _do(self, flock: Flock, stream: str, command: dict[str, object]) -> None:
        self._commands += 1
        flock.send(plenum.MODERATOR, plenum.do(self._commands, stream, command))

    def _settle(self, flock: Flock) -> None:
        flock.run_until(lambda: self._acknowledged == self._commands, PATIENCE)

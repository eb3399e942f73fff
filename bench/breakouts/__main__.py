"""Breakout rooms, all at once: a real server, everybody with camera (360p) and sound, in rooms of six, each with the
plenary's connection beside that of their room, as their pages have it.

`make bench-breakouts`; `ARGS="--people 30 --seconds 5"` for less. Measured are the server with its media workers (CPU,
memory), what was lost and how late it came (from its leaving one participant to the kernel's having it for another), and
how long after "open" the last person heard their group, with all of them coming at once: the participants' own handshakes,
on the same machine, are in that. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from aiortc import RTCCertificate
from websockets.asyncio.client import ClientConnection, connect

from bench import plenum
from bench.breakouts.member import Member, Window
from bench.breakouts.pump import Pump
from bench.breakouts.stream import RATES, Stream
from bench.measures import cpu_seconds, percentile, raise_file_limit, resident_kib
from bench.setups import Place

PATIENCE: Final = 120.0  # seconds for anything that has to happen
SETTLE: Final = 4.0  # seconds from the last one's hearing their group to the window: estimates find what a path carries
AFTERMATH: Final = 1.0
STREAM: Final = f"breakouts/{plenum.SESSION}"


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    cookies: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> list[int]:
        """Its own, and its media workers'."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@asynccontextmanager
async def serving(people: int) -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as directory:
        place = Place(Path(directory))
        cookies = await asyncio.to_thread(plenum.prepare, place, people + 1)
        command, more = plenum.command(place, "auto")
        process = await asyncio.to_thread(_start, command, more)
        try:
            assert process.stdout is not None
            port = int(await asyncio.to_thread(process.stdout.readline))
            yield Server(process, port, cookies)
        finally:
            await asyncio.to_thread(process.communicate)


def _start(command: Sequence[str], more: Mapping[str, str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **more}, stdin=pipe, stdout=pipe, text=True)


class Tab:
    """A person's page: follows the session and its breakout rooms, and is told where to go."""

    def __init__(self, server: Server, number: int) -> None:
        self.number, self._server = number, server
        self._socket: ClientConnection | None = None
        self._ids = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.room: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def open(self, stack: AsyncExitStack) -> None:
        headers = {"Cookie": self._server.cookies[self.number], "Origin": self._server.url}
        url = f"ws://127.0.0.1:{self._server.port}/socket"
        self._socket = await stack.enter_async_context(
            connect(url, additional_headers=headers, compression=None, max_size=None)
        )
        follow = dict.fromkeys(("conference", plenum.STREAM, STREAM), 0)
        await self._socket.send(json.dumps({"type": "hello", "client": f"tab{self.number}", "follow": follow}))
        reading = asyncio.create_task(self._read(self._socket))
        stack.callback(reading.cancel)

    async def do(self, stream: str, command: dict[str, Any]) -> None:
        """Raises `SystemExit` where it is refused."""
        assert self._socket is not None
        self._ids += 1
        answer = self._answers[self._ids] = asyncio.get_running_loop().create_future()
        await self._socket.send(plenum.do(self._ids, stream, command).decode())
        told = await asyncio.wait_for(answer, PATIENCE)
        if told["type"] != "ack":
            raise SystemExit(f"bench-breakouts: {command['type']} was refused: {told}")

    async def _read(self, socket: ClientConnection) -> None:
        me = plenum.person_id(self.number)
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] in ("ack", "refused") and frame.get("id") in self._answers:
                self._answers.pop(frame["id"]).set_result(frame)
            elif frame["type"] == "event" and frame["stream"] == STREAM:
                room = frame["event"].get("room")
                if room and me in room["people"] and not self.room.done():
                    self.room.set_result(room["id"])


class Conference:
    """Everybody, with what they send and count."""

    def __init__(self, server: Server, people: int, size: int) -> None:
        self.server, self.size = server, size
        self.window = Window()
        self.members: list[Member] = []
        self._coming: list[Member] = []  # these, and who is on their way
        self._streams: dict[tuple[int, str], Stream] = {}
        self._certificate = RTCCertificate.generateCertificate()
        self._tabs = [Tab(server, number) for number in range(1, people + 1)]
        self._moderator = Tab(server, plenum.MODERATOR)
        self._pump = Pump()
        self._http = httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, limits=httpx.Limits(max_connections=200))

    async def gather(self, stack: AsyncExitStack) -> None:
        """All sit in the plenary."""
        stack.push_async_callback(self._close)
        stack.push_async_callback(self._pump.stop)
        stack.push_async_callback(self._http.aclose)
        for tab in (self._moderator, *self._tabs):
            await tab.open(stack)
        for stream, command in plenum.go_live():
            await self._moderator.do(stream, command)
        for tab in self._tabs:
            await self._enter(tab.number, "")

    async def _close(self) -> None:
        for member in self._coming:
            await member.close()

    async def open(self) -> float:
        """The rooms open; returns the seconds until the last one heard their group."""
        people = [plenum.person_id(tab.number) for tab in self._tabs]
        groups = [people[first : first + self.size] for first in range(0, len(people), self.size)]
        rooms = [{"people": group} for group in groups]
        await self._moderator.do(STREAM, {"type": "breakouts.plan", "plan": {"minutes": 30}, "rooms": rooms})
        began = time.time()
        opening = asyncio.create_task(self._moderator.do(STREAM, {"type": "breakouts.open"}))
        await asyncio.gather(*map(self._go, self._tabs))
        await opening
        members = [member for member in self.members if member.room]
        async with asyncio.timeout(PATIENCE):
            while not all(member.first_heard for member in members):
                self._pump.check()
                await asyncio.sleep(0.02)
        return max(member.first_heard for member in members) - began

    async def _go(self, tab: Tab) -> None:
        await self._enter(tab.number, await asyncio.wait_for(tab.room, PATIENCE))

    async def _enter(self, number: int, room: str) -> None:
        member = Member(number, room, self._certificate, self._streams, self.window)
        self._coming.append(member)
        self._pump.add(member)
        url = f"/media/{plenum.SESSION}" + (f"/breakouts/{room}" if room else "")
        headers = {"Cookie": self.server.cookies[number], "Origin": self.server.url}
        answer = await self._http.post(url, json=member.offer(), headers=headers)
        if answer.status_code != 201:
            raise SystemExit(f"bench-breakouts: an offer was refused: {answer.status_code} {answer.text[:200]}")
        await member.connect(answer.json()["sdp"])
        self.members.append(member)

    async def measure(self, seconds: float) -> dict[str, float]:
        pids = self.server.pids()
        begins = time.time_ns() + 100_000_000
        self.window.begins, self.window.ends = begins, begins + int(seconds * 1e9)
        await asyncio.sleep(0.1)
        before = [cpu_seconds(pid) for pid in pids]
        await asyncio.sleep(seconds)
        used = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        memory = sum(map(resident_kib, pids)) / 1024
        await asyncio.sleep(AFTERMATH)
        self._pump.check()
        return {
            "cpu_cores": round(sum(used) / seconds, 3),
            "loss": round(self._loss(), 6),
            "p50_ms": round(1000 * percentile(self.window.delays or [0.0], 0.5), 3),
            "p99_ms": round(1000 * percentile(self.window.delays or [0.0], 0.99), 3),
            "rss_mib": round(memory, 1),
            "packets_per_s": round(len(self.window.delays) / seconds),
            "moved": self.window.moved,
        }

    def _loss(self) -> float:
        """Of every other's picture, and of the sounds that each is sent (three at most; one's own is not)."""
        expected = counted = 0
        for member in self.members:
            others = sum(other.room == member.room and other is not member for other in self.members) if member.room else 0
            for kind, most in (("video", others), ("audio", min(others, 2))):
                known = [slot for slot in member.slots.values() if slot.kind == kind and slot.counted]
                spans = [self._sent(slot.source) for slot in known if slot.source]
                missing = max(0, most - len(known)) * (max(spans, default=0) or RATES[kind])
                expected += sum(spans) + missing
                counted += sum(len(slot.counted) for slot in known)
        return max(0.0, 1 - counted / expected) if expected else 1.0

    def _sent(self, source: tuple[int, str]) -> int:
        """How many packets of the window a source sent."""
        return sum(self.window.begins <= at < self.window.ends for at in self._streams[source].sent_at)


async def run(people: int, size: int, seconds: float, settle: float = SETTLE) -> dict[str, Any]:
    async with serving(people) as server, AsyncExitStack() as stack:
        conference = Conference(server, people, size)
        await conference.gather(stack)
        last = await conference.open()
        print(
            f"{people} people in rooms of {size}: the last hears their group after {last:.2f} s", file=sys.stderr, flush=True
        )
        await asyncio.sleep(settle)
        found = await conference.measure(seconds)
    return {"people": people, "rooms": -(-people // size), **found, "last_hears_s": round(last, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.breakouts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=120, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=6, help="people in a room (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="measured (default: %(default)s)")
    options = parser.parse_args()
    raise_file_limit(8 * options.people + 500)
    print(json.dumps(asyncio.run(run(options.people, options.size, options.seconds))))


if __name__ == "__main__":
    main()

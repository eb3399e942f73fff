"""A person's page: follows the session and its breakout rooms, is told where to go, and offers media. It comes back by
itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench import plenum

PATIENCE: Final = 120.0  # seconds for anything that has to happen
STREAM: Final = f"breakouts/{plenum.SESSION}"
PASSING: Final = (b"media_unavailable", b"try_again", b"too_fast", b"not_in_room")  # as web/static/media.js has them
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_OFFER_PAUSE = 0.2, 5.0, 8.0  # seconds, as web/static/backoff.js has them


class Refusal(Exception):
    """The server said no. `passes`: it is worth trying again."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:200]!r}")
        self.passes = status >= 500 or any(code in body for code in PASSING)


class Page:
    """`on_lost` hears how the ids of connections begin that the engine has lost; "": the server has gone, and perhaps all
    with it."""

    def __init__(self, port: int, cookie: str, number: int, on_lost: Callable[[int, str], object]) -> None:
        self.number, self._port, self._on_lost = number, port, on_lost
        self._headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"}
        self._me = f'"{plenum.person_id(number)}"'
        self._socket: ClientConnection | None = None
        self._ids = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._is_known = asyncio.Event()  # which room is this person's
        self.known_at = 0  # when that was last said, in nanoseconds since 1970
        self._room = ""

    async def open(self, stack: AsyncExitStack) -> None:
        """Raises `OSError`, or `WebSocketException`."""
        await self._connect()
        reading = asyncio.create_task(self._stay())
        stack.push_async_callback(_end, reading)

    async def room(self) -> str:
        """Where this person sits, once that is said."""
        await asyncio.wait_for(self._is_known.wait(), PATIENCE)
        return self._room

    async def do(self, stream: str, command: dict[str, Any]) -> None:
        """Raises `SystemExit` where it is refused."""
        assert self._socket is not None
        self._ids += 1
        answer = self._answers[self._ids] = asyncio.get_running_loop().create_future()
        await self._socket.send(plenum.do(self._ids, stream, command).decode())
        told = await asyncio.wait_for(answer, PATIENCE)
        if told["type"] != "ack":
            raise SystemExit(f"bench-breakouts: {command['type']} was refused: {told}")

    async def offer(self, room: str, body: bytes) -> tuple[str, str]:
        """The server's answer, and its name for the connection. Raises `Refusal`, or `OSError`."""
        path = f"/media/{plenum.SESSION}" + (f"/breakouts/{room}" if room else "")
        headers = {**self._headers, "Host": f"127.0.0.1:{self._port}", "Content-Type": "application/json"}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write("\r\n".join(lines).encode() + body)
            head, _, rest = (await asyncio.wait_for(reader.read(-1), PATIENCE)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        if not head.startswith(b"HTTP/1.1 "):
            raise ConnectionError("the server went away")
        if not head.startswith(b"HTTP/1.1 201"):
            raise Refusal(int(head[9:12]), rest)
        location = next(line for line in head.decode().splitlines() if line.lower().startswith("location:"))
        return json.loads(rest)["sdp"], location.rpartition("/")[2]

    async def _connect(self) -> None:
        self._socket = await connect(
            f"ws://127.0.0.1:{self._port}/socket",
            additional_headers=self._headers,
            compression=None,
            max_size=None,
            open_timeout=60,
            close_timeout=1,
            ping_interval=None,
        )
        follow = dict.fromkeys(("conference", plenum.STREAM, STREAM), 0)
        await self._socket.send(json.dumps({"type": "hello", "client": f"page{self.number}", "follow": follow}))

    async def _stay(self) -> None:
        """Reads, and comes back when the server has gone: then the engine, too, may be another one."""
        try:
            while True:
                assert self._socket is not None
                with contextlib.suppress(WebSocketException):
                    async for text in self._socket:
                        self._read(str(text))
                self._is_known.clear()
                await again(self._connect, FIRST_PAUSE, LONGEST_PAUSE)
                self._on_lost(self.number, "")
        finally:
            if self._socket is not None:
                await self._socket.close()

    def _read(self, text: str) -> None:
        if '"media"' in text or '"ack"' in text or '"refused"' in text or self._me in text:
            frame = json.loads(text)
            match frame["type"]:
                case "ack" | "refused" if frame.get("id") in self._answers:
                    self._answers.pop(frame["id"]).set_result(frame)
                case "media" if frame["status"] == "reset":
                    for prefix in frame.get("lost") or [""]:
                        self._on_lost(self.number, prefix)
                case "event" if frame["stream"] == STREAM:
                    self._look(frame["event"].get("room"))
                case "snapshot" if frame["stream"] == STREAM and frame["state"]["phase"] == "running":
                    for room in frame["state"]["rooms"].values():
                        self._look(room)

    def _look(self, room: dict[str, Any] | None) -> None:
        if room and plenum.person_id(self.number) in room["people"] and not room.get("closed_at"):
            self._room = room["id"]
            if not self._is_known.is_set():
                self.known_at = time.time_ns()
                self._is_known.set()


async def again(attempt: Callable[[], Any], first: float, longest: float) -> Any:
    """What `attempt` comes to, tried later and later while the server is not there, as pages do it."""
    pause, ends = first, asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await attempt()
        except (OSError, WebSocketException, Refusal) as error:
            if (isinstance(error, Refusal) and not error.passes) or asyncio.get_running_loop().time() > ends:
                raise
        await asyncio.sleep(pause * (0.5 + random.random() / 2))
        pause = min(2 * pause, longest)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

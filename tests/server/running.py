"""A real server in this process, with real sockets, and a client that speaks the protocol. Only the media engine is a fake:
media has its own tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from socket import socket as Socket
from types import TracebackType
from typing import Any, Final, Self, cast
from uuid import uuid4

import httpx
import uvicorn
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from live.control import MediaEngine
from rooms import messages as m
from server.app import Clock, create_app, utc_now
from server.frames import FrameProtocol
from server.guarded_http import guarded
from server.identity import COOKIE
from server.services import Services
from server.settings import Settings
from server.tables import people
from tests.fakes import FakeEngine

PATIENCE_SECONDS: Final = 60  # far more than anything here takes: running out of it is a failure

CONFERENCE = """
name = "Vårkonferensen"
organiser = "Föreningen"
time_zone = "Europe/Stockholm"
languages = ["sv", "en"]

[[rooms]]
id = "plenum"
title = "Plenum"

[[rooms]]
id = "grupp"
title = "Grupprum"

[[sessions]]
id = "s1"
title = "Folkstyrelse och rättssäkerhet"
kind = "plenary"
start = "2026-03-25 09:00"
end = "2026-03-25 10:00"
room = "plenum"

[[sessions]]
id = "s2"
title = "Årsmöte"
kind = "assembly"
start = "2026-03-25 10:00"
end = "2026-03-25 11:00"
room = "plenum"

[[sessions]]
id = "s3"
title = "Gruppsamtal"
kind = "breakouts"
start = "2026-03-25 11:00"
end = "2026-03-25 12:00"
room = "grupp"
"""

PEOPLE = {
    "anna": ("Anna Ek", "attendee"),
    "bo": ("Bo Lind", "attendee"),
    "siri": ("Siri Berg", "speaker"),
    "mona": ("Mona Dahl", "moderator"),
    "britt": ("Britt Holm", "board"),
}


class Client:
    """One tab: sends frames, collects what comes back. `frames` has everything heard."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.name = name
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._ids = 0
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                async with self._news:
                    self.frames.append(json.loads(text))
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        async with self._news:
            self.close_code = self.socket.close_code
            self._news.notify_all()

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def hello(self, follow: dict[str, int] | None = None, *, visible: bool = True) -> dict[str, Any]:
        await self.send({"type": "hello", "client": self.name, "follow": follow or {}, "visible": visible})
        return await self.heard("welcome")

    async def follow(self, stream: str, since: int = 0) -> None:
        await self.send({"type": "follow", "stream": stream, "since": since})

    async def do(self, stream: str, command: dict[str, Any], number: int | None = None) -> dict[str, Any]:
        """The answer to a command: an `ack` or a `refused` frame."""
        if number is None:
            self._ids += 1
            number = self._ids
        await self.send({"type": "do", "id": number, "stream": stream, "command": command})
        return await self.until(lambda f: f["type"] in ("ack", "refused") and f.get("id") == number)

    async def heard(self, kind: str, **fields: Any) -> dict[str, Any]:
        return await self.until(lambda f: f["type"] == kind and all(f.get(k) == v for k, v in fields.items()))

    async def event(self, kind: str) -> dict[str, Any]:
        return await self.until(lambda f: f["type"] == "event" and f["event"]["type"] == kind)

    async def until(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first frame that matches, heard already or still to come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            while True:
                for frame in self.frames:
                    if matches(frame):
                        return frame
                if self.close_code is not None:
                    raise AssertionError(f"closed with {self.close_code}; heard {self.frames[-5:]}")
                await self._news.wait()

    async def closed(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    def events(self, stream: str) -> list[tuple[int, str]]:
        """Sequence number and type of every event heard of a stream, in order."""
        return [(f["seq"], f["event"]["type"]) for f in self.frames if f["type"] == "event" and f["stream"] == stream]

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


class Running:
    """A server that runs: its services, its address, and clients of its people."""

    def __init__(self, services: Services, port: int) -> None:
        self.services = services
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._clients: list[Client] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.close()

    async def cookie(self, person_id: str) -> str:
        """A signed-in browser's cookie."""
        token = await self.services.identity.issue(person_id)
        async with self._browser() as browser:
            answer = await browser.get(f"/join/{token}")
        return answer.cookies[COOKIE]

    async def browser(self, person_id: str | None = None) -> httpx.AsyncClient:
        """A browser without scripts; the caller closes it."""
        cookies = {COOKIE: await self.cookie(person_id)} if person_id else {}
        return self._browser(cookies=cookies, headers={"Origin": self.url})

    def _browser(self, **more: Any) -> httpx.AsyncClient:
        """It meets no TLS here, and need not read every authority's certificate, which takes longer than the tests do."""
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS, verify=False, **more)

    async def connect(self, person_id: str | None, name: str = "", headers: dict[str, str] | None = None) -> Client:
        """A connected tab that has not said hello."""
        more = dict(headers or {})
        if person_id is not None:
            more["Cookie"] = f"{COOKIE}={await self.cookie(person_id)}"
        more.setdefault("Origin", self.url)
        address, patience = f"ws://127.0.0.1:{self._port}/socket", PATIENCE_SECONDS
        socket = await connect(
            address, open_timeout=patience, ping_timeout=patience, additional_headers=more, compression=None
        )
        client = Client(socket, name or uuid4().hex[:12])
        self._clients.append(client)
        return client

    async def client(self, person_id: str, follow: Iterable[str] = ("conference",), name: str = "") -> Client:
        """A tab of a person's that follows streams from their beginning, and has their snapshots."""
        client = await self.connect(person_id, name)
        await client.hello(dict.fromkeys(follow, 0))
        for stream in follow:
            await client.heard("snapshot", stream=stream)
        return client

    async def go_live(self, session_id: str = "s1") -> None:
        """Takes a session live, as the moderator would."""
        mona = next(person for person in self.services.people.all() if "moderator" in person.roles)
        actor = self.services.people.actor(mona)
        await self.services.streams.handle(m.CONFERENCE, actor, m.SessionPrepare(session_id))
        await self.services.streams.handle(m.CONFERENCE, actor, m.SessionGoLive(session_id))


class Server(uvicorn.Server):
    """Notices at once that it shall end, and that all have gone: uvicorn itself looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), 1.0)

    async def shutdown(self, sockets: list[Socket] | None = None) -> None:
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await until(lambda: not self.server_state.connections and not self.server_state.tasks)
        for listening in self.servers:
            await listening.wait_closed()
        await self.lifespan.shutdown()

    def leave(self) -> None:
        self.should_exit = True
        self.leaving.set()


@contextlib.asynccontextmanager
async def running(
    directory: Path, *, engine: MediaEngine | None = None, now: Clock = utc_now, **settings: Any
) -> AsyncIterator[Running]:
    """Starts a server on a conference in `directory`, which is made if it is empty; stops it in the end."""
    if not (directory / "conference.toml").exists():
        (directory / "conference.toml").write_text(CONFERENCE)
    chosen = Settings(directory=directory, media_port=0, **settings)
    app = create_app(chosen, engine=engine or FakeEngine(), now=now)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=cast(Any, guarded(app.state.door, chosen)),
        ws=FrameProtocol,
        ws_max_size=chosen.message_bytes,
        proxy_headers=False,
        log_config=None,
        access_log=False,
        lifespan="on",
    )
    server = Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done())
        if task.done():
            await task
            raise AssertionError("the server did not start")
        services: Services = server.lifespan.state["services"]
        await add_people(services)
        async with Running(services, server.servers[0].sockets[0].getsockname()[1]) as run:
            yield run
    finally:
        server.leave()
        await task


async def add_people(services: Services) -> None:
    """The five people of `PEOPLE`, unless they are there."""
    rows = [
        {"id": key, "name": name, "email": f"{key}@example.org", "roles": roles, "municipality": "Knivsta"}
        for key, (name, roles) in PEOPLE.items()
        if services.people.get(key) is None
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(people), rows)

    if rows:
        await services.database.write(work)
        await services.people.load()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for a condition, looking again often."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            result = condition()
            if isinstance(result, Awaitable):
                result = await result
            if result:
                return
            await asyncio.sleep(0.005)

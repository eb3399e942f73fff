"""SIGKILL at random moments while clients ask and answer: what was acknowledged is there exactly once, and nobody's stream
has a gap or a duplicate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rooms import messages as m
from server.database import Database
from server.identity import COOKIE
from server.journal import Journal
from tests.server.running import CONFERENCE, until

S1 = "session/s1"
PEOPLE = 6
KILLS = 3
ASKED = 10  # questions between two of them, at least
WAITING = 20  # commands of a person without an answer, at most
SEED = 20260325


class Server:
    """`plenum run` in a process of its own, on a port that stays."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: asyncio.subprocess.Process | None = None

    async def plenum(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *arguments, stdout=asyncio.subprocess.PIPE, env=self._environment()
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return output.decode()

    async def start(self) -> None:
        arguments = ("-m", "server", "run", "-C", str(self.directory), "--port", str(self.port))
        self.process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=self._environment())
        async with httpx.AsyncClient(timeout=60) as browser, asyncio.timeout(120):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await browser.get(f"{self.url}/healthz")).status_code == 200:
                        return
                assert self.process.returncode is None, "the server ended by itself"
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(60):
                await self.process.wait()
        finally:
            if self.process.returncode is None:
                await self.kill()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PLENUM_MEDIA_PORT": "0", "PLENUM_MESSAGES_PER_SECOND": "1000"}


class Participant:
    """A browser's protocol.js in Python: reconnects, resumes, sends again what was not acknowledged."""

    def __init__(self, server: Server, name: str, cookie: str) -> None:
        self.server, self.name, self.cookie = server, name, cookie
        self.seq = 0
        self.heard: list[int] = []
        self.snapshots: list[int] = []
        self.unanswered: dict[int, dict[str, Any]] = {}
        self.acknowledged: dict[int, dict[str, Any]] = {}
        self.refused: Counter[str] = Counter()
        self._ids = 0
        self._socket: ClientConnection | None = None
        self._task = asyncio.create_task(self._live())

    async def do(self, command: dict[str, Any]) -> int:
        self._ids += 1
        self.unanswered[self._ids] = command
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(self._frame(self._ids))
        return self._ids

    async def on_event(self, event: dict[str, Any]) -> None:
        """The moderator publishes whatever is asked, so that everybody can go on asking."""
        if event["type"] == "question.asked" and self.name == "mona":
            await self.do({"type": "question.publish", "question_id": event["question"]["id"]})

    async def settled(self) -> None:
        await until(lambda: not self.unanswered)

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _frame(self, number: int) -> str:
        return json.dumps({"type": "do", "id": number, "stream": S1, "command": self.unanswered[number]})

    async def _live(self) -> None:
        headers = {"Cookie": f"{COOKIE}={self.cookie}", "Origin": self.server.url}
        while True:
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                address = self.server.url.replace("http", "ws") + "/socket"
                async with connect(address, open_timeout=60, additional_headers=headers, compression=None) as self._socket:
                    await self._converse(self._socket)
            self._socket = None
            await asyncio.sleep(0.05)

    async def _converse(self, connection: ClientConnection) -> None:
        await connection.send(json.dumps({"type": "hello", "client": self.name, "follow": {S1: self.seq}, "visible": True}))
        for number in sorted(self.unanswered):
            await connection.send(self._frame(number))
        async for text in connection:
            frame = json.loads(text)
            if frame["type"] == "event":
                self.heard.append(frame["seq"])
                self.seq = frame["seq"]
                await self.on_event(frame["event"])
            elif frame["type"] == "snapshot":
                self.snapshots.append(frame["seq"])
                self.seq = frame["seq"]
            elif frame["type"] == "caught_up":
                self.seq = max(self.seq, frame["seq"])
            elif frame["type"] == "ack":
                self.acknowledged[frame["id"]] = self.unanswered.pop(frame["id"], self.acknowledged.get(frame["id"], {}))
            elif frame["type"] == "refused" and frame["id"] is not None:
                self.refused[frame["code"]] += 1
                self.unanswered.pop(frame["id"], None)


@contextlib.asynccontextmanager
async def a_live_session(directory: Path) -> AsyncIterator[tuple[Server, Participant, list[Participant]]]:
    """A server with a moderator and participants in a session that is live, with an open anonymous poll."""
    (directory / "conference.toml").write_text(CONFERENCE)
    rows = ["name;email;municipality;roles", "Mona Dahl;mona@example.org;Knivsta;moderator"]
    rows += [f"Person {n};p{n}@example.org;Knivsta;attendee" for n in range(PEOPLE)]
    (directory / "people.csv").write_text("\n".join(rows))
    server = Server(directory)
    await server.plenum("people", "import", str(directory / "people.csv"), "-C", str(directory))
    links = json.loads(await server.plenum("links", "--json", "-C", str(directory)))
    await server.start()
    people = []
    for link in links:
        async with httpx.AsyncClient(timeout=60) as browser:
            answer = await browser.get(server.url + "/join/" + link["url"].rpartition("/")[2])
        people.append((link["email"], answer.cookies[COOKIE]))
    participants = {email: Participant(server, email.partition("@")[0], cookie) for email, cookie in people}
    mona = participants.pop("mona@example.org")
    try:
        await _conference_commands(server, dict(people)["mona@example.org"])
        for command in (
            {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": True},
            {"type": "poll.open", "poll_id": "s1-p1"},
        ):
            await mona.do(command)
        await mona.settled()
        yield server, mona, list(participants.values())
    finally:
        for participant in (mona, *participants.values()):
            await participant.stop()
        await server.stop()


async def _conference_commands(server: Server, cookie: str) -> None:
    headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": server.url}
    address = server.url.replace("http", "ws") + "/socket"
    async with connect(address, open_timeout=60, additional_headers=headers, compression=None) as connection:
        await connection.send(json.dumps({"type": "hello", "client": "desk", "follow": {}, "visible": True}))
        for number, kind in enumerate(("session.prepare", "session.go_live")):
            command = {"type": kind, "session_id": "s1"}
            await connection.send(json.dumps({"type": "do", "id": number, "stream": "conference", "command": command}))
            while (frame := json.loads(await connection.recv()))["type"] not in ("ack", "refused"):
                pass
            assert frame["type"] == "ack"


@pytest.mark.timeout(600)  # a start takes seconds on a busy machine
async def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    async with a_live_session(tmp_path) as (server, mona, people):
        asking = [asyncio.create_task(_ask_and_answer(person, random.Random(SEED + n))) for n, person in enumerate(people)]
        for kills in range(1, KILLS + 1):
            await until(lambda least=kills * ASKED: len(_texts(people)) >= least)  # type: ignore[misc]
            await asyncio.sleep(moments.uniform(0.0, 0.9))  # the moment of death is the point of the test
            await server.kill()
            await server.start()
        for task in asking:
            task.cancel()
        for person in people:
            await person.settled()
        await mona.do({"type": "poll.close", "poll_id": "s1-p1"})
        await mona.settled()
        await server.stop()
        await _compare(server, mona, people)


async def _ask_and_answer(person: Participant, choice: random.Random) -> None:
    """About fifty commands a second each: questions (most refused as too many, which is an answer too) and answers. Nobody
    goes on while so much waits for an answer that a slow server, started anew, would have no end of it."""
    while True:
        await until(lambda: len(person.unanswered) < WAITING)
        if choice.random() < 0.3:
            await person.do({"type": "question.ask", "text": f"{person.name} {person._ids + 1}"})
        else:
            await person.do({"type": "poll.answer", "poll_id": "s1-p1", "option": choice.randrange(2)})
        await asyncio.sleep(0.02)


def _texts(people: list[Participant]) -> set[str]:
    """The questions that were acknowledged."""
    return {
        command["text"] for person in people for command in person.acknowledged.values() if command["type"] == "question.ask"
    }


async def _compare(server: Server, mona: Participant, people: list[Participant]) -> None:
    database = Database(server.directory / "data" / "plenum.db")
    await database.open()
    entries = await Journal(database).read(S1)
    await database.close()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))

    asked = Counter(entry.event.question.text for entry in entries if isinstance(entry.event, m.QuestionAsked))
    acknowledged = _texts(people)
    assert len(acknowledged) >= ASKED * KILLS, "the test has to ask something"
    assert all(asked[text] == 1 for text in acknowledged)
    assert set(asked.values()) == {1}

    answered = sum(any(c["type"] == "poll.answer" for c in person.acknowledged.values()) for person in people)
    counted = [entry.event.counts for entry in entries if isinstance(entry.event, m.PollCounted)]
    assert [sum(counts) for counts in counted] == [answered]

    for person in (mona, *people):
        assert person.heard == sorted(set(person.heard)), "events twice or out of order"
        assert len(person.snapshots) <= 1 + KILLS
    first = mona.snapshots[0]
    assert mona.heard == [n for n in range(first + 1, len(entries) + 1) if n <= mona.heard[-1]], "the moderator missed one"

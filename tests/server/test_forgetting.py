"""Somebody is erased by the command line while the conference goes on: the server lets go of them, and of all it knows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.postgres import PostgresServer
from rooms import messages as m
from server.privacy.forgetting import Forgetting
from server.privacy.former import new_former
from server.tables import people
from tests.server.running import Client, Running, running, until

WORDS = ("Siri Berg", "siri@example.org", "p00c0ffee00c0ffee")
WHO = WORDS[2]


async def plenum(directory: Path, place: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a process of its own."""
    environment = {**os.environ, "PLENUM_DATABASE_URL": place if isinstance(place, str) else ""}
    command = [sys.executable, "-m", "server", *arguments, "-C", str(directory)]
    return await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)


async def rename(run: Running) -> None:
    """Siri gets an id as people have them."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(people).where(people.c.id == "siri").values(id=WHO))

    await run.services.database.write(work)
    await run.services.people.load()


async def act(run: Running) -> tuple[Client, Client]:
    """Siri and Anna in a session; Siri is on stage, has asked, voted and answered, and sits in a room with Anna."""
    await run.go_live()
    siri, anna = [await run.client(who, ("conference", "session/s1")) for who in (WHO, "anna")]
    mona = await run.client("mona", ("session/s1",))
    await siri.do("session/s1", {"type": "stage.enter"})
    for client, text in ((siri, "Jag, Siri Berg, undrar"), (anna, "Varför?")):
        assert (await client.do("session/s1", {"type": "question.ask", "text": text}))["type"] == "ack"
    for question_id in ("s1-q1", "s1-q2"):
        await mona.do("session/s1", {"type": "question.publish", "question_id": question_id})
        await siri.do("session/s1", {"type": "question.vote", "question_id": question_id, "up": True})
    for anonymous in (False, True):
        draft = {"type": "poll.draft", "title": "Hur?", "options": ["Ja", "Nej"], "anonymous": anonymous}
        await mona.do("session/s1", draft)
    for poll_id in list(run.services.streams.room("s1").polls):
        await mona.do("session/s1", {"type": "poll.open", "poll_id": poll_id})
        await siri.do("session/s1", {"type": "poll.answer", "poll_id": poll_id, "option": 1})
    for command in (m.BreakoutsPlan(m.BreakoutPlan("list"), (m.DraftRoom(people=(WHO, "anna")),)), m.BreakoutsOpen()):
        await run.services.streams.handle("breakouts/s1", m.SYSTEM, command)
    await anna.until(lambda frame: frame["type"] == "tally" and frame["votes"].get("s1-q2") == 1)
    return siri, anna


def room_of(client: Client) -> dict[str, Any]:
    """The last snapshot of the session that a page has got."""
    found: dict[str, Any] = [f for f in client.frames if f["type"] == "snapshot" and f["stream"] == "session/s1"][-1]
    return found


async def test_who_is_erased_is_disconnected_and_left_nowhere(
    place: Path | str, tmp_path: Path, stored: Callable[[], dict[str, bytes]], request: pytest.FixtureRequest
) -> None:
    directory = tmp_path / "conference"
    directory.mkdir()
    (directory / "people.csv").write_text(f"name,email\nBo Lind,bo@example.org\nSiri Berg,{WORDS[1]}\n")
    settings: dict[str, Any] = {"database_url": place} if isinstance(place, str) else {}
    async with running(directory, **settings) as run:
        await rename(run)
        siri, anna = await act(run)
        done = await plenum(directory, place, "person", "erase", WORDS[1], "--yes")
        assert (done.returncode, done.stderr) == (0, "")
        assert await siri.closed() == 4401
        await until(lambda: not run.services.streams.room("s1").stage)
        await anna.event("stage.left")
        await until(lambda: run.services.streams.breakouts("s1").rooms["b1"].people == ("anna",))
        left = room_of(anna)
        assert (left["people"].values(), left["state"]["questions"]["s1-q1"]["text"]) != ([], "")
        assert not [word for word in WORDS if word in str(left)]
        assert run.services.ballots.votes("s1-q1") == 1  # of somebody
        assert [run.services.ballots.answered(key) for key in run.services.streams.room("s1").polls] == [0, 0]
        late = await run.client("bo", ("session/s1",))
        assert not [word for word in WORDS if word in str(late.frames)]
        await until(lambda: not _forgetting(run)._leaving)  # and again, for what was being written just then
        backup = await plenum(directory, place, "backup", "--to", str(tmp_path))
        assert backup.returncode == 0, backup.stderr
    files = stored()
    assert not _found(files)
    assert [b"Bo Lind" in content for name, content in files.items() if name.endswith(".tar")] == [True]
    assert not _found({path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()})
    if isinstance(place, str):
        server: PostgresServer = request.getfixturevalue("postgres")
        address: str = place
        schema = str.rpartition(address, "=")[2]
        where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", "plenum", "-n", schema)
        dump = server._run("pg_dump", *where, "postgres")
        assert "Bo Lind" in dump and not [word for word in WORDS if word in dump]


def _forgetting(run: Running) -> Forgetting:
    """The server's own, which nobody else needs."""
    note: Any = run.services.people.on_gone
    found: Forgetting = note.__self__
    return found


def _found(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(name, word) for name, content in files.items() for word in WORDS if word.encode() in content]


async def test_a_command_that_was_under_way_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna = await run.client("anna", ("session/s1",))
        run.services.people._by_id.pop("anna")
        answer = await anna.do("session/s1", {"type": "question.ask", "text": "Är jag här?"})
        assert (answer["type"], answer["code"]) == ("refused", "not_signed_in")


async def test_who_is_erased_may_sit_in_a_session_that_left_the_programme(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        former, streams = new_former(), run.services.streams
        for command in (m.BreakoutsPlan(m.BreakoutPlan("list"), (m.DraftRoom(people=(former, "anna")),)), m.BreakoutsOpen()):
            await streams.handle("breakouts/s1", m.SYSTEM, command)
        programme = streams.conference.programme
        assert programme is not None
        await streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(replace(programme, sessions=programme.sessions[1:])))
        await _forgetting(run)._project_anew()
        await streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(programme))
        await _forgetting(run)._project_anew()
        assert streams.breakouts("s1").rooms["b1"].people == ("anna",)

"""Backups: a moment of a running conference comes back elsewhere, whole, and tells no secret; and what can go wrong while
one is made. Neighbour: `test_restore`."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server import backup
from server.archive import opened
from server.backup import back_up, place, remove_older, without_secrets
from server.database import Database
from server.export import KINDS
from server.restore import restore
from server.settings import Settings
from server.tables import answers, survey_answers
from server.vault import Vault
from tests.server.board_day import FULL_DAY, at, write_events, write_rows
from tests.server.conftest import Command
from tests.server.kept_day import FILMS, NOW, ROOM, S1, SECRET, a_full_day, made
from tests.server.running import CONFERENCE, Running, running, until

# Every page and every table, with what is in it for whom.
PAGES: Final = (
    *("/", "/lobby", "/check", "/library", "/me", "/privacy", "/survey", "/board", "/api/board", "/board.csv", "/desk"),
    *(f"/{page}/{plan.id}" for page in ("session", "desk") for plan in FULL_DAY),
    *(f"/api/people?session={plan.id}" for plan in FULL_DAY),
    *(f"/export/{what}.{form}" for what in KINDS for form in ("csv", "json")),
    *(f"/recordings/{name}.mp4" for name in ("rule-of-law-r1", "rule-of-law-r2")),
)


async def every_page(run: Running) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Status and content of every page for everybody, less what is new each time."""
    found = {}
    for person_id in (None, "anna", "mona", "britt"):
        async with await run.browser(person_id) as browser:
            for page in PAGES:
                answer = await browser.get(page)
                content = re.sub(rb'nonce-?="?[A-Za-z0-9_=-]+"?', b"", answer.content).replace(run.url.encode(), b"")
                found[(person_id or "", page)] = answer.status_code, content
    return found


@pytest.mark.parametrize("way", ["sqlite to postgresql", "postgresql to sqlite"])
async def test_every_page_every_export_and_every_recording_is_what_it_was(
    tmp_path: Path, postgres_place: str, way: str
) -> None:
    urls = {"sqlite": "", "postgresql": postgres_place}
    source, target = (urls[name] for name in way.split(" to "))
    here, there = (
        Settings(directory=tmp_path / name, database_url=url) for name, url in (("here", source), ("there", target))
    )
    await a_full_day(here.directory, here)
    async with running(here.directory, now=lambda: NOW, database_url=source, secret=SECRET) as run:
        before = await every_page(run)
        manifest = await back_up(run.services.database, here, tmp_path / "backup.tar", NOW)
    assert await restore(tmp_path / "backup.tar", there) == manifest
    assert {path.name: path.read_bytes() for path in there.recordings.iterdir()} == FILMS
    assert (there.data / "plenum.db").exists() is not bool(target)
    for name in ("conference.toml", "people.csv"):
        assert (there.directory / name).read_bytes() == (here.directory / name).read_bytes()
    async with running(there.directory, now=lambda: NOW, database_url=target, secret=SECRET) as run:
        after = await every_page(run)
    assert {key for key, page in before.items() if page != after[key]} == set()
    assert {page for (_, page), (status, _) in before.items() if status == 200} == set(PAGES), (
        "none of them is only a refusal"
    )


async def cli(*arguments: str, **more: str) -> tuple[int, str]:
    """`plenum` in a process of its own; its status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **more},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_backup_of_a_running_conference_is_a_moment_of_it(tmp_path: Path, place: Path | str) -> None:
    """Everything acknowledged before it began is in it, and of what came later a beginning without gaps."""
    url = place if isinstance(place, str) else ""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    async with running(here, database_url=url) as run:
        await run.go_live()
        mona, anna = [await run.client(who, ("conference", S1)) for who in ("mona", "anna")]
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        drafted, options, stop = list[str](), list[int](), asyncio.Event()

        async def draft() -> None:
            while not stop.is_set() and len(drafted) < 90:
                title = f"Förslag {len(drafted)}"
                command = {"type": "poll.draft", "title": title, "options": ["Ja", "Nej"], "anonymous": False}
                assert (await mona.do(S1, command))["type"] == "ack"
                drafted.append(title)
                await asyncio.sleep(0.05)  # as fast as one may

        async def answer() -> None:
            while not stop.is_set():
                option = (len(options) + 1) % 2
                command = {"type": "poll.answer", "poll_id": "s1-p1", "option": option}
                assert (await anna.do(S1, command))["type"] == "ack"
                options.append(option)
                await asyncio.sleep(0.05)

        working = [asyncio.create_task(draft()), asyncio.create_task(answer())]
        await until(lambda: len(drafted) > 5 and len(options) > 5)
        sure = list(drafted)
        environment = {"PLENUM_DATABASE_URL": url} if url else {}
        status, told = await cli("backup", "-C", str(here), "--to", str(tmp_path / "b.tar"), **environment)
        assert status == 0, told
        later = len(drafted)
        await until(lambda: len(drafted) > later + 2 or len(drafted) == 90)
        stop.set()
        await asyncio.gather(*working)
        final = [entry.body for entry in await run.services.journal.read(S1)]

    settings = Settings(directory=there)
    await restore(tmp_path / "b.tar", settings)
    async with running(there) as run:
        entries = [entry.body for entry in await run.services.journal.read(S1)]
        assert entries == final[: len(entries)]
        polls = list(run.services.streams.room("s1").polls.values())
        assert [poll.title for poll in polls][1 : 1 + len(sure)] == sure
        assert run.services.ballots.answered("s1-p1") == 1
        mona = await run.client("mona", ("conference", S1))  # and it goes on
        assert (await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"}))["type"] == "ack"
        await until(lambda: sum(run.services.streams.room("s1").polls["s1-p1"].counts or ()) == 1)


async def voters(database: Database) -> set[str]:
    async def work(connection: AsyncConnection) -> set[str]:
        found = {*(await connection.execute(select(answers.c.voter))).scalars()}
        return found | {*(await connection.execute(select(survey_answers.c.voter))).scalars()}

    return await database.read(work)


async def test_secret_ballots_stay_secret_and_those_that_are_open_are_voted_on_again(
    tmp_path: Path, place: Path | str
) -> None:
    url = place if isinstance(place, str) else ""
    here, there = Settings(directory=tmp_path / "here", database_url=url), Settings(directory=tmp_path / "there")
    here.directory.mkdir()
    async with running(here.directory, database_url=url) as run:
        await run.go_live()
        mona = await run.client("mona", ("conference", S1))
        people = [await run.client(who, ("conference", S1)) for who in ("anna", "bo", "siri")]
        for number in (1, 2):
            await mona.do(S1, {"type": "poll.draft", "title": "Vem?", "options": ["A", "B"], "anonymous": True})
            await mona.do(S1, {"type": "poll.open", "poll_id": f"s1-p{number}"})
            for option, client in enumerate(people):
                await client.do(S1, {"type": "poll.answer", "poll_id": f"s1-p{number}", "option": option % 2})
            if number == 1:
                await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
                await until(lambda: run.services.streams.room("s1").polls["s1-p1"].counts == (2, 1))
        await mona.do("conference", {"type": "survey.open"})
        async with await run.browser("anna") as browser:
            form = {"conference": "4", "association": "3", "comment": "Bra dag"}
            assert (await browser.post("/survey", data=form)).status_code == 303
        await until(lambda: (here.data / "keys" / "survey.key").exists() or bool(url))
        hidden = await voters(run.services.database) - {f"{number:06}" for number in range(9)}
        assert len(hidden) == 4
        keys = [path.read_bytes() for path in here.data.rglob("*.key")]
        manifest = await back_up(run.services.database, here, tmp_path / "b.tar", NOW)
    told = "; ".join(manifest.left_out)
    assert "poll s1-p2: it is open and secret" in told and "evaluation" in told and "s1-p1" not in told
    content = (tmp_path / "b.tar").read_bytes()
    assert not any(voter.encode() in content for voter in hidden)
    assert not any(key in content or key.hex().encode() in content for key in keys)

    await restore(tmp_path / "b.tar", there)
    async with running(there.directory) as run:
        ballots = run.services.ballots
        assert (ballots.answered("s1-p1"), ballots.answered("s1-p2")) == (3, 0)
        assert [row.comment for row in await ballots.survey_rows()] == ["Bra dag"]
        anna, mona = [await run.client(who, ("conference", S1)) for who in ("anna", "mona")]
        for option in (0, 1):  # one answer each, changed
            await anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p2", "option": option})
        assert ballots.answered("s1-p2") == 1


async def test_a_poll_that_is_closed_and_not_yet_forgotten_is_forgotten_in_the_backup(tmp_path: Path) -> None:
    """Killed between the two: the keyed hashes are still there. And too few answers are as good as none."""
    settings = Settings(directory=tmp_path / "here")
    settings.directory.mkdir()
    (settings.directory / "conference.toml").write_text(CONFERENCE)
    database, vault = Database(settings.database), Vault(settings.data / "keys")
    await database.open()
    for poll_id, count in (("s1-p1", 4), ("s1-p2", 2)):
        vault.ensure(poll_id)
        poll = m.Poll(poll_id, "Vem?", ("A", "B"), anonymous=True)
        opened_poll = replace(poll, phase="open", opened_at=at(1))
        await write_events(database, S1, m.PollDrafted(poll), m.PollOpened(opened_poll), m.PollClosed(poll_id, at(2)))
        rows = [{"poll_id": poll_id, "voter": vault.voter(poll_id, f"p{n}"), "option": (n + 1) % 2} for n in range(count)]
        await write_rows(database, answers, rows)
    await back_up(database, settings, tmp_path / "b.tar", NOW)
    await database.close()
    with opened(tmp_path / "b.tar") as reader:
        reader.extract(next(file for file in reader.manifest.files if file.name == "plenum.db"), tmp_path / "x.db")
    with closing(sqlite3.connect(tmp_path / "x.db")) as found:
        left = found.execute("SELECT * FROM answers ORDER BY voter").fetchall()
    assert left == [("s1-p1", f"{number:06}", option) for number, option in enumerate((0, 0, 1, 1))]


async def test_recordings_that_are_being_made_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    settings = Settings(directory=tmp_path / "here")
    await a_full_day(settings.directory, settings)
    database = Database(settings.database)
    await database.open()
    await write_events(database, f"session/{ROOM}", m.RecordingStarted(f"{ROOM}-r3", "m1", at(70)))
    await database.close()
    (settings.recordings / f"{ROOM}-r3.mp4").write_bytes(b"half")
    (settings.recordings / "rule-of-law-r2.mp4").unlink()
    (settings.recordings / "notes.txt").write_text("not ours")
    manifest = await made(settings, tmp_path / "b.tar")
    names = {file.name for file in manifest.files if file.name.startswith("recordings/")}
    assert names == {"recordings/rule-of-law-r1.mp4", "recordings/rule-of-law-r1.webm"}
    assert f"recording {ROOM}-r3: it is still being made" in manifest.left_out
    assert f"recording {ROOM}-r2: its file is not there" in manifest.left_out


def test_settings_are_kept_without_the_secrets_in_them() -> None:
    text = 'port = 8080 # pages\r\nsecret = "0123456789abcdef0123456789abcdef"\nturn_secret_file = "turn"\n'
    changed, hidden = without_secrets(text + "database_url_file = 'db'\nmetrics_token = 'abcdefgh12345678'")
    assert hidden == ("secret", "database_url_file", "metrics_token")
    assert changed is not None and 'turn_secret_file = "turn"' in changed and "port = 8080" in changed
    assert not any(word in changed for word in ("0123456789abcdef", "'db'", "abcdefgh12345678"))
    over_two_lines = 'secret = """0123456789abcdef\n0123456789abcdef"""\n'
    assert without_secrets(over_two_lines) == (None, ("secret",))
    assert without_secrets('secret = "0123456789abcdef"\nhost = "0123456789abcdef"')[0] is None
    assert without_secrets("no = [toml") == (None, ())


async def test_the_servers_secret_is_not_in_it_and_links_go_on_working(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    token = "abcdefgh12345678"
    (here / "plenum.toml").write_text(f'metrics_token = "{token}"\nheartbeat_seconds = 5.0\n')
    async with running(here) as run:
        link = await run.services.identity.issue("anna")
        secret_key = (here / "data" / "secret.key").read_bytes()
        await back_up(run.services.database, run.services.settings, tmp_path / "b.tar", NOW)
    content = (tmp_path / "b.tar").read_bytes()
    assert not any(word in content for word in (token.encode(), secret_key, link.encode()))
    await restore(tmp_path / "b.tar", Settings(directory=tmp_path / "there"))
    assert Settings.from_environment({}, directory=tmp_path / "there").heartbeat_seconds == 5
    async with running(tmp_path / "there") as run, await run.browser() as browser:
        assert (await browser.get(f"/join/{link}")).headers["location"] == "/lobby"


# --- what can go wrong while it is made ---


def large_conference(directory: Path, room: int) -> Settings:
    """One whose recording takes a while to copy; nothing of it is on the disk."""
    settings = Settings(directory=directory)
    asyncio.run(a_full_day(directory, settings))
    with (settings.recordings / "rule-of-law-r2.mp4").open("r+b") as file:
        file.truncate(room)
    return settings


def test_killed_in_the_middle_it_leaves_nothing_under_its_name_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    here, folder = tmp_path / "here", tmp_path / "backups"
    folder.mkdir()
    settings = large_conference(here, 64 << 30)  # far more than it gets to

    async def kill() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", "backup", "-C", str(here), "--to", str(folder)
        )
        await until(lambda: any(path.stat().st_size > 1 << 20 for path in folder.glob(".plenum-backup-*/.plenum.tar")))
        process.send_signal(signal.SIGKILL)
        await process.wait()

    asyncio.run(kill())
    assert [path.name.startswith(backup.WORK) for path in folder.iterdir()] == [True]
    (settings.recordings / "rule-of-law-r2.mp4").write_bytes(b"film")
    asyncio.run(made(settings, folder / "whole.tar"))
    assert [path.name for path in folder.iterdir()] == ["whole.tar"]


def test_another_backup_that_is_under_way_is_left_alone(tmp_path: Path) -> None:
    with backup._workplace(tmp_path) as first:
        with backup._workplace(tmp_path) as second:
            assert first.is_dir() and second.is_dir() and first != second
        assert first.is_dir()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", [20_000, 200_000])  # the database does not fit; a recording does not
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, command: Command, room: int) -> None:
    here, folder = tmp_path / "here", tmp_path / "backups"
    folder.mkdir()
    large_conference(here, 4 << 20)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        status, told = command("backup", "-C", str(here), "--to", str(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 2
    assert told.startswith("plenum: ") and told.count("\n") == 1, told
    assert not list(folder.iterdir())


def test_only_so_many_are_kept_of_this_conference_alone(tmp_path: Path) -> None:
    for day in range(1, 6):
        for name in ("spring", "spring-2"):
            (tmp_path / f"{name}-2026030{day}T020000Z.plenum.tar").touch()
    (tmp_path / "spring-notes.txt").touch()
    removed = remove_older(tmp_path, Path("/srv/spring"), 2)
    assert [path.name for path in removed] == [f"spring-2026030{day}T020000Z.plenum.tar" for day in (1, 2, 3)]
    assert len(list(tmp_path.iterdir())) == 8
    assert place(tmp_path, Path("/srv/vår konferens"), NOW).name == "v-r-konferens-20260325T130000Z.plenum.tar"
    with pytest.raises(FileExistsError):
        place(tmp_path / "spring-notes.txt", Path("/srv/spring"), NOW)

"""Backup and restore: a moment of a running conference comes back elsewhere, whole, and tells no secret."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import structlog
from msgspec.structs import replace
from sqlalchemy import LargeBinary, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server import backup, copying
from server.__main__ import main
from server.archive import ArchiveError, Manifest, Writer, opened
from server.backup import back_up, place, remove_older, without_secrets
from server.cli.failure import Failure
from server.cli.workspace import settings_of
from server.database import Database, DatabaseFailure
from server.database.schema import HEAD
from server.export import KINDS
from server.restore import check, restore
from server.settings import Settings
from server.tables import answers, survey_answers
from server.tables import events as events_table
from server.vault import Vault
from tests.server.board_day import FULL_DAY, at, conference_file, write_events, write_full_day, write_rows
from tests.server.running import CONFERENCE, Running, running, until

NOW: Final = datetime(2026, 3, 25, 13, tzinfo=UTC)
ROOM: Final = "rule-of-law"
FILMS: Final = {"rule-of-law-r1.mp4": os.urandom(300_000), "rule-of-law-r1.webm": b"webm", "rule-of-law-r2.mp4": b"film"}
S1: Final = "session/s1"
SECRET: Final = "0123456789abcdef" * 2  # so that links are the same, and with them what the pages say of them

# Every page and every table, with what is in it for whom.
PAGES: Final = (
    *("/", "/lobby", "/check", "/library", "/me", "/privacy", "/survey", "/board", "/api/board", "/board.csv", "/desk"),
    *(f"/{page}/{plan.id}" for page in ("session", "desk") for plan in FULL_DAY),
    *(f"/api/people?session={plan.id}" for plan in FULL_DAY),
    *(f"/export/{what}.{form}" for what in KINDS for form in ("csv", "json")),
    *(f"/recordings/{name}.mp4" for name in ("rule-of-law-r1", "rule-of-law-r2")),
)


Plenum = Callable[..., tuple[object, str]]


async def a_full_day(directory: Path, settings: Settings) -> None:
    """A day with everything in it, two recordings that are finished and one that is being made."""
    write_files(directory)
    database = Database(settings.database)
    await database.open()
    await write_full_day(database, people=40)
    named = {"poll_id": f"{ROOM}-p1", "option": 1}
    secret = [{"poll_id": f"{ROOM}-p2", "voter": f"{number:06}", "option": number // 2} for number in range(5)]
    await write_rows(database, answers, [*({**named, "voter": f"p{number}"} for number in range(9)), *secret])
    for number in (1, 2):
        recording_id = f"{ROOM}-r{number}"
        await write_events(database, f"session/{ROOM}", m.RecordingStarted(recording_id, "m1", at(60)))
        await write_events(database, f"session/{ROOM}", m.RecordingStopped(recording_id, at(70), ""))
        await write_events(database, f"session/{ROOM}", m.RecordingAvailable(recording_id, 600.0))
    await database.close()
    settings.recordings.mkdir(parents=True)
    for name, content in FILMS.items():
        (settings.recordings / name).write_bytes(content)


@pytest.fixture
def plenum(capsys: pytest.CaptureFixture[str]) -> Iterator[Plenum]:
    """Runs a command in this process; its status, and what it said."""
    logging = structlog.get_config()

    def run(*arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        told = capsys.readouterr()
        return left.value.code, told.out + told.err

    yield run
    structlog.configure(**logging)


def write_files(directory: Path) -> None:
    directory.mkdir()
    (directory / "conference.toml").write_text(conference_file(FULL_DAY))
    (directory / "people.csv").write_text("name;email\nAnna Ek;anna@example.org\n")


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


async def made(settings: Settings, path: Path) -> Manifest:
    database = Database(settings.database)
    await database.open()
    try:
        return await back_up(database, settings, path, NOW)
    finally:
        await database.close()


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
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, plenum: Plenum, room: int) -> None:
    here, folder = tmp_path / "here", tmp_path / "backups"
    folder.mkdir()
    large_conference(here, 4 << 20)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        status, told = plenum("backup", "-C", str(here), "--to", str(folder))
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


# --- what can go wrong when it is restored ---


@pytest.fixture
async def archive(tmp_path: Path) -> Path:
    settings = Settings(directory=tmp_path / "here")
    await a_full_day(settings.directory, settings)
    await made(settings, tmp_path / "b.tar")
    return tmp_path / "b.tar"


async def test_a_place_with_something_in_it_is_refused_and_left_alone(tmp_path: Path, archive: Path) -> None:
    settings = Settings(directory=tmp_path / "there")
    (settings.data / "empty").mkdir(parents=True)
    (settings.directory / "lost+found").mkdir()
    (settings.data / "secret.key").write_bytes(b"s" * 32)
    with pytest.raises(ArchiveError, match=r"secret\.key is there already"):
        await restore(archive, settings)
    (settings.data / "secret.key").unlink()
    await restore(archive, settings)
    with pytest.raises(ArchiveError, match="is there already"):
        await restore(archive, settings)


async def test_a_database_with_something_in_it_is_refused_and_no_file_stays(
    tmp_path: Path, archive: Path, postgres_place: str
) -> None:
    await restore(archive, Settings(directory=tmp_path / "one", database_url=postgres_place))
    (tmp_path / "two").mkdir()
    with pytest.raises(DatabaseFailure, match="something in the target"):
        await restore(archive, Settings(directory=tmp_path / "two", database_url=postgres_place))
    with pytest.raises(DatabaseFailure, match="cannot be reached"):
        url = "postgresql://plenum@127.0.0.1:1/plenum"
        await restore(archive, Settings(directory=tmp_path / "three" / "four", database_url=url))
    assert not list((tmp_path / "two").iterdir()) and not (tmp_path / "three").exists()


async def test_a_full_disk_leaves_nothing_in_the_database_either(tmp_path: Path, postgres_place: str) -> None:
    """Its programme is larger than anything else, and does not fit any more."""
    here = Settings(directory=tmp_path / "here")
    await a_full_day(here.directory, here)
    with (here.directory / "conference.toml").open("a") as file:
        file.write("# and so on\n" * 300_000)
    await made(here, tmp_path / "b.tar")
    there = Settings(directory=tmp_path / "there", database_url=postgres_place)
    with file_sizes(3_000_000), pytest.raises(OSError, match="File too large"):
        await restore(tmp_path / "b.tar", there)
    assert not there.directory.exists()
    await restore(tmp_path / "b.tar", there)


@contextmanager
def file_sizes(most: int) -> Iterator[None]:
    """No file of this process's grows beyond that."""
    before, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


def damage(archive: Path) -> None:
    """One bit in the middle of a recording."""
    content = bytearray(archive.read_bytes())
    content[content.index(FILMS["rule-of-law-r1.mp4"]) + 150_000] ^= 1
    archive.write_bytes(content)


async def test_damage_is_found_before_anything_is_written(tmp_path: Path, archive: Path) -> None:
    damage(archive)
    with pytest.raises(ArchiveError, match=r"rule-of-law-r1\.mp4. is damaged"):
        await restore(archive, Settings(directory=tmp_path / "there"))
    assert not (tmp_path / "there").exists()


async def test_a_restore_that_was_cut_off_is_no_conference(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by kill -9: nothing is tidied up."""
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        await restore(archive, Settings(directory=tmp_path / "there"))
    monkeypatch.undo()
    assert (tmp_path / "there" / "data" / "plenum.db").exists()
    with pytest.raises(Failure, match=r"there is no .*conference\.toml"):  # so says every command
        settings_of(tmp_path / "there")


def rebuilt(archive: Path, target: Path, database: Path, schema: str) -> Path:
    """The same backup with another database in it."""
    target.parent.mkdir(exist_ok=True)
    with opened(archive) as reader, target.open("wb") as file:
        writer = Writer(file)
        for number, each in enumerate(reader.manifest.files):
            path = target.parent / f"{number}"
            reader.extract(each, path)
            with (database if each.name == "plenum.db" else path).open("rb") as found:
                writer.add(each.name, found)
        writer.finish(replace(reader.manifest, schema=schema, files=tuple(writer.files)))
    return target


def load(dump: Path, path: Path) -> int:
    """Makes a database as a release left it; returns how many events are in it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text())
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


@pytest.mark.parametrize("dump", sorted((Path(__file__).parent / "released").glob("*.sql")), ids=lambda path: path.stem)
@pytest.mark.parametrize("back_end", ["sqlite", "postgresql"])
async def test_older_backups_are_brought_up_to_date(
    tmp_path: Path, archive: Path, dump: Path, back_end: str, postgres_place: str
) -> None:
    old = tmp_path / "old.db"
    events = load(dump, old)
    path = rebuilt(archive, tmp_path / "re" / "built.tar", old, "0001")
    settings = Settings(directory=tmp_path / "there", database_url=postgres_place if back_end == "postgresql" else "")
    await restore(path, settings)
    database = Database(settings.database)
    await database.open()

    async def work(connection: AsyncConnection) -> int:
        return len((await connection.execute(select(events_table))).all())

    assert await database.read(work) == events > 0
    await database.close()


async def test_newer_backups_are_refused_in_words(tmp_path: Path, archive: Path) -> None:
    path = rebuilt(archive, tmp_path / "re" / "built.tar", archive, "9999")
    with pytest.raises(ArchiveError, match="newer than this Plenum"):
        await restore(path, Settings(directory=tmp_path / "there"))
    assert not (tmp_path / "there").exists()


def test_the_commands(tmp_path: Path, archive: Path, plenum: Plenum) -> None:
    folder, there = tmp_path / "b", str(tmp_path / "there")
    status, told = plenum("backup", "-C", str(tmp_path / "here"), "--to", str(folder), "--keep", "3")
    assert status == 2 and "--keep needs a folder" in told
    folder.mkdir()
    status, told = plenum("backup", "-C", str(tmp_path / "here"), "--to", str(folder), "--keep", "3")
    assert status == 0 and "2 recordings" in told
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert plenum("restore", str(path), "--check")[0] == 0
    assert plenum("restore", str(path))[0] == 2
    status, told = plenum("restore", str(path), "-C", there)
    assert status == 0 and "in SQLite" in told
    assert check(path).conference == "Vårkonferensen 2026" and check(path).schema == HEAD
    status, told = plenum("restore", str(path), "-C", there)
    assert status == 2 and told.startswith("plenum: ") and "is there already" in told


def test_no_table_of_keys_is_ever_copied() -> None:
    """Who adds one thinks of this: keys are bytes, and nothing else is but events, figures and notes."""
    columns = (column for table in copying.TABLES for column in table.columns)
    assert {str(column) for column in columns if isinstance(column.type, LargeBinary)} <= {
        "events.body",
        "kept_figures.body",
        "notes.state",
    }
    assert {"vault", "commits"}.isdisjoint(table.name for table in copying.TABLES)

"""What can go wrong when a backup is restored. That everything comes back: `test_backup`."""

from __future__ import annotations

import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import LargeBinary, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import copying
from server.archive import ArchiveError, Writer, opened
from server.cli.failure import Failure
from server.cli.opening import settings_of
from server.database import Database, DatabaseFailure
from server.database.schema import HEAD
from server.restore import check, restore
from server.settings import Settings
from server.tables import events as events_table
from tests.server.conftest import Command
from tests.server.kept_day import FILMS, a_full_day, made


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


def test_the_commands(tmp_path: Path, archive: Path, command: Command) -> None:
    folder, there = tmp_path / "b", str(tmp_path / "there")
    status, told = command("backup", "-C", str(tmp_path / "here"), "--to", str(folder), "--keep", "3")
    assert status == 2 and "--keep needs a folder" in told
    folder.mkdir()
    status, told = command("backup", "-C", str(tmp_path / "here"), "--to", str(folder), "--keep", "3")
    assert status == 0 and "2 recordings" in told
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert command("restore", str(path), "--check")[0] == 0
    assert command("restore", str(path))[0] == 2
    status, told = command("restore", str(path), "-C", there)
    assert status == 0 and "in SQLite" in told
    assert check(path).conference == "Vårkonferensen 2026" and check(path).schema == HEAD
    status, told = command("restore", str(path), "-C", there)
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

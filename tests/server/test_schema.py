"""Databases of every release, with data in them, are brought up to date; newer ones are refused."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.postgres import PostgresServer
from rooms import messages as m
from server.database import Database, DatabaseFailure, schema
from server.database import postgres as backend
from server.export import rows
from server.journal import Journal
from server.tables import commits, metadata
from tests.server.running import until

RELEASED: Final = Path(__file__).parent / "released"  # an SQLite dump of each, as that release made it
DUMPS: Final = sorted(RELEASED.glob("*.sql"))


def old(path: Path, dump: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Makes a database as a release left it; returns its rows by table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text())
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=str) for name in names}


async def contents(database: Database, names: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    async def work(connection: AsyncConnection) -> dict[str, list[tuple[Any, ...]]]:
        return {name: [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {name}"))] for name in names}

    return {name: sorted(found, key=str) for name, found in (await database.read(work)).items()}


async def differences(place: Path | str) -> list[Any]:
    """What alembic would change to make a database what `server/tables.py` says."""
    database = Database(place)
    await database.open()

    async def work(connection: AsyncConnection) -> list[Any]:
        return await connection.run_sync(lambda c: list(compare_metadata(MigrationContext.configure(c), metadata)))

    found = await database.read(work)
    await database.close()
    return found


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
async def test_a_released_sqlite_database_keeps_every_row(tmp_path: Path, dump: Path) -> None:
    path = tmp_path / "data" / "plenum.db"
    before = old(path, dump)
    database = Database(path)
    await database.open()
    assert await contents(database, list(before)) == before
    (state,) = [e.event for e in await Journal(database).read(m.CONFERENCE) if isinstance(e.event, m.ProgrammePublished)]
    assert state.programme.sessions
    assert len(await rows(database, "attendance", datetime(2027, 1, 1, tzinfo=UTC))) > 5
    await database.close()
    assert await differences(path) == []


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
async def test_a_released_postgresql_database_keeps_every_row(tmp_path: Path, postgres_place: str, dump: Path) -> None:
    """The schema by that release's migrations, the rows from its SQLite dump."""
    before = old(tmp_path / "old.db", dump)
    database = Database(postgres_place)
    await database.open()

    async def go_back(connection: AsyncConnection) -> None:
        await connection.run_sync(metadata.drop_all)
        await connection.execute(text("DROP TABLE alembic_version"))
        await connection.run_sync(schema.upgrade, dump.stem)
        for name, values in before.items():
            table = metadata.tables[name]
            columns = [table.c[column.name] for column in table.columns]
            for row in values:
                converted = {c.name: bool(v) if c.type.python_type is bool else v for c, v in zip(columns, row, strict=True)}
                await connection.execute(table.insert(), converted)
        assert await connection.run_sync(lambda c: not inspect(c).has_table(commits.name)) or dump.stem != "0001"

    await schema_work(postgres_place, go_back)
    await database.close()
    database = Database(postgres_place)
    await database.open()
    after = await contents(database, list(before))
    assert {name: len(found) for name, found in after.items()} == {name: len(found) for name, found in before.items()}
    assert [row[5] for row in after["events"]] == [row[5] for row in before["events"]]  # bodies, byte for byte
    assert len(await rows(database, "attendance", datetime(2027, 1, 1, tzinfo=UTC))) > 5
    await database.close()
    assert await differences(postgres_place) == []


async def schema_work(address: str, work: Any) -> None:
    """Past `Database`, whose own transactions need today's tables."""
    engine = backend.Postgres(address)._engine()
    async with engine.begin() as connection:
        await work(connection)
    await engine.dispose()


async def test_a_new_database_is_what_all_migrations_together_make(place: Path | str, tmp_path: Path) -> None:
    assert await differences(place) == []
    if isinstance(place, str):
        return
    migrated = tmp_path / "migrated.db"
    with closing(sqlite3.connect(migrated)) as connection:  # as before schemas had versions
        connection.executescript(DUMPS[0].read_text())
    assert await differences(migrated) == []
    assert definitions(migrated) == definitions(place)


def definitions(path: Path) -> dict[str, str]:
    """How SQLite says that its tables and indexes were made; spaces and quotes apart."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"[\s\"]+", " ", sql).strip() for name, sql in found}


def test_every_migration_is_known_and_in_one_line() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(configuration).walk_revisions())
    assert tuple(reversed([script.revision for script in scripts])) == schema.REVISIONS
    assert all(script.down_revision is None or isinstance(script.down_revision, str) for script in scripts)


async def test_a_database_from_the_future_is_refused_and_left_alone(place: Path | str) -> None:
    database = Database(place)
    await database.open()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await database.write(work)
    await database.close()
    newer = Database(place)
    with pytest.raises(DatabaseFailure, match=r"newer than this Plenum \(it is 9999"):
        await newer.open()
    await newer.close()


async def test_two_nodes_that_start_at_once_on_an_empty_database_both_come_up(place: Path | str) -> None:
    nodes = [Database(place) for _ in range(4)]
    await asyncio.gather(*(node.open() for node in nodes))
    assert await contents(nodes[0], ["alembic_version"]) == {"alembic_version": [(schema.HEAD,)]}
    for node in nodes:
        await node.close()


async def test_a_node_waits_for_the_migration_of_another_however_long_it_takes(
    postgres: PostgresServer, postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backend.SESSION, "lock_timeout", "100ms")
    node, holding, release = Database(postgres_place), asyncio.Event(), asyncio.Event()

    async def migrate(connection: AsyncConnection) -> None:
        for statement in (schema._THINK, schema._LOCK):
            await connection.execute(statement)
        holding.set()
        await release.wait()

    migrating = asyncio.create_task(schema_work(postgres_place, migrate))
    await holding.wait()
    opening = asyncio.create_task(node.open())
    waits = "wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '400ms'"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {waits}"

    async def has_waited() -> bool:
        return opening.done() or await asyncio.to_thread(postgres.execute, query) == "1"

    await until(has_waited)
    release.set()
    await asyncio.gather(opening, migrating)
    await node.close()


async def test_two_nodes_that_start_at_once_on_an_old_database_both_come_up(tmp_path: Path) -> None:
    before = old(tmp_path / "plenum.db", DUMPS[0])
    nodes = [Database(tmp_path / "plenum.db") for _ in range(3)]
    await asyncio.gather(*(node.open() for node in nodes))
    assert await contents(nodes[0], list(before)) == before
    for node in nodes:
        await node.close()


async def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plenum.db"
    before = old(path, DUMPS[0])

    def fail(connection: Connection) -> None:
        schema_upgrade(connection)
        raise OSError("the power went")

    schema_upgrade = schema.upgrade
    monkeypatch.setattr(schema, "upgrade", fail)
    database = Database(path)
    with pytest.raises(OSError, match="the power went"):
        await database.open()
    await database.close()
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        assert {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == set(before)
    database = Database(path)
    await database.open()
    assert await contents(database, list(before)) == before
    await database.close()


def test_alembic_is_not_loaded_where_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    """It takes longer than everything else at the start."""
    script = (
        "import asyncio, sys; from pathlib import Path; from server.database import Database\n"
        "async def main():\n"
        "    for _ in range(2):\n"
        "        database = Database(Path(sys.argv[1])); await database.open(); await database.close()\n"
        "asyncio.run(main()); sys.exit('alembic' in sys.modules or 'asyncpg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "plenum.db")]).returncode == 0

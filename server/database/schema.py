"""The schema's version, and the way from an older one to today's (alembic, `server/migrations`).

A new database is made as it is today and marked so. alembic is only loaded when there is something to change: it takes
longer than everything else at the start. A test holds `REVISIONS` and the outcome of both ways against one another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from server.database.failure import DatabaseFailure
from server.tables import metadata

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")  # in order
HEAD: Final = REVISIONS[-1]
UNMARKED: Final = "0001"  # what a database is that has tables and no mark: marks came later
MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"

_WAIT: Final = text("SET LOCAL lock_timeout = 0")  # for another node, however long its migration takes
_THINK: Final = text("SET LOCAL idle_in_transaction_session_timeout = 0")  # alembic takes its time
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7363051)")  # any number, the same for all nodes

_marks = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))  # alembic's own


class Standing(Struct, frozen=True):
    """Where a database stands. `revision` "": there is nothing of ours in it yet. `behind`: so many changes are missing;
    None: it is newer than this code."""

    revision: str
    behind: int | None


def standing(connection: Connection) -> Standing:
    """Only looks."""
    revision = _revision(connection)
    if revision is None and not inspect(connection).has_table("events"):
        return Standing("", 0)
    found = revision or UNMARKED
    return Standing(found, len(REVISIONS) - 1 - REVISIONS.index(found) if found in REVISIONS else None)


async def bring_up_to_date(engine: AsyncEngine) -> None:
    """Makes the tables, or changes them where a release has. One node at a time, in one transaction. Raises
    `DatabaseFailure` if the database is newer than this code."""
    async with engine.connect() as connection:
        if await connection.run_sync(_revision) == HEAD:
            return
    async with engine.execution_options(is_write=True).begin() as connection:  # SQLite: takes the lock by itself
        if connection.dialect.name == "postgresql":
            for statement in (_WAIT, _THINK, _LOCK):
                await connection.execute(statement)
        await connection.run_sync(_bring_up_to_date)


def _bring_up_to_date(connection: Connection) -> None:
    revision = _revision(connection)
    if revision == HEAD:  # another node was first
        return
    if revision is not None and revision not in REVISIONS:
        raise DatabaseFailure(
            f"the database is newer than this Plenum (it is {revision}, known up to {HEAD}): update Plenum"
        )
    if revision is None and not inspect(connection).has_table("events"):
        metadata.create_all(connection)
        _mark(connection, HEAD)
        return
    if revision is None:
        _mark(connection, UNMARKED)
    upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Runs alembic's migrations on a connection whose transaction the caller ends."""
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_marks.name):
        return None
    return connection.execute(select(_marks.c.version_num)).scalar_one_or_none()


def _mark(connection: Connection, revision: str) -> None:
    _marks.create(connection)
    connection.execute(insert(_marks).values(version_num=revision))

"""What SQLite and PostgreSQL spell differently, and SQLAlchemy does not hide."""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import Column, Executable, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

Dialect = Literal["sqlite", "postgresql"]

# Held until the transaction ends. Names that happen to have the same hash wait for one another, no more.
_SHARED: Final = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))")
_ALONE: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def upsert(
    dialect: Dialect, table: Table, *key: str, update: tuple[str, ...] = (), returning: Column[Any] | None = None
) -> Executable:
    """Inserts a row, or changes the columns `update` (all others than the key if none is named) of the one that is there.
    `returning`: a column of the row as it is then."""
    statement: Any = _insert(dialect, table)
    names = update or tuple(c.name for c in table.columns if c.name not in key)
    changes = {name: statement.excluded[name] for name in names}
    changed = statement.on_conflict_do_update(index_elements=list(key), set_=changes)
    result: Executable = changed if returning is None else changed.returning(returning)
    return result


def insert_if_free(dialect: Dialect, table: Table) -> Executable:
    """Inserts a row unless one is in the way; `rowcount` of the result says whether it did."""
    statement: Any = _insert(dialect, table)
    guarded: Executable = statement.on_conflict_do_nothing()
    return guarded


async def gate(connection: AsyncConnection, name: str, *, close: bool) -> None:
    """Whoever closes the gate `name` waits until all who went through it have committed; who goes through it after that
    waits until it is closed, and sees so in its next statement. SQLite has one writer: there is nobody to wait for."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_ALONE if close else _SHARED, {"name": name})


def _insert(dialect: Dialect, table: Table) -> Any:
    """Each dialect is loaded where it is used: a server starts, and comes back after a crash, a tenth of a second sooner."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)

"""Moving a conference from one database to another: every row of every table, from one moment, compared before it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from server.database import Database, DatabaseFailure
from server.tables import STAYS, metadata

BATCH: Final = 1000  # rows
TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in STAYS)

Copying = Callable[[AsyncConnection, AsyncConnection], Awaitable[int]]  # from one to the other; returns how many rows


async def copy(source: Database, target: Database, others: Mapping[str, Copying] | None = None) -> dict[str, int]:
    """Copies everything into an empty database, in one transaction; returns how many rows by table. Raises
    `DatabaseFailure` if there is anything in `target`, or if it does not hold afterwards what `source` does; then nothing
    is left behind. `others`: how to copy tables, by name, that shall not come out as they are."""
    ways = others or {}

    async def read(origin: AsyncConnection) -> dict[str, int]:
        async def write(goal: AsyncConnection) -> dict[str, int]:
            for connection in (origin, goal):
                await _be_patient(connection)
            for table in TABLES:
                if (await goal.execute(select(table).limit(1))).first() is not None:
                    raise DatabaseFailure(f"there is something in the target already (in its table {table.name})")
            counts = {}
            for table in TABLES:
                way = ways.get(table.name)
                counts[table.name] = await (way(origin, goal) if way else copy_table(table, origin, goal))
            return counts

        return await target.write(write)

    return await source.read(read)


async def _be_patient(connection: AsyncConnection) -> None:
    """One of the two waits while the other works, which PostgreSQL would take for a node that is frozen."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def copy_table(table: Table, origin: AsyncConnection, goal: AsyncConnection, *conditions: ColumnElement[bool]) -> int:
    """Copies the rows that meet the conditions, and compares them. Raises `DatabaseFailure` if they are not the same."""
    rows = await origin.stream(select(table).where(*conditions))
    async for batch in rows.partitions(BATCH):
        await goal.execute(insert(table), [dict(row._mapping) for row in batch])
    before, after = await fingerprint(table, origin, *conditions), await fingerprint(table, goal)
    if before != after:
        raise DatabaseFailure(f"{table.name}: {before[0]} rows went out, and what came in is not the same; nothing was kept")
    return after[0]


async def fingerprint(table: Table, connection: AsyncConnection, *conditions: ColumnElement[bool]) -> tuple[int, str]:
    """How many rows meet the conditions, and the sum of their SHA-256, which does not depend on their order: databases sort
    text differently."""
    count, total = 0, 0
    rows = await connection.stream(select(table).where(*conditions))
    async for batch in rows.partitions(BATCH):
        count += len(batch)
        total += sum(_number(tuple(row)) for row in batch)
    return count, f"{total % (1 << 256):064x}"


def _number(row: tuple[Any, ...]) -> int:
    return int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(row)).digest(), "big")

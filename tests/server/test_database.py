"""Group commit, durability, and a disk that is full. What PostgreSQL alone can do to us is in test_postgres.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from rooms.errors import Refused
from server.database import Database, Work
from server.tables import votes


@asynccontextmanager
async def database(place: Path | str) -> AsyncIterator[Database]:
    one = Database(place)
    await one.open()
    try:
        yield one
    finally:
        await one.close()


def vote(person_id: str) -> Work[None]:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(votes), {"question_id": "q", "person_id": person_id, "up": True})

    return work


async def voters(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(select(votes.c.person_id))).scalars())


async def test_commits_reach_the_disk_before_they_are_reported(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:

        async def pragmas(connection: AsyncConnection) -> list[object]:
            names = ("synchronous", "journal_mode", "secure_delete")
            return [(await connection.execute(text(f"PRAGMA {name}"))).scalar_one() for name in names]

        assert await one.write(pragmas) == [2, "wal", 1]
        await one.write(vote("anna"))
        other = sqlite3.connect(tmp_path / "data" / "plenum.db")
        assert other.execute("SELECT person_id FROM votes").fetchall() == [("anna",)]
        other.close()


async def test_writes_happen_in_the_order_of_their_calls_and_share_commits(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        order: list[int] = []

        def numbered(number: int) -> Work[None]:
            async def work(connection: AsyncConnection) -> None:
                order.append(number)

            return work

        await asyncio.gather(*(one.write(numbered(n)) for n in range(100)))
        assert order == list(range(100))


async def test_a_bad_write_fails_alone(place: Path | str) -> None:
    async with database(place) as one:
        await one.write(vote("anna"))
        results = await asyncio.gather(*(one.write(vote(name)) for name in ("bo", "anna", "siri")), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), IntegrityError, type(None)]
        assert sorted(await one.read(voters)) == ["anna", "bo", "siri"]


async def test_a_write_whose_caller_gave_up_does_not_disturb_the_next(place: Path | str) -> None:
    async with database(place) as one:
        gone = asyncio.create_task(one.write(vote("bo")))
        await asyncio.sleep(0)
        gone.cancel()
        await one.write(vote("anna"))
        assert "anna" in await one.read(voters)


async def test_a_full_disk_is_a_refusal_and_nothing_is_half_written(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        await one.write(vote("anna"))

        async def no_more_pages(connection: AsyncConnection) -> None:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count={pages}"))

        await one.write(no_more_pages)

        async def much(connection: AsyncConnection) -> None:
            rows = [{"question_id": "q", "person_id": f"{n:0500}", "up": True} for n in range(2000)]
            await connection.execute(insert(votes), rows)

        with pytest.raises(Refused, match="read_only"):
            await one.write(much)
        assert await one.read(voters) == ["anna"]
        assert not one.saves  # as /healthz tells the operator
        await one.write(vote("bo"))
        assert one.saves


async def test_a_write_that_is_wrong_itself_does_not_mean_that_nothing_can_be_saved(place: Path | str) -> None:
    async with database(place) as one:

        async def wrong(connection: AsyncConnection) -> None:
            raise Refused("not_found")

        with pytest.raises(Refused, match="not_found"):
            await one.write(wrong)
        assert one.saves


async def test_a_directory_may_have_any_name(tmp_path: Path) -> None:
    place = tmp_path / "vår 50% ? #1" / "plenum.db"
    one = Database(place)
    await one.open()
    try:
        await one.write(vote("anna"))
    finally:
        await one.close()
    assert place.is_file() and os.listdir(tmp_path) == ["vår 50% ? #1"]


async def test_closing_finishes_what_waits(place: Path | str) -> None:
    async with database(place) as one:
        waiting = [asyncio.create_task(one.write(vote(str(n)))) for n in range(50)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [None] * 50
    async with database(place) as one:
        assert len(await one.read(voters)) == 50


async def test_a_write_that_reads_first_waits_for_another_process_instead_of_failing(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        other = sqlite3.connect(tmp_path / "data" / "plenum.db", isolation_level=None, check_same_thread=False)

        async def read_then_write(connection: AsyncConnection) -> None:
            await voters(connection)
            with contextlib.suppress(sqlite3.OperationalError):  # another process, at this moment: it has to wait for us
                other.execute("PRAGMA busy_timeout=0")
                other.execute("INSERT INTO votes VALUES ('q', 'other', 1)")
            await vote("anna")(connection)

        await one.write(read_then_write)
        other.close()
        assert "anna" in await one.read(voters)


async def test_an_error_names_no_values(place: Path | str) -> None:
    async with database(place) as one:
        await one.write(vote("anna"))
        with pytest.raises(IntegrityError) as error:
            await one.write(vote("anna"))
        assert "anna" not in str(error.value)


async def no_patience(connection: AsyncConnection) -> None:
    """Only this connection: it is kept, so it stays impatient."""
    await connection.execute(text("PRAGMA busy_timeout=200"))


async def test_a_lock_refuses_a_whole_batch_at_once(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        await one.write(no_patience)
        other = sqlite3.connect(tmp_path / "data" / "plenum.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        results = await asyncio.gather(*(one.write(vote(str(n))) for n in range(200)), return_exceptions=True)
        assert {type(result) for result in results} == {Refused}
        assert time.monotonic() - began < 20  # a few waits of 0.2 s, not two hundred
        other.execute("ROLLBACK")
        other.close()
        await one.write(vote("anna"))
        assert await one.read(voters) == ["anna"]


async def erased(one: Database) -> None:
    await one.write(vote("a-name-that-goes"))
    await one.write(lambda connection: connection.execute(delete(votes)))


def remains(directory: Path) -> bool:
    return any(b"a-name-that-goes" in file.read_bytes() for file in (directory / "data").iterdir())


async def test_a_checkpoint_takes_what_was_deleted_out_of_every_file(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        await erased(one)
        assert remains(tmp_path)
        assert await one.checkpoint()
        assert not remains(tmp_path)


async def test_a_checkpoint_that_a_reader_blocks_is_tried_again_and_in_the_end_told_of(tmp_path: Path) -> None:
    async with database(tmp_path / "data" / "plenum.db") as one:
        await one.read(no_patience)
        await one.write(vote("bo"))
        other = sqlite3.connect(tmp_path / "data" / "plenum.db", isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT * FROM votes").fetchall()
        await erased(one)
        with capture_logs() as logs:
            assert not await one.checkpoint()
        assert [entry["log_level"] for entry in logs] == ["error"]
        assert remains(tmp_path)
        waiting = asyncio.create_task(one.checkpoint())
        await one.read(voters)
        other.execute("COMMIT")
        other.close()
        assert await waiting
        assert not remains(tmp_path)

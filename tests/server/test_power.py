"""The power goes: what was acknowledged had been handed to the disk, and what was half written is not there at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.database import Database, Work
from server.tables import votes

ALONE: Final = 5  # writes one after another
TOGETHER: Final = 200  # and at once

SCRIPT: Final = """
import asyncio, os, sys
from pathlib import Path
from server.database import Database
from tests.server.test_power import ALONE, TOGETHER, vote

def say(line):
    with open(os.environ["SYNC_LOG"], "a") as log:
        log.write(line + "\\n")

async def main():
    database = Database(Path(sys.argv[1]))
    await database.open()
    say("open")
    for number in range(ALONE):
        await database.write(vote(number))
        say("acknowledged")
    await asyncio.gather(*(database.write(vote(number)) for number in range(ALONE, ALONE + TOGETHER)))
    say("all acknowledged")
    await database.close()

asyncio.run(main())
"""

FRAME_HEAD: Final = 24  # bytes, of a frame in the write-ahead log; the first 4 are its page's number
LOG_HEAD: Final = 32


def vote(number: int) -> Work[None]:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(votes), {"question_id": "q", "person_id": f"p{number:03}", "up": True})

    return work


async def voters(connection: AsyncConnection) -> list[str]:
    return sorted((await connection.execute(select(votes.c.person_id))).scalars())


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A library that writes down every sync."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("syncs cannot be counted: no C compiler, or no Linux")
    library = tmp_path / "sync_log.so"
    source = Path(__file__).with_name("sync_log.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def test_every_group_of_writes_is_synced_before_any_of_it_is_acknowledged(shim: Path, tmp_path: Path) -> None:
    log = tmp_path / "syncs"
    environment = {**os.environ, "LD_PRELOAD": str(shim), "SYNC_LOG": str(log)}
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "plenum.db"], env=environment, check=True)
    lines = log.read_text().splitlines()
    if not any("sync " in line for line in lines):
        pytest.skip("syncs cannot be counted: this system does not preload")
    lines = lines[lines.index("open") + 1 :]
    groups = [list(group) for is_sync, group in groupby(lines, lambda line: "sync " in line)]
    syncs, acknowledgements = groups[0::2], groups[1::2]
    assert acknowledgements[: ALONE + 1] == [["acknowledged"]] * ALONE + [["all acknowledged"]]
    for group in syncs[: ALONE + 1]:
        assert any(line.endswith("plenum.db-wal") for line in group)
    assert len(syncs[ALONE]) < TOGETHER / 10  # they shared their commits


async def photographed(directory: Path, writes: int) -> list[int]:
    """Makes a database in `directory` as it lay on the disk when the power went; returns how long its log was at each
    acknowledgement."""
    live = directory / "live"
    database = Database(live / "plenum.db")
    await database.open()
    await database.checkpoint()
    lengths = []
    for number in range(writes):
        await database.write(vote(number))
        lengths.append((live / "plenum.db-wal").stat().st_size)
    for name in ("plenum.db", "plenum.db-wal"):  # not the index: it is memory, and lost
        shutil.copy(live / name, directory / name)
    await database.close()
    return lengths


async def survivors(directory: Path, log: bytes) -> list[str]:
    """Who is there after a start from this log, in a database that works."""
    again = directory / "again"
    shutil.rmtree(again, ignore_errors=True)
    again.mkdir()
    shutil.copy(directory / "plenum.db", again / "plenum.db")
    (again / "plenum.db-wal").write_bytes(log)
    database = Database(again / "plenum.db")
    await database.open()
    found = await database.read(voters)
    await database.write(vote(999))
    assert await database.read(voters) == [*found, "p999"]
    await database.close()
    with closing(sqlite3.connect(again / "plenum.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found


async def test_a_log_that_ends_in_half_a_write_gives_everything_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    lengths = await photographed(tmp_path, 4)
    log = (tmp_path / "plenum.db-wal").read_bytes()
    for number, (length, following) in enumerate(zip(lengths, [*lengths[1:], None], strict=True)):
        acknowledged = [f"p{n:03}" for n in range(number + 1)]
        half = log[length:following][: len(log[length:following]) // 2]
        for torn in (b"", half[:1], half[:FRAME_HEAD], half, bytes(len(half)), b"\xff" * 5000):
            assert await survivors(tmp_path, log[:length] + torn) == acknowledged


async def test_a_torn_page_in_the_log_costs_only_the_commit_that_was_being_written(tmp_path: Path) -> None:
    lengths = await photographed(tmp_path, 3)
    log = (tmp_path / "plenum.db-wal").read_bytes()
    torn = log[: lengths[2] - 2048] + bytes(2048)
    assert await survivors(tmp_path, torn) == ["p000", "p001"]


async def test_pages_that_were_torn_while_the_log_was_moved_into_the_database_are_mended_from_it(tmp_path: Path) -> None:
    await photographed(tmp_path, 3)
    log = (tmp_path / "plenum.db-wal").read_bytes()
    database = bytearray((tmp_path / "plenum.db").read_bytes())
    page_size = int.from_bytes(log[8:12], "big")
    numbers = {int.from_bytes(log[at : at + 4], "big") for at in range(LOG_HEAD, len(log), FRAME_HEAD + page_size)}
    assert numbers
    for number in numbers:
        database[(number - 1) * page_size + page_size // 2 : number * page_size] = b"\xff" * (page_size // 2)
    (tmp_path / "plenum.db").write_bytes(database)
    assert await survivors(tmp_path, log) == ["p000", "p001", "p002"]

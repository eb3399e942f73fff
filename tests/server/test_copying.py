"""A conference moves from one database to the other and back, and nothing about it has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from server import copying
from server.database import Database, DatabaseFailure
from server.export import KINDS, rows, to_csv
from server.links import Links
from server.tables import attendance, metadata, notes, survey_answers
from tests.fakes import FakeClock
from tests.server.board_day import at, write_full_day, write_rows


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Database]:
    """A day with everything in it, on SQLite."""
    database = Database(tmp_path / "one" / "plenum.db")
    await database.open()
    await write_full_day(database, people=40)
    await Links(database, b"s" * 32, FakeClock()).ensure_all(["p1", "p2"])
    comment = "Tack! \U0001f600 \u2028 'quoted' \\ \"twice\""
    row = {"voter": "x", "conference": None, "association": 3, "comment": comment}
    await write_rows(database, survey_answers, [row])
    written = {"session_id": "s1", "room_id": "b1", "state": b"\x00\xff\x00", "changed_at": 1.5}
    await write_rows(database, notes, [written])
    yield database
    await database.close()


async def everything(database: Database) -> dict[str, list[Any]]:
    async def work(connection: AsyncConnection) -> dict[str, list[Any]]:
        return {t.name: sorted(map(tuple, await connection.execute(select(t))), key=repr) for t in copying.TABLES}

    return await database.read(work)


async def test_there_and_back_every_row_is_the_same(full: Database, postgres_place: str, tmp_path: Path) -> None:
    before = await everything(full)
    assert {name for name, found in before.items() if not found} <= {"answers", "kept_figures", "chores", "erasures"}
    there, back = Database(postgres_place), Database(tmp_path / "two" / "plenum.db")
    await there.open()
    await back.open()
    counts = await copying.copy(full, there)
    assert counts == {name: len(found) for name, found in before.items()}
    assert await everything(there) == before
    assert await copying.copy(there, back) == counts
    assert await everything(back) == before
    for what in KINDS:  # and so is what one makes of them
        tables = [to_csv(await rows(one, what, at(300))) for one in (full, there, back)]
        assert tables[0] == tables[1] == tables[2]
    await there.close()
    await back.close()


async def test_more_rows_than_a_batch_are_all_copied(place: Path | str, tmp_path: Path) -> None:
    source, target = Database(tmp_path / "source.db"), Database(place)
    await source.open()
    await target.open()
    stays = [
        {"id": f"{n}", "session_id": "s1", "person_id": "p", "from_at": n / 7, "seen_at": n / 3, "visible": n % 2 == 0}
        for n in range(2 * copying.BATCH + 7)
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(attendance), stays)

    await source.write(work)
    assert (await copying.copy(source, target))["attendance"] == len(stays)
    await source.close()
    await target.close()


async def test_a_target_with_something_in_it_is_refused_and_left_alone(full: Database, place: Path | str) -> None:
    target = Database(place)
    await target.open()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(survey_answers), {"voter": "x", "comment": "mine"})

    await target.write(work)
    before = await everything(target)
    with pytest.raises(DatabaseFailure, match=r"something in the target already .*survey_answers"):
        await copying.copy(full, target)
    assert await everything(target) == before
    await target.close()


@pytest.mark.parametrize("change", ["seen_at = seen_at + 0.001", "visible = NOT visible", "person_id = 'somebody'"])
async def test_a_copy_that_is_not_the_same_is_noticed_and_not_kept(
    full: Database, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value of one row, changed on its way."""
    target = Database(tmp_path / "bad.db")
    await target.open()
    fingerprint, seen = copying.fingerprint, set[str]()

    async def after_a_change(table: Any, connection: AsyncConnection) -> tuple[int, str]:
        if table is attendance and table.name in seen:  # the second time it is the target's
            first = "(SELECT min(id) FROM attendance)"
            await connection.execute(text(f"UPDATE attendance SET {change} WHERE id = {first}"))
        seen.add(table.name)
        return await fingerprint(table, connection)

    monkeypatch.setattr(copying, "fingerprint", after_a_change)
    with pytest.raises(DatabaseFailure, match=r"attendance: .* not the same"):
        await copying.copy(full, target)
    assert not any((await everything(target)).values())
    await target.close()


def test_no_table_counts_by_itself() -> None:
    """A sequence would have to be copied too: PostgreSQL would begin at 1 again."""
    assert all(table.autoincrement_column is None for table in metadata.sorted_tables)

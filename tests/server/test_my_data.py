"""What people see of their own attendance: the board's merging, for one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.database import Database
from server.my_data import Attended, attendance_of
from server.services import Services
from server.tables import attendance

START = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
NOW = START + timedelta(hours=2, minutes=10)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def plan(key: str, kind: m.Kind = "plenary") -> m.SessionPlan:
    return m.SessionPlan(key, key, kind, START, START + timedelta(hours=1), "plenum")


PLANS = (plan("ended"), plan("coffee", "break"), plan("running"), plan("called-off"), plan("later"))
RUNS = {
    "ended": m.SessionRun("ended", live_at=minute(0), ended_at=minute(60)),
    "coffee": m.SessionRun("ended", live_at=minute(60), ended_at=minute(90)),
    "running": m.SessionRun("live", live_at=minute(120)),
    "called-off": m.SessionRun("ended", ended_at=minute(5)),
}
ROWS = [  # session, person, from and to in minutes, visible
    ("ended", "anna", -10, 20, True),  # was early
    ("ended", "anna", 5, 30, False),  # a second tab, in the background
    ("ended", "anna", 30.5, 40, True),  # back after half a minute
    ("ended", "bo", 0, 60, True),
    ("coffee", "anna", 60, 90, True),
    ("called-off", "anna", 40, 55, True),  # at the same time, elsewhere
]


async def attended(directory: Path, person_id: str) -> dict[str, Attended]:
    database = Database(directory / "plenum.db")
    await database.open()
    rows = [
        {
            "id": str(number),
            "session_id": session_id,
            "person_id": who,
            "from_at": minute(came).timestamp(),
            "seen_at": minute(left).timestamp(),
            "visible": visible,
        }
        for number, (session_id, who, came, left, visible) in enumerate(ROWS)
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(attendance), rows)

    await database.write(work)
    programme = m.Programme("X", "Y", "Europe/Stockholm", ("sv",), m.Goals(), (), PLANS)
    streams: Any = SimpleNamespace(conference=m.ConferenceState(programme, RUNS))
    services = SimpleNamespace(database=database, streams=streams, now=lambda: NOW)
    try:
        return {one.plan.id: one for one in await attendance_of(cast(Services, services), person_id)}
    finally:
        await database.close()


async def test_tabs_and_reconnects_are_merged_and_only_the_live_time_counts(tmp_path: Path) -> None:
    found = (await attended(tmp_path, "anna"))["ended"]
    assert (found.seconds / 60, found.length / 60, found.is_running) == (40, 60, False)
    assert (found.came_at, found.left_at) == (minute(0), minute(40))
    assert 9 <= found.background / 60 <= 11  # from 20 to 30, and the half minute away counts as before


async def test_sessions_that_were_live_are_listed_even_where_one_was_not(tmp_path: Path) -> None:
    found = await attended(tmp_path, "anna")
    assert list(found) == ["ended", "running"]
    assert (found["running"].seconds, found["running"].length / 60, found["running"].is_running) == (0, 10, True)
    assert found["running"].came_at is None


async def test_nobody_elses_minutes_are_told(tmp_path: Path) -> None:
    assert (await attended(tmp_path, "bo"))["ended"].seconds == 3600
    assert all(one.seconds == 0 for one in (await attended(tmp_path / "other", "stranger")).values())

"""Events of a stream are totally ordered without gaps, whoever appends, on both back ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from server.ballots import Ballots, SurveyAnswer
from server.database import Database, Work
from server.database.dialect import Dialect
from server.journal import Conflict, Journal, has_closed
from server.keys import FileKeys
from tests.rooms import day
from tests.server.running import until

T = TypeVar("T")


@pytest.fixture
async def nodes(place: Path | str) -> AsyncIterator[tuple[Database, Database]]:
    """Two nodes, or two processes of one, on the same database."""
    both = Database(place), Database(place)
    for one in both:
        await one.open()
    yield both
    for one in both:
        await one.close()


async def append(database: Database, first_seq: int, *events: m.Event, cause: str | None = None) -> None:
    await Journal(database).append("session/s1", first_seq, events, actor="anna", cause=cause, at=day.NOON)


def ended(number: int) -> m.Event:
    return m.SessionEnded(f"s{number}", day.NOON)


async def seqs(database: Database) -> list[tuple[int, m.Event]]:
    return [(entry.seq, entry.event) for entry in await Journal(database).read("session/s1")]


async def test_what_one_appends_the_other_reads_as_it_was_written(nodes: tuple[Database, Database]) -> None:
    here, there = (Journal(one) for one in nodes)
    written = await here.append("session/s1", 1, [ended(1), ended(2)], actor="anna", cause="anna/tab/1", at=day.NOON)
    assert await there.read("session/s1") == written
    assert await there.read("session/s1", since=1) == written[1:]
    assert await there.streams() == ["session/s1"]


async def test_a_number_that_is_taken_is_a_conflict_and_nothing_of_it_is_written(nodes: tuple[Database, Database]) -> None:
    here, there = nodes
    await append(here, 1, ended(1))
    with pytest.raises(Conflict):
        await append(there, 1, ended(2), ended(3), ended(4))
    await append(there, 2, ended(5), ended(6))
    assert await seqs(here) == [(1, ended(1)), (2, ended(5)), (3, ended(6))]
    assert here.saves
    assert there.saves


async def test_a_cause_that_was_dealt_with_is_a_conflict(nodes: tuple[Database, Database]) -> None:
    here, there = nodes
    await append(here, 1, ended(1), cause="anna/tab/1")
    with pytest.raises(Conflict):
        await append(there, 2, ended(2), cause="anna/tab/1")
    assert await seqs(there) == [(1, ended(1))]


async def test_a_conflict_costs_nobody_else_in_the_same_commit(nodes: tuple[Database, Database]) -> None:
    here, _ = nodes
    await append(here, 1, ended(1))
    runs = 0

    async def count(connection: AsyncConnection) -> None:
        nonlocal runs
        runs += 1

    others = [here.write(count) for _ in range(5)]
    found = await asyncio.gather(append(here, 1, ended(2)), *others, return_exceptions=True)
    assert [type(one) for one in found] == [Conflict, *[type(None)] * 5]
    assert runs == 5


async def test_of_many_who_want_the_same_number_one_has_it(nodes: tuple[Database, Database]) -> None:
    for seq in range(1, 11):
        tries = [append(nodes[n % 2], seq, ended(n)) for n in range(6)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["Conflict"] * 5 + ["NoneType"]
    assert [seq for seq, _ in await seqs(nodes[0])] == list(range(1, 11))


async def test_an_answer_on_one_node_does_not_come_after_the_closing_on_another(postgres_place: str, tmp_path: Path) -> None:
    """The closing is written but not committed when the answer asks: it has to wait, and sees it."""
    here, there, watching = Database(postgres_place), Database(postgres_place), Database(postgres_place)
    for one in (here, there, watching):
        await one.open()
    ballots = Ballots(there, FileKeys(tmp_path / "keys"))
    written, commit = asyncio.Event(), asyncio.Event()
    journal = Journal(_Holding(here, written, commit))
    closing = asyncio.create_task(
        journal.append(m.CONFERENCE, 1, [m.SurveyClosed(day.NOON)], actor="mona", cause=None, at=day.NOON)
    )
    await written.wait()
    answering = asyncio.create_task(ballots.answer_survey(day.ANNA, SurveyAnswer(5, 5, "efter")))
    await until(lambda: someone_waits(watching))
    assert not answering.done()
    commit.set()
    await closing
    with pytest.raises(Refused, match="survey_closed"):
        await answering
    assert await ballots.survey_rows() == []
    for one in (here, there, watching):
        await one.close()


async def test_the_closing_on_one_node_waits_for_an_answer_on_another(postgres_place: str) -> None:
    """The answer has asked and found the survey open, but is not committed: the closing comes after it."""
    here, there, watching = Database(postgres_place), Database(postgres_place), Database(postgres_place)
    for one in (here, there, watching):
        await one.open()
    asked, commit = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def answer(connection: AsyncConnection) -> bool:
        found = await has_closed(connection, m.CONFERENCE)
        asked.set()
        await commit.wait()
        order.append("answered")
        return found

    answering = asyncio.create_task(there.write(answer))
    await asked.wait()
    closing = asyncio.create_task(
        Journal(here).append(m.CONFERENCE, 1, [m.SurveyClosed(day.NOON)], actor="mona", cause=None, at=day.NOON)
    )
    closing.add_done_callback(lambda _: order.append("closed"))
    await until(lambda: someone_waits(watching))
    commit.set()
    assert not await answering
    await closing
    assert order == ["answered", "closed"]
    for one in (here, there, watching):
        await one.close()


async def someone_waits(database: Database) -> bool:
    """True if somebody waits for a lock that another holds."""

    async def work(connection: AsyncConnection) -> int:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return int((await connection.execute(text(query))).scalar_one())

    return await database.read(work) > 0


class _Holding(Database):
    """A database whose writes are kept from their commit until they may."""

    def __init__(self, database: Database, written: asyncio.Event, commit: asyncio.Event) -> None:
        self._inner, self._written, self._commit = database, written, commit

    @property
    def dialect(self) -> Dialect:
        return self._inner.dialect

    async def write(self, work: Work[T]) -> T:
        async def held(connection: AsyncConnection) -> T:
            result = await work(connection)
            self._written.set()
            await self._commit.wait()
            return result

        return await self._inner.write(held)

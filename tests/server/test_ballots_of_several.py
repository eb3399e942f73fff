"""Answers and votes that come in through several nodes: rows in one database, counted there, under keys that all share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from server.ballots import Ballots, SurveyAnswer
from server.batch import Batch
from server.database import Database
from server.database.dialect import upsert
from server.journal import Journal
from server.keys import FileKeys, TableKeys, open_keys
from server.tables import answers
from tests.rooms import day
from tests.server.running import PATIENCE_SECONDS, until

NAMED = m.Poll("s1-p1", "Vad väger tyngst?", ("Lag", "Vana"), anonymous=False, phase="open")
ANONYMOUS = m.Poll("s1-p2", "Ska vi?", ("Ja", "Nej"), anonymous=True, phase="open")
SECRET = b"s" * 32
S1 = "session/s1"


class Node:
    """What a server does with ballots."""

    def __init__(self, place: str) -> None:
        self.database = Database(place)
        self.keys = TableKeys(self.database, SECRET)
        self.journal = Journal(self.database)
        self.ballots = Ballots(self.database, self.keys, several=True)


@pytest.fixture
async def nodes(postgres_place: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Node, Node]]:
    monkeypatch.setattr("server.ballots.STALE_SECONDS", PATIENCE_SECONDS)  # a busy machine may take its time
    both = Node(postgres_place), Node(postgres_place)
    for node in both:
        await node.database.open()
    yield both
    for node in both:
        await node.database.close()


def person(number: int) -> m.Actor:
    return m.Actor(f"p{number}", "X", frozenset({"attendee"}))


@pytest.mark.parametrize("poll", [NAMED, ANONYMOUS], ids=["named", "anonymous"])
async def test_whoever_answers_on_one_node_and_changes_it_on_another_has_one_answer(
    nodes: tuple[Node, Node], poll: m.Poll
) -> None:
    here, there = nodes
    await asyncio.gather(*(nodes[n % 2].ballots.answer(person(n), "s1", poll, 0) for n in range(20)))
    await there.ballots.answer(person(0), "s1", poll, 1)  # came in here before
    for node in nodes:
        await node.ballots.count([poll.id], [])
        assert node.ballots.answered(poll.id) == 20
        assert await node.ballots.answer_of("p0", poll) == 1
        assert await node.ballots.answer_of("p1", poll) == 0
        assert await node.ballots.answer_of("stranger", poll) is None
    assert await here.ballots.counts(poll) == (19, 1)


async def test_a_vote_is_one_vote_wherever_it_is_given_and_taken_back(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    for node in nodes:
        await node.ballots.vote(day.ANNA, "s1", "s1-q1", up=True)
    await here.ballots.vote(day.BO, "s1", "s1-q1", up=True)
    await there.ballots.vote(day.BO, "s1", "s1-q1", up=False)
    for node in nodes:
        await node.ballots.count([], ["s1-q1", "s1-q2"])
        assert (node.ballots.votes("s1-q1"), node.ballots.votes("s1-q2")) == (1, 0)
        found = await asyncio.gather(*(node.ballots.voted(who, ["s1-q1", "s1-q2"]) for who in ("anna", "bo")))
        assert found == [("s1-q1",), ()]


async def test_an_answer_that_comes_after_the_closing_on_another_node_is_refused_and_not_counted(
    nodes: tuple[Node, Node],
) -> None:
    """Some come before it, some after; whatever is acknowledged is counted, and nothing else."""
    here, there = nodes

    async def answer(number: int) -> bool:
        try:
            await there.ballots.answer(person(number), "s1", NAMED, 0)
        except Refused as refusal:
            assert refusal.code == "poll_closed"
            return False
        return True

    async def close() -> tuple[int, ...]:
        await here.journal.append(S1, 1, [m.PollClosed(NAMED.id, day.NOON)], actor="mona", cause=None, at=day.NOON)
        return await here.ballots.counts(NAMED)

    other = msgspec.structs.replace(NAMED, id="s1-p10")  # begins with the same
    early = [asyncio.create_task(answer(n)) for n in range(50)]
    while not any(task.done() for task in early):  # noqa: ASYNC110
        await asyncio.sleep(0)
    closing = asyncio.create_task(close())
    late = [asyncio.create_task(answer(n)) for n in range(50, 100)]
    counts = await closing
    taken = sum(await asyncio.gather(*early, *late))
    assert counts == (taken, 0)
    assert not await answer(1000)
    await there.ballots.answer(person(1), "s1", other, 1)


async def test_one_row_that_became_stale_while_it_was_written_does_not_keep_the_others_out(nodes: tuple[Node, Node]) -> None:
    database = nodes[0].database
    looked_at: list[str] = []

    def is_stale(voter: str) -> bool:
        looked_at.append(voter)
        return voter == "anna" and looked_at.count(voter) > 1  # by the time the statement is through

    batch = Batch[dict[str, object]](database, upsert("postgresql", answers, "poll_id", "voter"), is_stale=is_stale)
    rows: list[dict[str, object]] = [{"poll_id": NAMED.id, "voter": voter, "option": 1} for voter in ("anna", "bo")]
    told = await asyncio.gather(*(batch.put(row, row["voter"]) for row in rows), return_exceptions=True)
    assert isinstance(told[0], Refused) and told[0].code == "try_again" and told[1] is None

    async def voters(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(select(answers.c.voter))).scalars())

    assert await database.read(voters) == ["bo"]


async def test_an_answer_that_was_held_up_on_its_way_into_the_database_does_not_come_after_a_newer_one(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held up until its sender has gone to another node, and said something else there."""
    here, there = nodes
    new = {"poll_id": NAMED.id, "voter": "anna", "option": 1}
    has_newer, may_go_on = asyncio.Event(), asyncio.Event()

    async def newer(connection: AsyncConnection) -> None:
        await connection.execute(upsert("postgresql", answers, "poll_id", "voter"), new)
        has_newer.set()
        await may_go_on.wait()

    writing = asyncio.create_task(there.database.write(newer))
    await has_newer.wait()
    with monkeypatch.context() as impatient:
        impatient.setattr("server.ballots.STALE_SECONDS", 0.5)
        old = asyncio.create_task(here.ballots.answer(day.ANNA, "s1", NAMED, 0))
        await asyncio.sleep(0)  # from here on it waits
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > 1)
        may_go_on.set()
        await writing
        with pytest.raises(Refused, match="try_again"):
            await old
    assert await here.ballots.answer_of("anna", NAMED) == 1
    await here.ballots.answer(day.ANNA, "s1", NAMED, 0)
    assert await there.ballots.answer_of("anna", NAMED) == 0


async def test_a_key_that_another_node_destroys_does_not_come_back_into_memory(nodes: tuple[Node, Node]) -> None:
    """By an answer that was under way: it is refused in the end, and what could tell whose it was is not kept."""
    here, there = nodes
    await here.keys.ensure(ANONYMOUS.id)
    await there.keys.voter(ANONYMOUS.id, "anna")
    assert there.keys._known  # who comes next asks nobody
    there.keys.forget(ANONYMOUS.id)
    await there.keys.ensure(ANONYMOUS.id)
    assert await there.keys.voter(ANONYMOUS.id, "anna") == await here.keys.voter(ANONYMOUS.id, "anna")
    assert there.keys._known == {}


async def test_a_poll_that_two_nodes_forget_at_once_is_forgotten_once(nodes: tuple[Node, Node]) -> None:
    for number in range(8):
        await nodes[number % 2].ballots.answer(person(number), "s1", ANONYMOUS, number % 2)
    await asyncio.gather(*(node.ballots.forget(ANONYMOUS) for node in nodes))
    await nodes[0].ballots.forget(ANONYMOUS)
    assert await nodes[1].ballots.counts(ANONYMOUS) == (4, 4)
    for node in nodes:
        node.keys.forget(ANONYMOUS.id)  # as every node does when it hears of the closing
        assert await node.ballots.answer_of("p1", ANONYMOUS) is None
        with pytest.raises(Refused, match="poll_closed"):
            await node.ballots.answer(person(1), "s1", ANONYMOUS, 1)


async def test_the_survey_of_two_nodes_has_one_answer_of_each(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    await here.ballots.answer_survey(day.ANNA, SurveyAnswer(5, None, ""))
    await there.ballots.answer_survey(day.ANNA, SurveyAnswer(4, 3, "Tack!"))
    assert await here.ballots.survey_answer_of(day.ANNA) == SurveyAnswer(4, 3, "Tack!")
    await asyncio.gather(*(node.ballots.forget_survey() for node in nodes))
    assert await here.ballots.survey_rows() == [SurveyAnswer(4, 3, "Tack!")]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_after_the_count_the_database_has_no_key_and_before_it_none_that_works_without_the_secret(
    place: str, nodes: tuple[Node, Node], stored: Callable[[], dict[str, bytes]]
) -> None:
    for number in range(4):
        await nodes[number % 2].ballots.answer(person(number), "s1", ANONYMOUS, 1)
    key = nodes[0].keys._known[ANONYMOUS.id]
    assert key == nodes[1].keys._known[ANONYMOUS.id]
    covered = nodes[0].keys._covered(ANONYMOUS.id, key)
    assert not any(key in content for content in stored().values())
    assert any(covered in content for content in stored().values())
    await nodes[0].ballots.forget(ANONYMOUS)
    assert not any(covered in content for content in stored().values())


async def test_who_becomes_one_of_several_brings_the_keys_along(postgres_place: str, tmp_path: Path) -> None:
    database = Database(postgres_place)
    await database.open()
    folder = tmp_path / "keys"
    alone = await open_keys(database, folder, SECRET, several=False)
    assert isinstance(alone, FileKeys)
    await alone.ensure(ANONYMOUS.id)
    voter = await alone.voter(ANONYMOUS.id, "anna")
    for several in (True, False):
        shared = await open_keys(database, folder, SECRET, several=several)
        assert isinstance(shared, TableKeys)
        await shared.ensure(ANONYMOUS.id)
        assert await shared.voter(ANONYMOUS.id, "anna") == voter
        assert not list(folder.iterdir())
    await database.close()

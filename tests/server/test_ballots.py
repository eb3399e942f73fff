"""Answers and votes as rows; anonymous ones cannot be linked to anybody once their poll is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from server.ballots import SURVEY, Ballots, SurveyAnswer
from server.database import Database
from server.journal import Journal
from server.keys import FileKeys
from server.vault import Vault
from tests.rooms import day

NAMED = m.Poll("s1-p1", "Ska vi?", ("Ja", "Nej"), anonymous=False, phase="open")
ANONYMOUS = m.Poll("s1-p2", "Ska vi?", ("Ja", "Nej"), anonymous=True, phase="open")


async def opened(directory: Path, place: Path | str | None = None) -> tuple[Database, Ballots]:
    database = Database(place or directory / "plenum.db")
    await database.open()
    ballots = Ballots(database, FileKeys(directory / "keys"))
    await ballots.load()
    return database, ballots


@pytest.mark.parametrize("poll", [NAMED, ANONYMOUS], ids=["named", "anonymous"])
async def test_the_last_of_many_answers_counts_once(tmp_path: Path, place: Path | str, poll: m.Poll) -> None:
    database, ballots = await opened(tmp_path, place)
    await asyncio.gather(*(ballots.answer(day.ANNA, "s1", poll, n % 2) for n in range(100)))
    await ballots.answer(day.BO, "s1", poll, 0)
    assert ballots.answered(poll.id) == 2
    assert await ballots.answer_of("anna", poll) == 1
    assert await ballots.counts(poll) == (1, 1)
    await database.close()


async def test_answers_are_there_after_a_restart(tmp_path: Path, place: Path | str) -> None:
    database, ballots = await opened(tmp_path, place)
    for poll in (NAMED, ANONYMOUS):
        await ballots.answer(day.ANNA, "s1", poll, 1)
    await database.close()
    database, again = await opened(tmp_path, place)
    for poll in (NAMED, ANONYMOUS):
        assert await again.answer_of("anna", poll) == 1
        await again.answer(day.ANNA, "s1", poll, 0)
        assert await again.counts(poll) == (1, 0)
    await database.close()


async def test_after_the_count_no_byte_on_the_disk_links_an_answer_to_its_person(
    tmp_path: Path, place: Path | str, stored: Callable[[], dict[str, bytes]]
) -> None:
    """As few voters as are told of; the whole of the database, its log and the keys' folder searched for what links them."""
    database, ballots = await opened(tmp_path, place)
    vault = Vault(tmp_path / "keys")
    await ballots.answer(day.ANNA, "s1", ANONYMOUS, 1)
    await ballots.answer(day.BO, "s1", ANONYMOUS, 0)
    await ballots.answer(day.SIRI, "s1", ANONYMOUS, 0)
    pseudonym = vault.voter(ANONYMOUS.id, "anna")
    key = (tmp_path / "keys" / f"{ANONYMOUS.id}.key").read_bytes()
    assert await ballots.counts(ANONYMOUS) == (2, 1)
    await ballots.forget(ANONYMOUS)
    everything = b"".join(stored().values())
    assert ANONYMOUS.id.encode() in everything
    for trace in (key, b"anna", pseudonym.encode(), pseudonym[:16].encode()):
        assert trace not in everything
    assert await ballots.counts(ANONYMOUS) == (2, 1)
    assert await ballots.answer_of("anna", ANONYMOUS) is None
    assert ballots.answered(ANONYMOUS.id) == 3
    await database.close()


async def test_answers_too_few_to_be_told_are_destroyed_with_their_poll(
    tmp_path: Path, place: Path | str, stored: Callable[[], dict[str, bytes]]
) -> None:
    database, ballots = await opened(tmp_path, place)
    for poll in (NAMED, ANONYMOUS):
        await ballots.answer(day.ANNA, "s1", poll, 1)
        await ballots.answer(day.BO, "s1", poll, 0)
        await ballots.forget(poll)
        await ballots.forget(poll)  # again, as after a restart
    assert await ballots.counts(NAMED) == (1, 1)
    assert await ballots.counts(ANONYMOUS) == (0, 0)
    assert b"s1-p2" not in b"".join(stored().values())
    await database.close()


async def test_neither_rows_nor_their_places_on_the_disk_tell_who_answered_first(tmp_path: Path) -> None:
    """The same answers in two orders of arrival leave the same bytes behind in the table's page."""
    pages = []
    for name, order in (("one", range(20)), ("other", reversed(range(20)))):
        database, ballots = await opened(tmp_path / name)
        for number in order:
            await ballots.answer(m.Actor(f"p{number}", "X", frozenset({"attendee"})), "s1", ANONYMOUS, number % 2)
        await ballots.forget(ANONYMOUS)
        await database.close()
        content = (tmp_path / name / "plenum.db").read_bytes()
        pages.append(content[content.index(b"s1-p2") - 16 : content.rindex(b"s1-p2") + 16])
    assert pages[0] == pages[1]


async def test_votes_are_given_and_taken_back(tmp_path: Path, place: Path | str) -> None:
    database, ballots = await opened(tmp_path, place)
    await ballots.vote(day.ANNA, "s1", "s1-q1", up=True)
    await ballots.vote(day.BO, "s1", "s1-q1", up=True)
    await ballots.vote(day.ANNA, "s1", "s1-q1", up=False)
    assert ballots.votes("s1-q1") == 1
    assert [await ballots.voted(who, ["s1-q1"]) for who in ("anna", "bo")] == [(), ("s1-q1",)]
    await database.close()
    database, again = await opened(tmp_path, place)
    assert (again.votes("s1-q1"), await again.voted("anna", ["s1-q1"])) == (1, ())
    await database.close()


async def test_the_survey_is_answered_once_changeable_and_unlinkable_when_closed(tmp_path: Path, place: Path | str) -> None:
    database, ballots = await opened(tmp_path, place)
    await ballots.answer_survey(day.ANNA, SurveyAnswer(5, None, "Tack!"))
    await ballots.answer_survey(day.ANNA, SurveyAnswer(4, 3, "Tack så mycket!"))
    assert await ballots.survey_answer_of(day.ANNA) == SurveyAnswer(4, 3, "Tack så mycket!")
    assert await ballots.survey_rows() == [SurveyAnswer(4, 3, "Tack så mycket!")]
    await ballots.forget_survey()
    assert await ballots.survey_answer_of(day.ANNA) is None
    assert not Vault(tmp_path / "keys").holds(SURVEY)
    await database.close()


async def test_a_full_disk_refuses_the_answer_and_does_not_count_it(tmp_path: Path) -> None:
    database, ballots = await opened(tmp_path)

    async def read_only(connection: AsyncConnection) -> None:
        await connection.execute(text("PRAGMA query_only=ON"))

    await database.write(read_only)
    with pytest.raises(Refused, match="read_only"):
        await ballots.answer(day.ANNA, "s1", NAMED, 1)
    assert ballots.answered(NAMED.id) == 0
    await database.close()


def test_a_key_is_made_once_however_many_threads_want_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        for number in range(30):
            vault, name = Vault(tmp_path / "keys"), f"s1-p{number}"
            voters = [vault.voter(name, "anna") for _ in threads.map(vault.ensure, [name] * 16)]
            assert set(voters) == {Vault(tmp_path / "keys").voter(name, "anna")}


async def test_what_is_destroyed_is_not_made_again_for_who_comes_late(tmp_path: Path, place: Path | str) -> None:
    database, ballots = await opened(tmp_path, place)
    await ballots.answer_survey(day.ANNA, SurveyAnswer(5, None, ""))
    await ballots.forget_survey()
    with pytest.raises(Refused, match="survey_closed"):
        await ballots.answer_survey(day.ANNA, SurveyAnswer(5, None, ""))
    assert len(await ballots.survey_rows()) == 1
    assert not Vault(tmp_path / "keys").holds(SURVEY)
    await database.close()


async def test_an_answer_under_way_while_the_survey_closes_is_refused_and_not_counted(tmp_path: Path) -> None:
    """Both wait for the same commit, the closing before the answer."""
    database, ballots = await opened(tmp_path)
    await ballots.answer_survey(day.BO, SurveyAnswer(3, 3, "före"))
    opening, arrived = asyncio.Event(), asyncio.Event()

    async def hold(connection: AsyncConnection) -> None:
        arrived.set()
        await opening.wait()

    holding = asyncio.create_task(database.write(hold))
    await arrived.wait()
    closed = m.SurveyClosed(day.NOON)
    closing = asyncio.create_task(Journal(database).append(m.CONFERENCE, 1, [closed], actor="mona", cause=None, at=day.NOON))
    await asyncio.sleep(0)  # it is in line now
    answering = asyncio.create_task(ballots.answer_survey(day.ANNA, SurveyAnswer(5, 5, "efter")))
    await asyncio.sleep(0)
    opening.set()
    await asyncio.gather(holding, closing)
    with pytest.raises(Refused, match="survey_closed"):
        await answering
    await ballots.forget_survey()
    assert await ballots.survey_rows() == [SurveyAnswer(3, 3, "före")]
    await database.close()


async def test_only_the_closing_of_the_survey_closes_it(tmp_path: Path, place: Path | str) -> None:
    database, ballots = await opened(tmp_path, place)
    others: list[m.Event] = [m.SurveyOpened(day.NOON), m.SessionEnded("s1", day.NOON)]
    await Journal(database).append(m.CONFERENCE, 1, others, actor="mona", cause=None, at=day.NOON)
    await Journal(database).append("session/s1", 1, [m.SurveyClosed(day.NOON)], actor="x", cause=None, at=day.NOON)
    await ballots.answer_survey(day.ANNA, SurveyAnswer(5, 5, ""))
    assert len(await ballots.survey_rows()) == 1
    await database.close()


async def test_a_key_that_cannot_be_written_refuses_the_answer(tmp_path: Path) -> None:
    database, ballots = await opened(tmp_path)
    (tmp_path / "keys").write_text("no folder can be here")
    with pytest.raises(Refused, match="read_only"):
        await ballots.answer(day.ANNA, "s1", ANONYMOUS, 1)
    await database.close()

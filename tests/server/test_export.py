"""Exports: complete, safe to open, and silent about who gave an anonymous answer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rooms import messages as m
from server import tables
from server.database import Database
from server.export import COLUMNS, KINDS, Kind, Row, Table, rows, to_csv, to_json
from tests.server.board_day import at, person, programme, session, stay, write_events, write_full_day, write_rows

PLAN = session("s1", "Öppning", 0, 60)
ROOM = "session/s1"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "plenum.db")
    await database.open()
    yield database
    await database.close()


async def held(database: Database) -> None:
    await write_events(
        database,
        m.CONFERENCE,
        m.ProgrammePublished(programme(PLAN)),
        m.SessionPrepared("s1", at(-5)),
        m.SessionWentLive("s1", at(0)),
        m.SessionEnded("s1", at(60)),
    )
    await write_rows(database, tables.people, [person("p1"), person("p2")])


def poll(poll_id: str, *, anonymous: bool) -> m.Poll:
    return m.Poll(poll_id, "Vad är viktigast?", ("Skola", "Omsorg"), anonymous, phase="open", opened_at=at(10))


async def polled(
    database: Database, one: m.Poll, votes: dict[str, int], *, counted: bool = True, closed: bool = True
) -> None:
    await write_events(database, ROOM, m.PollDrafted(replace(one, phase="draft", opened_at=None)), m.PollOpened(one))
    if closed:
        await write_events(database, ROOM, m.PollClosed(one.id, at(20)))
    if closed and counted:
        counts = tuple(list(votes.values()).count(option) for option in range(len(one.options)))
        await write_events(database, ROOM, m.PollCounted(one.id, counts))
    table = [{"poll_id": one.id, "voter": voter, "option": option} for voter, option in votes.items()]
    await write_rows(database, tables.answers, table)


async def test_attendance_is_one_row_for_each_person_and_session_merged_over_tabs(database: Database) -> None:
    await held(database)
    stays = [stay("p1", "s1", 0, 30, tab="a"), stay("p1", "s1", 10, 40, tab="b"), stay("p1", "s1", 40, 50, visible=False)]
    await write_rows(database, tables.attendance, stays)
    (row,) = await rows(database, "attendance")
    assert row == {
        "session_id": "s1",
        "session": "Öppning",
        "person_id": "p1",
        "name": "Person p1",
        "email": "p1@example.org",
        "municipality": "",
        "county": "Uppsala län",
        "size_band": "smaller",
        "minutes": 50.0,
        "background_minutes": 10.0,
        "first_seen": "2026-03-25T08:00:00Z",
        "last_seen": "2026-03-25T08:50:00Z",
    }


async def test_an_erased_person_is_a_row_without_a_name(database: Database) -> None:
    await held(database)
    await write_rows(database, tables.attendance, [stay("gone", "s1", 0, 30)])
    (row,) = await rows(database, "attendance")
    assert (row["person_id"], row["name"], row["email"], row["minutes"]) == ("gone", "", "", 30.0)


async def test_answers_to_a_named_poll_have_names(database: Database) -> None:
    await held(database)
    await polled(database, poll("s1-p1", anonymous=False), {"p1": 1, "p2": 0})
    found = await rows(database, "answers")
    assert [(row["name"], row["option"], row["count"]) for row in found] == [
        ("Person p1", "Omsorg", 1),
        ("Person p2", "Skola", 1),
    ]


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "killed before the count"])
async def test_answers_to_an_anonymous_poll_are_counts_and_nobody(database: Database, counted: bool) -> None:
    await held(database)
    hashes = {"5f2a" * 16: 1, "0b1c" * 16: 1, "77de" * 16: 0}
    await polled(database, poll("s1-p1", anonymous=True), hashes, counted=counted)
    found = await rows(database, "answers")
    assert [(row["option"], row["count"]) for row in found] == [("Skola", 1), ("Omsorg", 2)]
    assert all(row[column] == "" for row in found for column in ("person_id", "name", "email", "municipality", "county"))
    for text in (to_csv(found), to_json(found)):
        assert not any(voter in text for voter in hashes)
        assert "Person" not in text


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "killed before the count"])
async def test_too_few_answers_to_an_anonymous_poll_are_one_row_that_says_so(database: Database, counted: bool) -> None:
    await held(database)
    await polled(database, poll("s1-p1", anonymous=True), {"5f2a" * 16: 1, "0b1c" * 16: 1}, counted=counted)
    (row,) = await rows(database, "answers")
    assert (row["option"], row["count"], row["poll_id"]) == ("(fewer than 3 answers)", None, "s1-p1")


@pytest.mark.parametrize("anonymous", [True, False])
async def test_nothing_is_told_of_a_poll_that_is_still_open(database: Database, anonymous: bool) -> None:
    await held(database)
    await polled(database, poll("s1-p1", anonymous=anonymous), {"p1": 1}, closed=False)
    assert await rows(database, "answers") == []


async def test_questions_that_the_hall_never_saw_stay_with_the_moderators(database: Database) -> None:
    await held(database)
    shown = m.Question("s1-q1", "p1", "Hur?", at(5))
    hidden = m.Question("s1-q2", "p2", "Hemligt", at(6))
    published = m.QuestionPublished(replace(shown, status="published", published_at=at(7)))
    await write_events(database, ROOM, m.QuestionAsked(shown), m.QuestionAsked(hidden), published)
    await write_rows(database, tables.votes, [{"question_id": "s1-q1", "person_id": p, "up": True} for p in ("p1", "p2")])
    (row,) = await rows(database, "questions")
    assert (row["name"], row["question"], row["votes"], row["asked_at"]) == ("Person p1", "Hur?", 2, "2026-03-25T08:05:00Z")


async def test_what_happened_in_a_session_survives_its_removal_from_the_programme(database: Database) -> None:
    await held(database)
    await polled(database, poll("s1-p1", anonymous=False), {"p1": 1})
    await write_rows(database, tables.attendance, [stay("p1", "s1", 0, 30)])
    await write_events(database, m.CONFERENCE, m.ProgrammePublished(programme()))
    assert [row["session_id"] for row in await rows(database, "answers")] == ["s1"]
    assert [row["minutes"] for row in await rows(database, "attendance")] == [30.0]


@pytest.mark.parametrize("what", KINDS)
async def test_an_empty_table_still_has_its_headings(database: Database, what: Kind) -> None:
    table = await rows(database, what)
    assert to_csv(table) == "\ufeff" + ",".join(COLUMNS[what]) + "\r\n"
    assert json.loads(to_json(table)) == []


@pytest.mark.parametrize("what", KINDS)
async def test_csv_and_json_of_a_whole_day_say_the_same(database: Database, what: Kind) -> None:
    await write_full_day(database, people=20)
    table = await rows(database, what, at(300))
    assert table
    assert all(tuple(row) == COLUMNS[what] for row in table)
    read = list(csv.DictReader(io.StringIO(to_csv(table).removeprefix("\ufeff"))))
    told = [{key: _as_csv(value) for key, value in row.items()} for row in json.loads(to_json(table))]
    assert read == told


def _as_csv(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", '=HYPERLINK("http://evil";"klick")']
)
def test_no_text_is_a_formula(text: str) -> None:
    cells = next(csv.reader(io.StringIO(to_csv(Table(["a"], [{"a": text}])).removeprefix("\ufeffa\r\n"), newline="")))
    assert cells == [f"'{text}"]


def test_numbers_stay_numbers() -> None:
    assert to_csv(Table(["a", "b"], [{"a": -1.5, "b": 3}])).endswith("-1.5,3\r\n")


def test_where_semicolons_part_columns_the_comma_is_the_decimal_sign() -> None:
    row: Row = {"a": -11.8, "b": 3, "c": "1.5", "d": True, "e": 2.0}
    assert to_csv(Table("abcde", [row]), ";").endswith("-11,8;3;1.5;true;2,0\r\n")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), st.sampled_from(",;"))
def test_every_text_is_read_back_as_it_was_but_for_the_apostrophe(texts: list[str], delimiter: str) -> None:
    columns = [str(number) for number in range(len(texts))]
    written = to_csv(Table(columns, [dict(zip(columns, texts, strict=True))]), delimiter)
    read = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline=""), delimiter=delimiter))
    assert len(read) == 2
    for text, cell in zip(texts, read[1], strict=True):
        assert cell in (text, f"'{text}")
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))

"""Attendance, answers, questions and what breakout rooms brought home as tables, from the database file alone, so that they
outlive server and programme file.

What was anonymous stays so: anonymous polls are counts, never rows, and nothing is told of a poll before it is closed.
CSV is safe to open in a spreadsheet. Neighbours: `report` (the board's figures), `api` (downloads).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.harvest import AUTHOR
from rooms.polls import LEAST_ANSWERS, tellable
from server.database import Database
from server.people import People, Person
from server.privacy.former import FORMER, is_former
from server.report import presences_of
from server.report_facts import Facts, read_facts
from server.tables import answers

Kind = Literal["attendance", "answers", "questions", "harvest"]
Row = dict[str, str | int | float | bool | None]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

# The columns of each table, also where it has no rows. Times are RFC 3339 in UTC.
_SESSION: Final = ("session_id", "session")
_PERSON: Final = ("person_id", "name", "email", "municipality", "county", "size_band")
COLUMNS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "attendance": (*_SESSION, *_PERSON, "minutes", "background_minutes", "first_seen", "last_seen"),
    "answers": (*_SESSION, "poll_id", "poll", "anonymous", "option", "count", *_PERSON),
    "questions": (*_SESSION, "question_id", "asked_at", "name", "status", "votes", "question"),
    "harvest": (*_SESSION, "group", "point", "votes"),
}

# A spreadsheet takes a text that begins like this for a formula, after white space too (CWE-1236). Full-width signs count.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROL_STARTS: Final = ("\t", "\r", "\n")
TOO_FEW: Final = f"(fewer than {LEAST_ANSWERS} answers)"  # instead of the result of an anonymous poll

BREAKOUTS: Final = "(breakout rooms)"  # instead of who asked, of points that were put to the vote

_BYTE_ORDER_MARK: Final = "\ufeff"  # Excel takes a file without it for Windows-1252


class Table(list[Row]):
    """Rows that know their columns, so that an empty table still has headings."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self.columns = tuple(columns)


async def rows(database: Database, what: Kind, now: datetime | None = None) -> Table:
    """The table `what`, one dictionary a row. `now` ends the attendance of sessions that still run."""
    facts = await read_facts(database)
    people = People(database)
    await people.load()
    match what:
        case "attendance":
            found = _attendance(facts, people, now or datetime.now(UTC))
        case "answers":
            found = _answers(facts, people, await _named_answers(database))
        case "questions":
            found = _questions(facts, people)
        case "harvest":
            found = _harvest(facts)
    return Table(COLUMNS[what], found)


def to_csv(table: Table, delimiter: str = ",") -> str:
    """RFC 4180 with a byte-order mark. Texts that a spreadsheet would run as formulas get an apostrophe in front. With `;`,
    which is for spreadsheets whose decimal sign is the comma, numbers have that: they would read "11.8" as a date or a text.
    """
    file = io.StringIO()
    file.write(_BYTE_ORDER_MARK)
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(table.columns)
    for row in table:
        writer.writerow([_cell(row.get(column), "," if delimiter == ";" else ".") for column in table.columns])
    return file.getvalue()


def to_json(table: Table) -> str:
    """A list of objects."""
    return msgspec.json.format(msgspec.json.encode(list(table)), indent=2).decode()


def _attendance(facts: Facts, people: People, now: datetime) -> Iterator[Row]:
    for plan in _plans(facts):
        for presence in presences_of(facts, plan, now):
            if is_former(presence.person_id):
                continue  # they count for the board; a row of their own would be about them
            yield {
                **_session(plan),
                **_person(people, presence.person_id),
                "minutes": round(presence.seconds / 60, 1),
                "background_minutes": round(presence.background_seconds / 60, 1),
                "first_seen": _time(datetime.fromtimestamp(presence.from_at, UTC)),
                "last_seen": _time(datetime.fromtimestamp(presence.to_at, UTC)),
            }


def _answers(facts: Facts, people: People, named: Mapping[str, list[tuple[str, int]]]) -> Iterator[Row]:
    """Of a named poll one row for each person, of an anonymous one a row for each option with its count, or one that says
    that too few have answered."""
    for plan in _plans(facts):
        for poll in facts.rooms.get(plan.id, m.RoomState()).polls.values():
            if poll.phase not in ("closed", "shown"):
                continue
            start: Row = {**_session(plan), "poll_id": poll.id, "poll": poll.title, "anonymous": poll.anonymous}
            if poll.anonymous:
                for option, count in _counts(poll, facts.answers.get(poll.id, {})):
                    yield {**start, "option": option, "count": count, **dict.fromkeys(_PERSON, "")}
            else:
                for person_id, index in named.get(poll.id, ()):
                    yield {**start, "option": poll.options[index], "count": 1, **_person(people, person_id)}


def _counts(poll: m.Poll, rows: Mapping[int, int]) -> list[tuple[str, int | None]]:
    """Option and count; by the rows where a killed server has left the poll uncounted."""
    counts = tuple(rows.get(index, 0) for index in range(len(poll.options))) if poll.counts is None else poll.counts
    return list(zip(poll.options, tellable(poll, counts), strict=False)) or [(TOO_FEW, None)]


def _questions(facts: Facts, people: People) -> Iterator[Row]:
    """Questions that the hall has seen; the others are for the moderators."""
    for plan in _plans(facts):
        for question in facts.rooms.get(plan.id, m.RoomState()).questions.values():
            if question.published_at is not None:
                yield {
                    **_session(plan),
                    "question_id": question.id,
                    "asked_at": _time(question.asked_at),
                    "name": _asker(people, question.author_id),
                    "status": question.status,
                    "votes": facts.votes.get(question.id, 0),
                    "question": question.text,
                }


def _asker(people: People, person_id: str) -> str:
    if is_former(person_id):
        return FORMER
    return people.name_of(person_id) if person_id != AUTHOR else BREAKOUTS


def _harvest(facts: Facts) -> Iterator[Row]:
    """Points of breakout rooms, a row each, with the votes for their group; nobody's name."""
    for plan in _plans(facts):
        harvest = facts.rooms.get(plan.id, m.RoomState()).harvest or m.Harvest({})
        for group in harvest.groups:
            for key in group.points:
                votes = facts.votes.get(group.question_id, 0) if group.question_id else None
                yield {**_session(plan), "group": group.title, "point": harvest.points[key].text, "votes": votes}


async def _named_answers(database: Database) -> dict[str, list[tuple[str, int]]]:
    """Voter and option by poll. Of anonymous polls the voters are keyed hashes, and nobody asks for those."""

    async def work(connection: AsyncConnection) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[str, int]]] = {}
        for row in await connection.execute(select(answers).order_by(answers.c.poll_id, answers.c.voter)):
            found.setdefault(row.poll_id, []).append((row.voter, row.option))
        return found

    return await database.read(work)


def _plans(facts: Facts) -> Sequence[m.SessionPlan]:
    """The sessions in order of time, then those that have left the programme since something happened in them."""
    planned = facts.conference.programme.sessions if facts.conference.programme is not None else ()
    gone = sorted({*facts.rooms, *facts.stretches} - {plan.id for plan in planned})
    never = datetime.fromtimestamp(0, UTC)
    return [*planned, *(m.SessionPlan(session_id, "", "plenary", never, never, "") for session_id in gone)]


def _session(plan: m.SessionPlan) -> Row:
    return {"session_id": plan.id, "session": plan.title}


def _person(people: People, person_id: str) -> Row:
    """Who it is; of an erased person, the id that no longer means anybody."""
    person = people.get(person_id) or Person(person_id, "", "")
    return {
        "person_id": person.id,
        "name": person.name,
        "email": person.email,
        "municipality": person.municipality,
        "county": person.county,
        "size_band": person.size_band,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cell(value: Any, decimal_sign: str) -> Any:
    if isinstance(value, str) and (value.startswith(_CONTROL_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)):
        return f"'{value}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(value).replace(".", decimal_sign)
    return value

"""What the board's figures are made of, read from the database: projections of the journal, and the tables beside it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, NamedTuple, cast

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import conference, room
from rooms import messages as m
from rooms.attendance import Stretch
from server.database import Database
from server.journal import Journal
from server.tables import answers, attendance, kept_figures, people, survey_answers, votes

ATTENDANCE: Final = "attendance"  # among the figures that are kept


class Person(NamedTuple):
    """What a breakdown needs to know of somebody, and no more."""

    county: str
    size_band: str
    roles: frozenset[m.Role]


class SurveyRow(NamedTuple):
    """One anonymous answer; None is "no opinion"."""

    conference: int | None
    association: int | None
    comment: str


class Facts(Struct, frozen=True):
    conference: m.ConferenceState
    rooms: dict[str, m.RoomState]  # by session id
    people: dict[str, Person]
    stretches: dict[str, list[Stretch]]  # by session id
    answers: dict[str, dict[int, int]]  # by poll id: how many chose each option
    votes: dict[str, int]  # by question id
    survey: list[SurveyRow]
    kept: bytes = b""  # figures of attendance, once its rows are deleted (`server.report_figures.KeptAttendance` as JSON)


async def read_facts(database: Database) -> Facts:
    """Everything the report needs. The tables are read in one transaction, so that they agree with one another."""
    state, rooms = await project(Journal(database))

    async def work(connection: AsyncConnection) -> Facts:
        return Facts(
            conference=state,
            rooms=rooms,
            people=await _people(connection),
            stretches=await _stretches(connection),
            answers=await _answers(connection),
            votes=await _votes(connection),
            survey=await _survey(connection),
            kept=await _kept(connection),
        )

    return await database.read(work)


async def project(journal: Journal) -> tuple[m.ConferenceState, dict[str, m.RoomState]]:
    """The state of the conference, and of its sessions by their ids."""
    state = m.ConferenceState()
    for entry in await journal.read(m.CONFERENCE):
        state = conference.apply(state, cast(m.ConferenceEvent, entry.event))
    rooms: dict[str, m.RoomState] = {}
    for name in await journal.streams():
        if name.startswith("session/"):
            projected = m.RoomState()
            for entry in await journal.read(name):
                projected = room.apply(projected, cast(m.RoomEvent, entry.event))
            rooms[name.removeprefix("session/")] = projected
    return state, rooms


async def _people(connection: AsyncConnection) -> dict[str, Person]:
    query = select(people.c.id, people.c.county, people.c.size_band, people.c.roles)
    return {
        row.id: Person(row.county, row.size_band, cast("frozenset[m.Role]", frozenset(row.roles.split())))
        for row in await connection.execute(query)
    }


async def _stretches(connection: AsyncConnection) -> dict[str, list[Stretch]]:
    found: defaultdict[str, list[Stretch]] = defaultdict(list)
    c: Any = attendance.c
    for row in await connection.execute(select(c.person_id, c.session_id, c.from_at, c.seen_at, c.visible)):
        found[row.session_id].append(Stretch(*row))
    return dict(found)


async def _answers(connection: AsyncConnection) -> dict[str, dict[int, int]]:
    query = select(answers.c.poll_id, answers.c.option, func.count()).group_by(answers.c.poll_id, answers.c.option)
    found: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for poll_id, option, count in await connection.execute(query):
        found[poll_id][option] = count
    return dict(found)


async def _votes(connection: AsyncConnection) -> dict[str, int]:
    query = select(votes.c.question_id, func.count()).where(votes.c.up).group_by(votes.c.question_id)
    return {question_id: count for question_id, count in await connection.execute(query)}


async def _survey(connection: AsyncConnection) -> list[SurveyRow]:
    c: Any = survey_answers.c
    query = select(c.conference, c.association, c.comment).order_by(c.voter)
    return [SurveyRow(*row) for row in await connection.execute(query)]


async def _kept(connection: AsyncConnection) -> bytes:
    found = await connection.execute(select(kept_figures.c.body).where(kept_figures.c.name == ATTENDANCE))
    return found.scalar_one_or_none() or b""

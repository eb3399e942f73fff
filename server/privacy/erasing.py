"""Erasing people: everything about them in the database, in one transaction; then it is made sure that it is gone from the
database's files too.

What goes: their row and links, their attendance, their answers to named polls and to anonymous ones that are still open,
whose votes were theirs, and in the journal their id, the texts of their questions, their name among a session's speakers.
What stays says nothing of them: counts, that one more was in a session, and what happened, under an id that means nobody.
Neighbours: `forgetting`, what a running server does besides; docs/decisions/0011.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Column, Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import conference
from rooms import messages as m
from rooms.attendance import Period, Stretch, merge
from server.ballots import SURVEY
from server.database import Database
from server.database.dialect import upsert
from server.keys import Keys
from server.privacy.former import new_former
from server.privacy.redaction import Redaction
from server.report import PARTICIPANTS
from server.report_facts import ATTENDANCE
from server.tables import (
    answers,
    attendance,
    chores,
    erasures,
    events,
    kept_figures,
    links,
    notes,
    people,
    survey_answers,
    votes,
)

PURGE: Final = "purge"  # among the chores
CHUNK: Final = 1000  # ids in one statement: databases bound their number

_decoder: Final = msgspec.json.Decoder(m.Event)


class Departure(Struct, frozen=True):
    """Who is to be erased, and what will stand for them. `texts`: their questions go too. `name` is looked for among the
    speakers; "": it is not."""

    person_id: str
    former: str
    name: str = ""
    texts: bool = True


class Erased(NamedTuple):
    """How many rows were deleted or changed, by table."""

    people: int
    links: int
    attendance: int
    answers: int
    votes: int
    events: int


async def erase(database: Database, keys: Keys, departures: Sequence[Departure], now: datetime) -> tuple[Erased, bool]:
    """Erases them; harmless when repeated. Returns what there was, and whether it is out of the files as well: False if
    others kept those busy; then a running server does it within the hour."""
    secret = await secret_answers(database, keys, [departure.person_id for departure in departures])

    async def work(connection: AsyncConnection) -> Erased:
        return await erase_rows(connection, departures, secret, now)

    erased = await database.write(work)
    return erased, not any(erased) or await purge(database)


async def purge(database: Database) -> bool:
    """Makes sure that what was deleted is gone from the database's files."""
    if not await database.purge(events, answers, votes, survey_answers, people, links, attendance, notes):
        return False

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(chores).where(chores.c.name == PURGE))

    await database.write(work)
    return True


async def secret_answers(database: Database, keys: Keys, ids: Sequence[str]) -> dict[str, list[str]]:
    """Under which names they have answered, or could have, by anonymous poll (or `SURVEY`): as long as there is a key."""

    async def work(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(select(answers.c.poll_id).distinct())).scalars())

    found = {}
    for name in [*await database.read(work), SURVEY]:
        with contextlib.suppress(KeyError):  # a poll with names, or closed, or being closed just now
            found[name] = [await keys.voter(name, person_id) for person_id in ids]
    return found


async def erase_rows(
    connection: AsyncConnection, departures: Sequence[Departure], secret: Mapping[str, Sequence[str]], now: datetime
) -> Erased:
    """`secret`: of `secret_answers`."""
    ids = [departure.person_id for departure in departures]
    state = await _conference(connection)
    marks = await _marks(connection, state, ids, now)
    redaction = Redaction(
        {departure.person_id: departure.former for departure in departures},
        texts={departure.person_id for departure in departures if departure.texts},
        names=[departure.name for departure in departures],
    )
    erased = Erased(
        people=await _delete(connection, people.c.id, ids),
        links=await _delete(connection, links.c.person_id, ids),
        attendance=await _delete(connection, attendance.c.person_id, ids),
        answers=await _delete(connection, answers.c.voter, ids) + await _delete_secret(connection, secret),
        votes=await disown_votes(connection, ids),
        events=await redact_events(connection, redaction),
    )
    if marks:
        await connection.execute(insert(attendance), marks)
    if any(erased):
        await tell(connection, now)
    return erased


async def tell(connection: AsyncConnection, now: datetime) -> None:
    """Leaves word for all servers that something was erased, and that the files are to be cleaned of it."""
    at = now.timestamp()
    await connection.execute(insert(erasures), {"id": secrets.token_hex(8), "at": at})
    await connection.execute(upsert(connection.dialect.name, chores, "name"), {"name": PURGE, "at": at})  # type: ignore[arg-type]


async def redact_events(connection: AsyncConnection, redaction: Redaction) -> int:
    """Rewrites the entries that have something of theirs, each in its place; returns how many."""
    changes = []
    rows = await connection.stream(select(events.c.stream, events.c.seq, events.c.actor, events.c.cause, events.c.body))
    async for row in rows:
        after = (redaction.actor(row.actor), redaction.cause(row.cause), redaction.body(row.body))
        if after != (row.actor, row.cause, row.body):
            actor, cause, body = after
            changes.append({"at_stream": row.stream, "at_seq": row.seq, "by": actor, "why": cause, "what": body})
    if changes:
        statement = update(events).where(events.c.stream == bindparam("at_stream"), events.c.seq == bindparam("at_seq"))
        await connection.execute(
            statement.values(actor=bindparam("by"), cause=bindparam("why"), body=bindparam("what")), changes
        )
    return len(changes)


async def _conference(connection: AsyncConnection) -> m.ConferenceState:
    state = m.ConferenceState()
    query = select(events.c.body).where(events.c.stream == m.CONFERENCE).order_by(events.c.seq)
    for body in (await connection.execute(query)).scalars():
        state = conference.apply(state, cast(m.ConferenceEvent, _decoder.decode(body)))
    return state


async def _marks(
    connection: AsyncConnection, state: m.ConferenceState, ids: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """What stays of participants' attendance: that one more was in the session, at no time in particular. Nothing of those
    who only worked, whom no figure counts."""
    kept = select(kept_figures.c.at).where(kept_figures.c.name == ATTENDANCE)
    if (await connection.execute(kept)).first() is not None:
        return []
    counted = {
        row.id: new_former()  # another than in the journal: nothing shall lead from one to the other
        for row in await _rows(connection, people.c.id, people.c.roles, key=people.c.id, ids=ids)
        if PARTICIPANTS & set(row.roles.split())
    }
    c: Any = attendance.c
    own: dict[tuple[str, str], list[Stretch]] = {}
    for row in await _rows(
        connection, c.person_id, c.session_id, c.from_at, c.seen_at, c.visible, key=c.person_id, ids=list(counted)
    ):
        own.setdefault((row.person_id, row.session_id), []).append(
            Stretch(row.person_id, row.session_id, row.from_at, row.seen_at, row.visible)
        )
    return [
        _mark(counted[person_id], session_id, period.live_at)
        for (person_id, session_id), stretches in sorted(own.items(), key=lambda item: (item[0][1], counted[item[0][0]]))
        if (period := _period(state, session_id, now)) is not None and merge(stretches, period)
    ]


def _mark(former: str, session_id: str, at: float) -> dict[str, Any]:
    row = {"id": secrets.token_hex(8), "session_id": session_id, "person_id": former}
    return {**row, "from_at": at, "seen_at": at, "visible": True}


def _period(state: m.ConferenceState, session_id: str, now: datetime) -> Period | None:
    run = state.runs.get(session_id, m.SessionRun())
    return Period(run.live_at.timestamp(), (run.ended_at or now).timestamp()) if run.live_at is not None else None


async def disown_votes(connection: AsyncConnection, ids: Sequence[str]) -> int:
    """Votes still count; each is another nobody's."""
    c = votes.c
    found = await _rows(connection, c.question_id, c.up, key=c.person_id, ids=ids)
    await _delete(connection, c.person_id, ids)
    rows = [{"question_id": row.question_id, "person_id": new_former(), "up": True} for row in found if row.up]
    if rows:
        await connection.execute(insert(votes), rows)
    return len(found)


async def _delete_secret(connection: AsyncConnection, secret: Mapping[str, Sequence[str]]) -> int:
    count = 0
    for name, voters in secret.items():
        table = survey_answers if name == SURVEY else answers
        of_poll = [] if name == SURVEY else [answers.c.poll_id == name]
        for some in _chunks(voters):
            count += (await connection.execute(delete(table).where(table.c.voter.in_(some), *of_poll))).rowcount
    return count


async def _delete(connection: AsyncConnection, key: Column[Any], ids: Collection[str]) -> int:
    return sum([(await connection.execute(delete(key.table).where(key.in_(some)))).rowcount for some in _chunks(ids)])


async def _rows(
    connection: AsyncConnection, *columns: Column[Any], key: Column[Any], ids: Collection[str]
) -> list[Row[Any]]:
    return [row for some in _chunks(ids) for row in await connection.execute(select(*columns).where(key.in_(some)))]


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    every = list(ids)
    return (every[start : start + CHUNK] for start in range(0, len(every), CHUNK))

"""A conference day as the database holds it, for the tests of the board's figures and their page."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server import tables
from server.database import Database
from server.journal import Journal
from server.municipalities import SIZE_BANDS

NINE = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)  # 09:00 in Stockholm
COUNTIES = ("Stockholms län", "Uppsala län", "Dalarnas län", "Skåne län", "Västra Götalands län", "Norrbottens län")


def at(minute: float) -> datetime:
    """A time on the conference's first morning, in minutes after nine o'clock."""
    return NINE + timedelta(minutes=minute)


def session(session_id: str, title: str, start: float, end: float, kind: m.Kind = "plenary", **more: Any) -> m.SessionPlan:
    return m.SessionPlan(session_id, title, kind, at(start), at(end), "hall", **more)


def programme(*sessions: m.SessionPlan, goals: m.Goals | None = None) -> m.Programme:
    return m.Programme(
        "Vårkonferensen 2026",
        "Kommundirektörsföreningen",
        "Europe/Stockholm",
        ("sv", "en"),
        goals or m.Goals(),
        (m.RoomPlan("hall", "Plenum"),),
        sessions,
    )


async def write_events(database: Database, stream: str, *events: m.Event) -> None:
    journal = Journal(database)
    last = len(await journal.read(stream))
    await journal.append(stream, last + 1, events, actor="system", cause=None, at=NINE)


async def write_rows(database: Database, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    async def work(connection: AsyncConnection) -> None:
        if rows:
            await connection.execute(insert(table), rows)

    await database.write(work)


def person(
    person_id: str, county: str = "Uppsala län", size_band: str = "smaller", roles: str = "attendee"
) -> dict[str, Any]:
    return {
        "id": person_id,
        "name": f"Person {person_id}",
        "email": f"{person_id}@example.org",
        "county": county,
        "size_band": size_band,
        "roles": roles,
    }


def stay(
    person_id: str, session_id: str, start: float, end: float, *, visible: bool = True, tab: str = ""
) -> dict[str, Any]:
    """One row of attendance, in minutes after nine."""
    return {
        "id": f"{person_id}-{session_id}-{start}-{tab}",
        "session_id": session_id,
        "person_id": person_id,
        "from_at": at(start).timestamp(),
        "seen_at": at(end).timestamp(),
        "visible": visible,
    }


def survey_row(voter: str, conference: int | None, association: int | None, comment: str = "") -> dict[str, Any]:
    return {"voter": voter, "conference": conference, "association": association, "comment": comment}


FULL_DAY: tuple[m.SessionPlan, ...] = (
    session("opening", "Öppning och lägesbild", 0, 45, speakers=("Anna Berg",)),
    session("rule-of-law", "Folkstyrelse och rättssäkerhet", 45, 105, theme="Demokrati", host="SKR"),
    session("coffee", "Kaffe", 105, 120, "break"),
    session("annual-meeting", "Årsmöte", 120, 180, "assembly"),
    session("lunch", "Lunch", 180, 240, "break"),
    session("groups", "Kollegialt erfarenhetsutbyte", 240, 300, "breakouts"),
    session("closing", "Avslutning", 300, 345),
)


async def write_full_day(database: Database, people: int = 126) -> None:
    """A day with everything on it, as the board would meet it: deterministic, but with the unevenness of real people."""
    chance = random.Random(7)
    ids = [f"p{number}" for number in range(people)]
    await write_events(database, m.CONFERENCE, *_run_of_the_day(FULL_DAY))
    await write_events(database, "session/rule-of-law", *_polls_and_questions(ids))
    await write_rows(database, tables.people, [*_people(ids, chance), person("m1", roles="moderator")])
    await write_rows(database, tables.attendance, list(_attendance(ids, chance)))
    await write_rows(database, tables.votes, list(_votes(ids, chance)))
    await write_rows(database, tables.survey_answers, list(_survey(chance)))


def _run_of_the_day(plans: tuple[m.SessionPlan, ...]) -> Iterable[m.Event]:
    yield m.ProgrammePublished(programme(*plans))
    for plan, live, end in ((plans[0], 1, 46), (plans[1], 47, 104), (plans[3], 121, 171)):
        yield m.SessionPrepared(plan.id, at(live - 10))
        yield m.SessionWentLive(plan.id, at(live))
        yield m.SessionEnded(plan.id, at(end))
    yield m.SessionPrepared("groups", at(235))
    yield m.SessionWentLive("groups", at(241))
    yield m.SurveyOpened(at(250))
    yield m.SurveyClosed(at(267))


def _people(ids: Sequence[str], chance: random.Random) -> Iterable[dict[str, Any]]:
    for person_id in ids:
        county = chance.choices((*COUNTIES, "Gotlands län", "Blekinge län"), weights=(6, 3, 3, 5, 7, 3, 1, 1))[0]
        yield person(person_id, county, chance.choices(SIZE_BANDS, weights=(5, 6, 7, 5))[0])


def _attendance(ids: Sequence[str], chance: random.Random) -> Iterable[dict[str, Any]]:
    yield stay("m1", "opening", 0, 46)
    for session_id, live, end, share in (
        ("opening", 1, 46, 0.92),
        ("rule-of-law", 47, 104, 0.95),
        ("annual-meeting", 121, 171, 0.7),
        ("groups", 241, 268, 0.8),
    ):
        for person_id in ids:
            if chance.random() > share:
                continue
            came = live + max(-3.0, chance.gauss(1.5, 3))
            left = min(end, end - chance.expovariate(0.25) + 3)
            middle = came + (left - came) * chance.uniform(0.3, 0.7)
            if chance.random() < 0.3:
                yield stay(person_id, session_id, came, middle)
                yield stay(person_id, session_id, middle, min(left, middle + 9), visible=False)
                yield stay(person_id, session_id, min(left, middle + 9), left)
            else:
                yield stay(person_id, session_id, came, left)


def _polls_and_questions(ids: Sequence[str]) -> Iterable[m.Event]:
    room = "rule-of-law"
    themes = ("Rekrytering och kompetens", "Ekonomi i balans", "Tillit mellan politik och förvaltning", "Beredskap")
    poll = m.Poll(f"{room}-p1", "Vad är viktigast för din kommun i år?", themes, anonymous=False)
    yes_no = m.Poll(f"{room}-p2", "Har ni en plan för hot mot tjänstepersoner?", ("Ja", "Nej", "På väg"), anonymous=True)
    for one, counts in ((poll, (31, 44, 22, 9)), (yes_no, (48, 19, 35))):
        yield m.PollDrafted(one)
        yield m.PollOpened(replace(one, phase="open", opened_at=at(60)))
        yield m.PollClosed(one.id, at(70))
        yield m.PollCounted(one.id, counts)
    yield m.PollShown(poll.id, (31, 44, 22, 9))
    for number, (text, status) in enumerate(_QUESTIONS, 1):
        question = m.Question(f"{room}-q{number}", ids[number], text, at(60))
        yield m.QuestionAsked(question)
        if status != "pending":
            yield m.QuestionPublished(replace(question, status="published", published_at=at(61)))
        if status == "answered":
            yield m.QuestionAnswered(question.id)
    points = [m.HarvestPoint(f"b{number}-0", f"b{number}", text) for number, text in enumerate(_POINTS, 1)]
    groups = (m.HarvestGroup(f"{room}-g1", "Gemensam jurist", ("b1-0", "b2-0"), f"{room}-q2"),)
    yield m.HarvestShown(m.Harvest({point.id: point for point in points}, groups, shown=True))


_POINTS = ("Dela jurist mellan små kommuner", "En jurist för hela länet")

_QUESTIONS: tuple[tuple[str, m.QuestionStatus], ...] = (
    ("Hur värnar vi tjänstepersoners integritet när tonen hårdnar?", "answered"),
    ("Vad kan en liten kommun göra utan egen jurist?", "answered"),
    ("Hur delar vi lärdomar mellan länen?", "published"),
    ("Kommer SKR med en mall?", "pending"),
)


def _votes(ids: Sequence[str], chance: random.Random) -> Iterable[dict[str, Any]]:
    for number, share in ((1, 0.35), (2, 0.22), (3, 0.1)):
        for person_id in ids:
            if chance.random() < share:
                yield {"question_id": f"rule-of-law-q{number}", "person_id": person_id, "up": chance.random() < 0.95}


def _survey(chance: random.Random) -> Iterable[dict[str, Any]]:
    comments = ("Mycket bra samtal i grupperna.", "Längre pauser, tack.", "Ljudet var utmärkt hela dagen.")
    for number in range(64):
        conference = chance.choices((5, 4, 3, 2, None), weights=(34, 25, 2, 1, 2))[0]
        association = chance.choices((5, 4, 3, 2, None), weights=(20, 22, 9, 3, 8))[0]
        yield survey_row(f"v{number}", conference, association, comments[number] if number < len(comments) else "")


def conference_file(plans: Sequence[m.SessionPlan]) -> str:
    """`conference.toml` for the sessions, so that a server can be started on a database that has had them."""
    lines = [
        'name = "Vårkonferensen 2026"',
        'organiser = "Kommundirektörsföreningen"',
        'time_zone = "Europe/Stockholm"',
        'languages = ["sv", "en"]',
        '[[rooms]]\nid = "hall"\ntitle = "Plenum"',
    ]
    zone = ZoneInfo("Europe/Stockholm")
    for plan in plans:
        start, end = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (plan.starts_at, plan.ends_at))
        lines.append(
            f'[[sessions]]\nid = "{plan.id}"\ntitle = "{plan.title}"\nkind = "{plan.kind}"\n'
            f'start = "{start}"\nend = "{end}"\nroom = "hall"'
        )
    return "\n".join(lines)

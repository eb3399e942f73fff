"""The board's figures: participants, attendance, polls, questions and the survey, from the database file alone.

`build` needs no running server, so that a report can be made after the conference and made again. Who is counted:
a participant is whoever was present in a session while it was live and holds the role of attendee or board, or is unknown
by now (erased people stay in the numbers: that they were there, not when). Those who only worked (speakers, moderators) are
told apart. Neighbours: `rooms/attendance.py`, `rooms/evaluation.py` (the rules), `report_figures`, `board` (shows them).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from rooms import messages as m
from rooms.attendance import Period, Presence, merge, summarise
from rooms.evaluation import LEAST_SHOWN, Cell, Verdict, distribute, judge, response_rate, suppress
from rooms.harvest import AUTHOR
from rooms.polls import tellable, tells
from server.database import Database
from server.municipalities import SIZE_BANDS
from server.privacy.former import is_former
from server.report_facts import Facts, Person, read_facts
from server.report_figures import (
    Day,
    HarvestFigures,
    KeptAttendance,
    Participants,
    PollFigures,
    QuestionFigures,
    Questions,
    Report,
    SessionFigures,
    SurveyFigures,
)

PARTICIPANTS: Final[frozenset[m.Role]] = frozenset({"attendee", "board"})


def kept_of(report: Report) -> KeptAttendance:
    attended = report.survey.attended
    return KeptAttendance(report.participants, report.sessions, report.size_bands, report.counties, attended)


async def build(database: Database, now: datetime) -> Report:
    """The report as of now. Raises `LookupError` if no programme has ever been published."""
    facts = await read_facts(database)
    if facts.conference.programme is None:
        raise LookupError("the journal has no programme yet")
    return await asyncio.to_thread(assemble, facts, facts.conference.programme, now)


def assemble(facts: Facts, programme: m.Programme, now: datetime) -> Report:
    """The report from what the database holds; pure."""
    kept = msgspec.json.decode(facts.kept, type=KeptAttendance) if facts.kept else None
    presences = {plan.id: presences_of(facts, plan, now) for plan in programme.sessions if plan.kind != "break"}
    everybody = {p.person_id for attended in presences.values() for p in attended}
    counted = {person_id for person_id in everybody if _is_participant(facts.people.get(person_id))}
    theirs = {key: [p for p in attended if p.person_id in counted] for key, attended in presences.items()}
    known = [facts.people[person_id] for person_id in counted if person_id in facts.people]
    report = Report(
        name=programme.name,
        organiser=programme.organiser,
        time_zone=programme.time_zone,
        made_at=now,
        participants=_participants(facts, programme, theirs, working=len(everybody) - len(counted)),
        sessions=tuple(_session(facts, plan, theirs[plan.id], now) for plan in programme.sessions if plan.id in theirs),
        size_bands=_breakdown(known, lambda person: person.size_band, order=SIZE_BANDS),
        counties=_breakdown(known, lambda person: person.county),
        polls=tuple(_polls(facts, programme)),
        questions=_questions(facts, programme),
        harvest=tuple(_harvest(facts, programme)),
        survey=_survey(facts, programme.goals, attended=kept.attended if kept else len(everybody)),
    )
    if kept is None:
        return report
    return replace(
        report,
        participants=kept.participants,
        sessions=kept.sessions,
        size_bands=kept.size_bands,
        counties=kept.counties,
    )


def _is_participant(person: Person | None) -> bool:
    return person is None or bool(person.roles & PARTICIPANTS)


def _period(facts: Facts, session_id: str, now: datetime) -> Period | None:
    """When the session was live; until somebody was last seen while it still is. None if it never was."""
    run = facts.conference.runs.get(session_id, m.SessionRun())
    if run.live_at is None:
        return None
    if run.ended_at is not None:
        return Period(run.live_at.timestamp(), run.ended_at.timestamp())
    last_seen = max((s.seen_at for s in facts.stretches.get(session_id, ())), default=0.0)
    live_at = run.live_at.timestamp()
    return Period(live_at, max(live_at, min(last_seen, now.timestamp())))


def presences_of(facts: Facts, plan: m.SessionPlan, now: datetime) -> list[Presence]:
    """Who was in a session while it was live; nobody if it never was."""
    period = _period(facts, plan.id, now)
    return merge(facts.stretches.get(plan.id, ()), period) if period is not None else []


def _participants(
    facts: Facts, programme: m.Programme, presences: Mapping[str, list[Presence]], *, working: int
) -> Participants:
    zone = ZoneInfo(programme.time_zone)
    days: dict[date, set[str]] = {}
    for session_id, attended in presences.items():
        live_at = facts.conference.runs.get(session_id, m.SessionRun()).live_at
        if live_at is not None:
            days.setdefault(live_at.astimezone(zone).date(), set()).update(p.person_id for p in attended)
    people = len(set().union(*days.values()))
    return Participants(
        people=people,
        goal=programme.goals.participants,
        met=people >= programme.goals.participants,
        registered=sum(1 for person in facts.people.values() if _is_participant(person)),
        working=working,
        days=tuple(Day(day, len(seen)) for day, seen in sorted(days.items())),
    )


def _session(facts: Facts, plan: m.SessionPlan, presences: list[Presence], now: datetime) -> SessionFigures:
    run = facts.conference.runs.get(plan.id, m.SessionRun())
    period = _period(facts, plan.id, now) or Period(0.0, 0.0)
    summary = summarise([p for p in presences if not is_former(p.person_id)], period, running=run.phase == "live")
    return SessionFigures(
        id=plan.id,
        title=plan.title,
        kind=plan.kind,
        phase=run.phase,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        live_at=run.live_at,
        ended_at=run.ended_at,
        people=len(presences),
        median_minutes=round(summary.median_seconds / 60, 1),
        background_share=summary.background_seconds / summary.total_seconds if summary.total_seconds else 0.0,
        peak=summary.peak,
        curve=summary.curve,
    )


def _breakdown(
    people: Iterable[Person], label: Callable[[Person], str], order: tuple[str, ...] = ()
) -> tuple[Cell[str], ...] | None:
    """Cells in the given order, else the largest first. An empty label is a municipality that is not known."""
    tally = Counter(label(person) for person in people)
    rank = {name: place for place, name in enumerate(order)}
    names = sorted(tally, key=lambda name: (rank.get(name, len(rank)), -tally[name], name))
    return suppress({name: tally[name] for name in names})


def _polls(facts: Facts, programme: m.Programme) -> Iterable[PollFigures]:
    for plan in programme.sessions:
        room = facts.rooms.get(plan.id, m.RoomState())
        for poll in room.polls.values():
            if poll.phase != "draft":
                yield _poll(poll, plan.id, facts.answers.get(poll.id, {}))


def _poll(poll: m.Poll, session_id: str, rows: Mapping[int, int]) -> PollFigures:
    """Closed polls by their count in the journal; one that a killed server left uncounted, by its rows."""
    counts = tuple(rows.get(option, 0) for option in range(len(poll.options))) if poll.counts is None else poll.counts
    answered = sum(counts)
    return PollFigures(
        id=poll.id,
        session_id=session_id,
        title=poll.title,
        anonymous=poll.anonymous,
        phase=poll.phase,
        options=poll.options,
        answered=answered if tells(poll, answered) else None,
        counts=None if poll.phase == "open" else tellable(poll, counts),
    )


def _questions(facts: Facts, programme: m.Programme) -> Questions:
    """But for those that are what breakout rooms brought home: they stand there."""
    asked = [
        (plan.id, q)
        for plan in programme.sessions
        for q in facts.rooms.get(plan.id, m.RoomState()).questions.values()
        if q.author_id != AUTHOR
    ]
    shown = [(session_id, q) for session_id, q in asked if q.status in ("published", "answered")]
    place = {plan.id: index for index, plan in enumerate(programme.sessions)}
    figures = [QuestionFigures(q.id, session_id, q.text, facts.votes.get(q.id, 0), q.status) for session_id, q in shown]
    return Questions(
        asked=len(asked),
        answered=sum(1 for _, q in asked if q.status == "answered"),
        unpublished=len(asked) - len(shown),
        shown=tuple(sorted(figures, key=lambda q: (place[q.session_id], -q.votes, q.id))),
    )


def _harvest(facts: Facts, programme: m.Programme) -> Iterator[HarvestFigures]:
    """Session by session, most votes first."""
    for plan in programme.sessions:
        harvest = facts.rooms.get(plan.id, m.RoomState()).harvest or m.Harvest({})
        found = [
            HarvestFigures(
                plan.id,
                group.title,
                tuple(harvest.points[key].text for key in group.points),
                facts.votes.get(group.question_id, 0) if group.question_id else None,
            )
            for group in harvest.groups
            if group.points
        ]
        yield from sorted(found, key=lambda group: -(group.votes or 0))


def _survey(facts: Facts, goals: m.Goals, *, attended: int) -> SurveyFigures:
    phase, answered = facts.conference.survey.phase, len(facts.survey)

    def verdict(ratings: Iterable[int | None]) -> Verdict | None:
        return judge(distribute(ratings), attended, goals.satisfied_share, goals.mean) if phase == "closed" else None

    comments = sorted((row.comment for row in facts.survey if row.comment), key=str.casefold)
    return SurveyFigures(
        phase=phase,
        answered=answered,
        attended=attended,
        response_rate=response_rate(answered, attended),
        conference=verdict(row.conference for row in facts.survey),
        association=verdict(row.association for row in facts.survey),
        comments=tuple(comments) if phase == "closed" and answered >= LEAST_SHOWN else None,
    )

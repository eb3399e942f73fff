"""The board's figures, from a database file without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from rooms import messages as m
from rooms.evaluation import Cell
from server import board_table, tables
from server.database import Database
from server.report import build
from server.report_figures import Report
from tests.server.board_day import (
    at,
    person,
    programme,
    session,
    stay,
    survey_row,
    write_events,
    write_full_day,
    write_rows,
)

OPENING = session("s1", "Opening", 0, 60)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "plenum.db")
    await database.open()
    yield database
    await database.close()


async def held(database: Database, *sessions: m.SessionPlan) -> None:
    """The sessions have been live exactly as planned."""
    plans = sessions or (OPENING,)
    await write_events(database, m.CONFERENCE, m.ProgrammePublished(programme(*plans)))
    for plan in plans:
        await write_events(
            database,
            m.CONFERENCE,
            m.SessionPrepared(plan.id, plan.starts_at),
            m.SessionWentLive(plan.id, plan.starts_at),
            m.SessionEnded(plan.id, plan.ends_at),
        )


async def test_without_a_programme_there_is_no_report(database: Database) -> None:
    with pytest.raises(LookupError):
        await build(database, at(0))


async def test_before_the_first_session_everything_is_zero(database: Database) -> None:
    await write_events(database, m.CONFERENCE, m.ProgrammePublished(programme(OPENING)))
    report = await build(database, at(-60))
    assert (report.participants.people, report.participants.met) == (0, False)
    assert (report.sessions[0].phase, report.sessions[0].curve) == ("planned", ())
    assert report.size_bands == report.counties == ()
    assert report.survey.response_rate is None


async def test_people_are_counted_once_over_sessions_days_and_devices(database: Database) -> None:
    await held(database, OPENING, session("s2", "Day two", 1440, 1500))
    rows = [
        stay("a", "s1", 0, 60),
        stay("a", "s1", 5, 30, tab="phone"),
        stay("a", "s2", 1440, 1450),
        stay("b", "s2", 1440, 1500),
    ]
    await write_rows(database, tables.attendance, rows)
    report = await build(database, at(2000))
    assert report.participants.people == 2
    assert [(str(day.date), day.people) for day in report.participants.days] == [("2026-03-25", 1), ("2026-03-26", 2)]


async def test_those_who_only_worked_are_told_apart(database: Database) -> None:
    await held(database)
    people = [person("a"), person("m", roles="moderator"), person("s", roles="attendee speaker"), person("absent")]
    await write_rows(database, tables.people, people)
    await write_rows(database, tables.attendance, [stay(who, "s1", 0, 60) for who in ("a", "m", "s")])
    report = await build(database, at(90))
    participants = report.participants
    assert (participants.people, participants.working, participants.registered) == (2, 1, 3)
    assert report.sessions[0].people == 2
    assert report.survey.attended == 3


async def test_an_erased_person_stays_in_the_numbers(database: Database) -> None:
    await held(database)
    await write_rows(database, tables.attendance, [stay("erased", "s1", 0, 60)])
    assert (await build(database, at(90))).participants.people == 1


async def test_breaks_do_not_count_as_attendance(database: Database) -> None:
    await held(database, session("coffee", "Coffee", 0, 15, "break"))
    await write_rows(database, tables.attendance, [stay("a", "coffee", 0, 15)])
    report = await build(database, at(90))
    assert (report.participants.people, report.sessions) == (0, ())


async def test_a_session_has_minutes_a_peak_and_a_curve(database: Database) -> None:
    await held(database)
    rows = [
        stay("a", "s1", -10, 60),
        stay("b", "s1", 0, 30, visible=False),
        stay("c", "s1", 30, 40),
        stay("d", "s1", 61, 90),
    ]
    await write_rows(database, tables.attendance, rows)
    figures = (await build(database, at(90))).sessions[0]
    assert (figures.people, figures.median_minutes, figures.peak) == (3, 30.0, 2)
    assert figures.background_share == pytest.approx(0.3)
    assert len(figures.curve) == 60
    assert figures.curve[35] == (35, 2, 0)


async def test_a_server_killed_during_a_session_invents_nothing(database: Database) -> None:
    await write_events(
        database,
        m.CONFERENCE,
        m.ProgrammePublished(programme(OPENING)),
        m.SessionPrepared("s1", at(-5)),
        m.SessionWentLive("s1", at(0)),
    )
    await write_rows(database, tables.attendance, [stay("a", "s1", 0, 20)])
    figures = (await build(database, at(500))).sessions[0]
    assert figures.median_minutes == 20
    assert len(figures.curve) == 20


async def test_groups_under_five_are_not_shown(database: Database) -> None:
    await held(database)
    counties = {"Skåne län": 7, "Uppsala län": 6, "Gotlands län": 1}
    ids = [(f"{county[0]}{i}", county) for county, count in counties.items() for i in range(count)]
    await write_rows(database, tables.people, [person(who, county, "largest") for who, county in ids])
    await write_rows(database, tables.attendance, [stay(who, "s1", 0, 60) for who, _ in ids])
    report = await build(database, at(90))
    assert report.counties == (Cell("Skåne län", 7), Cell(None, 7, 2))
    assert report.size_bands == (Cell("largest", 14),)


async def test_an_open_polls_tally_is_withheld_and_a_closed_ones_is_not(database: Database) -> None:
    await held(database)
    drafts = [m.Poll(f"s1-p{i}", f"Poll {i}", ("Yes", "No"), anonymous=True) for i in range(4)]
    await write_events(
        database,
        "session/s1",
        *[m.PollDrafted(poll) for poll in drafts],
        *[m.PollOpened(msgspec.structs.replace(poll, phase="open")) for poll in drafts[:3]],
        m.PollClosed("s1-p1", at(20)),
        m.PollCounted("s1-p1", (1, 4)),
        m.PollClosed("s1-p2", at(21)),
    )
    rows = [{"poll_id": f"s1-p{i}", "voter": f"v{v}", "option": v % 2} for i in range(3) for v in range(3)]
    await write_rows(database, tables.answers, rows)
    polls = (await build(database, at(90))).polls
    assert [(poll.id, poll.answered, poll.counts) for poll in polls] == [
        ("s1-p0", 3, None),
        ("s1-p1", 5, (1, 4)),
        ("s1-p2", 3, (2, 1)),  # closed, but killed before it was counted
    ]


async def test_of_an_anonymous_poll_with_few_answers_nothing_is_told_open_or_closed(database: Database) -> None:
    await held(database)
    polls = [m.Poll(f"s1-p{i}", f"Poll {i}", ("Yes", "No"), anonymous=i < 3) for i in range(4)]
    await write_events(
        database,
        "session/s1",
        *[m.PollDrafted(poll) for poll in polls],
        *[m.PollOpened(msgspec.structs.replace(poll, phase="open")) for poll in polls],
        *[m.PollClosed(poll.id, at(20)) for poll in polls[1:]],
        m.PollCounted("s1-p1", ()),
    )
    await write_rows(
        database, tables.answers, [{"poll_id": poll.id, "voter": f"v{v}", "option": v} for poll in polls for v in range(2)]
    )
    report = await build(database, at(90))
    assert [(poll.answered, poll.counts) for poll in report.polls] == [(None, None), (None, ()), (None, ()), (2, (1, 1))]
    values = [row["value"] for row in board_table.table(report) if row["figure"] == "answered" and row["part"] == "poll"]
    assert values == ["(fewer than 3 answers)"] * 3 + [2]


async def test_only_questions_the_hall_has_seen_are_told(database: Database) -> None:
    await held(database)
    questions = [m.Question(f"s1-q{i}", "a", f"Question {i}", at(5)) for i in range(4)]
    await write_events(
        database,
        "session/s1",
        *[m.QuestionAsked(question) for question in questions],
        m.QuestionPublished(msgspec.structs.replace(questions[0], status="published", published_at=at(6))),
        m.QuestionPublished(msgspec.structs.replace(questions[1], status="published", published_at=at(6))),
        m.QuestionAnswered("s1-q1"),
        m.QuestionDismissed("s1-q2", "a", was_published=False),
    )
    votes = [("s1-q1", "a", True), ("s1-q1", "b", True), ("s1-q1", "c", False), ("s1-q0", "a", True)]
    await write_rows(database, tables.votes, [{"question_id": q, "person_id": p, "up": up} for q, p, up in votes])
    told = (await build(database, at(90))).questions
    assert [(q.id, q.votes, q.status) for q in told.shown] == [("s1-q1", 2, "answered"), ("s1-q0", 1, "published")]
    assert (told.asked, told.answered, told.unpublished) == (4, 1, 2)
    encoded = msgspec.json.encode(told)
    assert b"Question 2" not in encoded
    assert b"Anna" not in encoded


async def survey(
    database: Database, *rows: tuple[int | None, int | None, str], attended: int = 10, is_closed: bool = True
) -> Report:
    await held(database)
    await write_events(database, m.CONFERENCE, m.SurveyOpened(at(50)), *([m.SurveyClosed(at(80))] if is_closed else []))
    await write_rows(database, tables.attendance, [stay(f"a{i}", "s1", 0, 60) for i in range(attended)])
    await write_rows(database, tables.survey_answers, [survey_row(f"v{i}", *row) for i, row in enumerate(rows)])
    return await build(database, at(90))


async def test_fewer_than_five_answers_are_withheld(database: Database) -> None:
    figures = (await survey(database, *[(5, 5, "Thanks")] * 4)).survey
    assert (figures.answered, figures.conference, figures.association, figures.comments) == (4, None, None, None)


async def test_an_open_surveys_result_is_withheld_however_many_have_answered(database: Database) -> None:
    seven: list[tuple[int | None, int | None, str]] = [(5, 5, f"Comment {i}") for i in range(7)]
    before = msgspec.to_builtins((await survey(database, *seven, is_closed=False)).survey)
    await write_rows(database, tables.survey_answers, [survey_row("eighth", 1, 2, "Mine")])
    after = msgspec.to_builtins((await build(database, at(90))).survey)
    assert before | {"answered": 8, "response_rate": 0.8} == after  # nothing else tells what the eighth answered
    assert (after["conference"], after["association"], after["comments"]) == (None, None, None)
    await write_events(database, m.CONFERENCE, m.SurveyClosed(at(95)))
    closed = (await build(database, at(96))).survey
    assert closed.conference is not None
    assert (closed.conference.n, len(closed.comments or ())) == (8, 8)


async def test_survey_with_no_opinion_and_comments(database: Database) -> None:
    report = await survey(
        database, (5, None, "b"), (5, 4, ""), (4, None, "A"), (4, 3, ""), (3, None, "c"), (5, None, ""), attended=12
    )
    figures = report.survey
    assert (figures.answered, figures.attended, figures.response_rate) == (6, 12, 0.5)
    assert figures.conference is not None
    assert (figures.conference.n, figures.conference.met) == (6, False)
    assert figures.conference.share == pytest.approx(5 / 6)
    assert figures.association is None
    assert figures.comments == ("A", "b", "c")


async def test_the_same_database_gives_the_same_report_again(database: Database, tmp_path: Path) -> None:
    await write_full_day(database)
    first = msgspec.json.encode(await build(database, at(268)))
    await database.close()
    again = Database(tmp_path / "plenum.db")
    await again.open()
    assert msgspec.json.encode(await build(again, at(268))) == first
    await again.close()


async def test_a_full_days_figures_agree_with_one_another(database: Database) -> None:
    await write_full_day(database)
    report = await build(database, at(268))
    assert report.counties is not None
    assert sum(cell.people for cell in report.counties) == report.participants.people
    assert all(figures.people <= report.participants.people for figures in report.sessions)
    assert all(figures.peak <= figures.people for figures in report.sessions)
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report

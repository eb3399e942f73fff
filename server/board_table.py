"""The board's figures as one long table, a figure a row, for those who count on in a spreadsheet.

The same as on the page and nothing more: what is withheld there (small groups, few answers, open polls) is withheld here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rooms.evaluation import Cell, Interval, Verdict
from server.export import TOO_FEW, Row, Table
from server.report_figures import Report, SessionFigures

# `part` is the section of the page, `item` what the figure is about (a session, group, option, question), `minute` only
# for curves. Shares are 0..1.
COLUMNS: Final = ("part", "session_id", "item", "minute", "figure", "value")


def table(report: Report) -> Table:
    """Every figure of the report, in the order of the page."""
    return Table(COLUMNS, _rows(report))


def _rows(report: Report) -> Iterator[Row]:
    people = report.participants
    for figure in ("people", "goal", "met", "registered", "working"):
        yield _row("participants", "", figure, getattr(people, figure))
    for day in people.days:
        yield _row("participants", day.date.isoformat(), "people", day.people)
    yield from _survey(report)
    for session in report.sessions:
        yield from _session(session)
    yield from _cells("size_band", report.size_bands)
    yield from _cells("county", report.counties)
    yield from _polls(report)
    for question in report.questions.shown:
        yield _row("question", question.text, "votes", question.votes, question.session_id)
        yield _row("question", question.text, "status", question.status, question.session_id)
    for group in report.harvest:
        for point in group.points:
            yield _row("harvest", point, "group", group.title, group.session_id)
        if group.votes is not None:
            yield _row("harvest", group.title or "; ".join(group.points), "votes", group.votes, group.session_id)


def _row(
    part: str, item: str, figure: str, value: str | float | bool, session_id: str = "", minute: int | None = None
) -> Row:
    return {"part": part, "session_id": session_id, "item": item, "minute": minute, "figure": figure, "value": value}


def _survey(report: Report) -> Iterator[Row]:
    survey = report.survey
    yield _row("survey", "", "answered", survey.answered)
    yield _row("survey", "", "attended", survey.attended)
    if survey.response_rate is not None:
        yield _row("survey", "", "response_rate", round(survey.response_rate, 4))
    for item, verdict in (("conference", survey.conference), ("association", survey.association)):
        if verdict is not None:
            yield from _verdict(item, verdict)
    for comment in survey.comments or ():
        yield _row("survey", "comment", "text", comment)


def _verdict(item: str, verdict: Verdict) -> Iterator[Row]:
    for rating, count in enumerate(verdict.distribution.counts, 1):
        yield _row("survey", item, f"rating_{rating}", count)
    yield _row("survey", item, "no_opinion", verdict.distribution.no_opinion)
    for figure in ("n", "share", "share_interval", "share_bounds", "share_goal", "mean", "mean_interval", "mean_goal"):
        value = getattr(verdict, figure)
        if isinstance(value, Interval):
            yield _row("survey", item, f"{figure}_low", round(value.low, 4))
            yield _row("survey", item, f"{figure}_high", round(value.high, 4))
        else:
            yield _row("survey", item, figure, round(value, 4))
    yield _row("survey", item, "met", verdict.met)
    yield _row("survey", item, "secure", verdict.secure)


def _session(session: SessionFigures) -> Iterator[Row]:
    yield _row("session", session.title, "phase", session.phase, session.id)
    for figure in ("people", "median_minutes", "peak"):
        yield _row("session", session.title, figure, getattr(session, figure), session.id)
    yield _row("session", session.title, "background_share", round(session.background_share, 4), session.id)
    for minute, present, background in session.curve:
        yield _row("curve", session.title, "present", present, session.id, minute)
        yield _row("curve", session.title, "background", background, session.id, minute)


def _cells(part: str, cells: tuple[Cell[str], ...] | None) -> Iterator[Row]:
    for cell in cells or ():
        yield _row(part, "(others)" if cell.label is None else cell.label or "(unknown)", "people", cell.people)


def _polls(report: Report) -> Iterator[Row]:
    for poll in report.polls:
        yield _row("poll", poll.title, "answered", TOO_FEW if poll.answered is None else poll.answered, poll.session_id)
        for option, count in zip(poll.options, poll.counts or (), strict=False):
            yield _row("poll", poll.title, option, count, poll.session_id)

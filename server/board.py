"""The board's page, and the same figures as JSON and CSV. What is counted and how: `report`; how it is drawn: `charts`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms import messages as m
from rooms.access import check_page
from rooms.evaluation import LEAST_SHOWN
from rooms.polls import LEAST_ANSWERS
from server import board_table, charts
from server.api import csv_download
from server.figures import Figures
from server.report import build
from server.report_figures import Report
from server.services import Services
from server.templates import render, translator


async def page(request: Request) -> Response:
    """GET /board: the whole page, complete without scripts."""
    report = await _report(request)
    return render(request, "board.html", **context(report, Figures(translator(request).lang)))


async def data(request: Request) -> Response:
    """GET /api/board: `Report` as JSON."""
    report = await _report(request)
    return Response(msgspec.json.encode(report), media_type="application/json", headers={"Cache-Control": "no-store"})


async def table(request: Request) -> Response:
    """GET /board.csv: the same figures as one long table."""
    report = await _report(request)
    return csv_download(request, board_table.table(report), "board")


def context(report: Report, figures: Figures) -> dict[str, Any]:
    """What the template is handed beside the report itself: drawings, and figures as text."""
    goal = report.participants
    survey = {key: verdict for key, verdict in _verdicts(report).items() if verdict is not None}
    top = charts.top_of(report)
    return {
        "report": report,
        "figures": figures,
        "least": LEAST_SHOWN,
        "least_answers": LEAST_ANSWERS,
        "over": all(session.phase == "ended" for session in report.sessions) and bool(report.sessions),
        "verdicts": _verdicts(report),
        "participants_ring": charts.ring(goal.people / max(1, goal.goal), 1.0),
        "rings": {key: charts.ring(v.share, v.share_goal, v.share_interval) for key, v in survey.items()},
        "strips": charts.strips(report),
        "curves": {session.id: charts.curve(session.curve, top) for session in report.sessions},
        "curve_data": {session.id: msgspec.json.encode(session.curve).decode() for session in report.sessions},
        "top": top,
        "titles": {session.id: session.title for session in report.sessions},
        "is_live": any(session.phase == "live" for session in report.sessions),
        "hours": _hours,
        "after": lambda at, minutes: at + timedelta(minutes=minutes),
    }


def _verdicts(report: Report) -> dict[str, Any]:
    return {"conference": report.survey.conference, "association": report.survey.association}


def _hours(session: Any) -> tuple[datetime, datetime]:
    """When a session really was, as far as that is known; else when it is planned."""
    live = session.phase in ("live", "ended") and session.live_at is not None
    return (session.live_at, session.ended_at or session.ends_at) if live else (session.starts_at, session.ends_at)


async def _report(request: Request) -> Report:
    services: Services = request.state.services
    actor: m.Actor | None = services.identity.actor(request)
    async with services.readings.of(check_page(actor, "board").person_id):
        return await build(services.database, services.now())


routes: Final = [Route("/board", page), Route("/api/board", data), Route("/board.csv", table)]

"""The board's drawings: everything inside its frame, all axes from zero, all curves on one scale."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import messages as m
from rooms.attendance import CurvePoint
from rooms.evaluation import Interval
from server.charts import HEIGHT, curve, ring, strips, top_of
from server.report import assemble
from server.report_facts import Facts
from server.report_figures import Report
from tests.server.board_day import at, programme, session


def report(*plans: m.SessionPlan, runs: dict[str, m.SessionRun] | None = None, now: datetime | None = None) -> Report:
    conference = m.ConferenceState(programme=programme(*plans), runs=runs or {})
    return assemble(Facts(conference, {}, {}, {}, {}, {}, []), programme(*plans), now or at(-600))


def test_a_ring_shows_share_interval_and_goal() -> None:
    drawing = ring(0.75, 0.9, Interval(0.7, 0.8))
    assert (drawing.value, drawing.low, drawing.span, drawing.goal_degrees) == (75, 70, 10, 324)


def test_more_than_the_goal_is_a_whole_ring() -> None:
    assert ring(1.3, 1.0).value == 100


def test_a_session_that_has_not_run_has_no_curve() -> None:
    assert curve([], 100) is None


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)), min_size=1, max_size=90))
def test_curves_stay_in_their_frame(people: list[tuple[int, int]]) -> None:
    points = [CurvePoint(minute, max(pair), min(pair)) for minute, pair in enumerate(people)]
    drawing = curve(points, 150)
    assert drawing is not None
    for path in (drawing.present, drawing.background, drawing.line):
        for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path):
            assert 0 <= float(x) <= len(points)
            assert 0 <= float(y) <= HEIGHT
    assert drawing.present.startswith(f"M0 {HEIGHT:g}")  # the ground is nobody


def test_a_strip_begins_and_ends_on_the_hour_in_the_conferences_time() -> None:
    (strip,) = strips(report(session("a", "A", 10, 50), session("b", "B", 65, 130)))
    assert [hour.x for hour in strip.hours] == [pytest.approx(100 * i / 3, abs=0.001) for i in range(4)]
    assert [(round(block.x, 1), round(block.width, 1)) for block in strip.blocks] == [(5.6, 22.2), (36.1, 36.1)]
    assert strip.now_x is None


def test_two_days_are_two_strips_numbered_through() -> None:
    first, second = strips(report(session("a", "A", 0, 60), session("b", "B", 1440, 1500)))
    assert [block.number for block in (*first.blocks, *second.blocks)] == [1, 2]
    assert (second.day - first.day).days == 1


def test_a_session_that_began_early_is_inside_its_day() -> None:
    plan = session("a", "A", 0, 60)
    run = m.SessionRun("ended", at(-20), at(-15), at(50))
    (strip,) = strips(report(plan, runs={"a": run}, now=at(30)))
    assert 0 <= strip.blocks[0].curve_x < strip.blocks[0].x
    assert strip.now_x == pytest.approx(75)


def test_the_scale_is_round_and_even() -> None:
    assert top_of(report(session("a", "A", 0, 60))) == 10

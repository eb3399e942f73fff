"""Geometry of the board's drawings: rings, presence curves and the strip of a day, as numbers for SVG attributes.

Server-drawn, so that the page is whole without scripts, on paper and under a policy that allows no inline styles. Widths are
percentages of the drawing and heights units of a view box, so one drawing fits every screen. All axes begin at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from rooms.attendance import CurvePoint
from rooms.evaluation import Interval
from server.report_figures import Report, SessionFigures

HEIGHT: Final = 100.0  # of a curve's view box


class Ring(Struct, frozen=True):
    """A share of a whole turn, 0..100, with the interval it lies in, and the goal as a mark (degrees from the top)."""

    value: float
    low: float
    span: float  # of the interval; 0: it is a count, not an estimate
    goal_degrees: float


class Curve(Struct, frozen=True):
    """Paths in a view box of `width` minutes by `HEIGHT`: everybody present, and of them those in the background."""

    width: int
    present: str
    background: str
    line: str


class Block(Struct, frozen=True):
    """A session's place on the strip, in percent of the day. `curve` is None until it has been live for a minute."""

    session: SessionFigures
    number: int  # as in the list of sessions
    x: float
    width: float
    curve: Curve | None
    curve_x: float
    curve_width: float


class Hour(Struct, frozen=True):
    at: datetime
    x: float


class Strip(Struct, frozen=True):
    """One day. `top` is how many people the full height stands for: the same on all days and curves."""

    day: date
    hours: tuple[Hour, ...]
    blocks: tuple[Block, ...]
    top: int
    now_x: float | None


def ring(value: float, goal: float, interval: Interval | None = None) -> Ring:
    """A ring for a share 0..1 (more than the whole is drawn as the whole)."""
    low, high = (interval.low, interval.high) if interval is not None else (0.0, 0.0)
    return Ring(
        value=_percent(min(1.0, max(0.0, value))),
        low=_percent(low),
        span=_percent(high - low),
        goal_degrees=round(360 * min(1.0, goal), 1),
    )


def top_of(report: Report) -> int:
    """A round, even number of people that every curve fits under."""
    peak = max((figures.peak for figures in report.sessions), default=0)
    step = next(step for step in (10, 20, 50, 100, 200, 500, 1000, 5000) if peak <= 5 * step or step == 5000)
    return max(step, -(-peak // step) * step)


def curve(points: Sequence[CurvePoint], top: int) -> Curve | None:
    """The drawing of a session's presence, None for one that has not been live for a minute."""
    if not points:
        return None
    width = len(points)
    present = [(point.minute + 0.5, HEIGHT * (1 - point.present / top)) for point in points]
    background = [(point.minute + 0.5, HEIGHT * (1 - point.background / top)) for point in points]
    return Curve(width, _area(present, width), _area(background, width), _line(present, width))


def strips(report: Report) -> tuple[Strip, ...]:
    """One strip for each day that has sessions."""
    zone, top = ZoneInfo(report.time_zone), top_of(report)
    numbered = list(enumerate(report.sessions, 1))
    days = sorted({figures.starts_at.astimezone(zone).date() for figures in report.sessions})
    return tuple(
        _strip(day, [(i, f) for i, f in numbered if f.starts_at.astimezone(zone).date() == day], zone, top, report.made_at)
        for day in days
    )


def _strip(day: date, sessions: Sequence[tuple[int, SessionFigures]], zone: ZoneInfo, top: int, now: datetime) -> Strip:
    begins = min(min(f.starts_at, f.live_at or f.starts_at) for _, f in sessions).astimezone(zone)
    ends = max(max(f.ends_at, _live_until(f)) for _, f in sessions).astimezone(zone)
    first = begins.replace(minute=0, second=0, microsecond=0)
    last = ends if (ends.minute, ends.second) == (0, 0) else ends.replace(minute=0, second=0, microsecond=0) + _HOUR
    whole = (last - first) / _MINUTE

    def x(at: datetime) -> float:
        return round(100 * (at - first) / _MINUTE / whole, 3)

    count = int((last - first) / _HOUR)
    every = max(1, -(-count // 12))
    hours = tuple(Hour(first.astimezone(UTC) + i * _HOUR, x(first + i * _HOUR)) for i in range(0, count + 1, every))
    blocks = tuple(
        Block(
            session=f,
            number=number,
            x=x(f.starts_at),
            width=round(x(f.ends_at) - x(f.starts_at), 3),
            curve=curve(f.curve, top),
            curve_x=x(f.live_at or f.starts_at),
            curve_width=round(100 * len(f.curve) / whole, 3),
        )
        for number, f in sessions
    )
    return Strip(day, hours, blocks, top, x(now) if first <= now <= last else None)


_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


def _live_until(figures: SessionFigures) -> datetime:
    return (figures.live_at or figures.starts_at) + len(figures.curve) * _MINUTE


def _area(points: Sequence[tuple[float, float]], width: int) -> str:
    return f"M0 {HEIGHT:g}L0 {points[0][1]:.5g}{_through(points)}L{width} {points[-1][1]:.5g}L{width} {HEIGHT:g}Z"


def _line(points: Sequence[tuple[float, float]], width: int) -> str:
    return f"M0 {points[0][1]:.5g}{_through(points)}L{width} {points[-1][1]:.5g}"


def _through(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"L{x:g} {y:.5g}" for x, y in points)


def _percent(share: float) -> float:
    return round(100 * share, 2)

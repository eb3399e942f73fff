"""The programme as the lobby and the library show it: days, sessions, and the one session that matters now.

Neighbours: `rooms/conference.py`, which says what is current and next; `web/static/views/lobby.js`, which keeps a page that
is open up to date by the same rules (`tests/web/test_lobby_focus.py` holds the two against each other).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from rooms import conference
from rooms import messages as m

Step = Literal["live", "backstage", "waiting", "over", "empty"]


class Entry(Struct, frozen=True):
    """One session in the programme."""

    plan: m.SessionPlan
    phase: m.Phase
    room: str  # its title; empty where the conference has one room only


class Day(Struct, frozen=True):
    date: date
    starts_at: datetime
    is_today: bool
    entries: tuple[Entry, ...]


class Focus(Struct, frozen=True):
    """What the lobby leads to. `waiting`: `plan` has not begun; `during`: the break that lasts until then."""

    step: Step
    plan: m.SessionPlan | None = None
    during: m.SessionPlan | None = None
    then: m.SessionPlan | None = None  # what comes after `plan`


class Film(Struct, frozen=True):
    """A recording that can be watched; a session has several if recording was interrupted (`part` of `parts`)."""

    recording: m.Recording
    plan: m.SessionPlan
    part: int
    parts: int


def days(state: m.ConferenceState, now: datetime) -> list[Day]:
    """The programme by days of the conference's time zone."""
    programme = state.programme
    if programme is None:
        return []
    zone = ZoneInfo(programme.time_zone)
    rooms = {room.id: room.title for room in programme.rooms} if len(programme.rooms) > 1 else {}
    ordered = sorted(programme.sessions, key=lambda plan: plan.starts_at)
    return [
        Day(day, plans[0].starts_at, day == now.astimezone(zone).date(), tuple(_entry(state, plan, rooms) for plan in plans))
        for day, plans in _by_date(ordered, zone)
    ]


def focus(state: m.ConferenceState, now: datetime) -> Focus:
    """The session to lead people to: one that is live or being prepared, else the next; and what follows it."""
    if state.programme is None or not state.programme.sessions:
        return Focus("empty")
    current = conference.current_session(state, now)
    if current is not None and (phase := _phase(state, current)) in ("live", "backstage"):
        return Focus("live" if phase == "live" else "backstage", current, then=_next(state, now, current))
    following = _next(state, now)
    if following is None:
        return Focus("over")
    during = current if current is not None and current.kind == "break" else None
    return Focus("waiting", following, during, _next(state, now, following))


def films(state: m.ConferenceState, rooms: dict[str, m.RoomState]) -> list[Film]:
    """The recordings that can be watched, in order of the programme. `rooms` by session id."""
    found = []
    for plan in state.programme.sessions if state.programme else ():
        available = [r for r in rooms[plan.id].recordings.values() if r.status == "available"]
        found += [Film(recording, plan, part, len(available)) for part, recording in enumerate(available, 1)]
    return found


def _by_date(plans: Iterable[m.SessionPlan], zone: ZoneInfo) -> Iterator[tuple[date, list[m.SessionPlan]]]:
    for day, group in groupby(plans, key=lambda plan: plan.starts_at.astimezone(zone).date()):
        yield day, list(group)


def _entry(state: m.ConferenceState, plan: m.SessionPlan, rooms: dict[str, str]) -> Entry:
    return Entry(plan, _phase(state, plan), rooms.get(plan.room, ""))


def _phase(state: m.ConferenceState, plan: m.SessionPlan) -> m.Phase:
    return state.runs.get(plan.id, m.SessionRun()).phase


def _next(state: m.ConferenceState, now: datetime, than: m.SessionPlan | None = None) -> m.SessionPlan | None:
    """The first session that people shall come to: planned, not passed by the clock, no break; after `than` if given."""
    for plan in state.programme.sessions if state.programme else ():
        later = than is None or (plan.starts_at >= than.starts_at and plan.id != than.id)
        if later and plan.kind != "break" and plan.ends_at > now and _phase(state, plan) == "planned":
            return plan
    return None

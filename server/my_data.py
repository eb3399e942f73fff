"""What a person can see about themselves: everything that is kept, and the minutes they have been in each session."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.attendance import Period, Presence, Stretch, merge
from rooms.errors import Refused
from server.privacy.person_data import collect
from server.privacy.person_record import PersonData
from server.tables import attendance

if TYPE_CHECKING:
    from server.services import Services


class Attended(Struct, frozen=True):
    """A session that was live, and somebody's seconds in it; 0 if they were not there."""

    plan: m.SessionPlan
    is_running: bool
    length: float  # seconds the session was live
    seconds: float
    background: float  # of them, with every tab in the background
    came_at: datetime | None
    left_at: datetime | None


async def everything(services: Services, actor: m.Actor) -> PersonData:
    """What `plenum person export` writes, for the one who is signed in. Raises `Refused` if they were erased just now,
    or ask for it too often."""
    person = services.people.get(actor.person_id)
    if person is None:
        raise Refused("not_signed_in")
    async with services.readings.of(person.id):
        return await collect(services.database, services.keys, person, services.now())


async def attendance_of(services: Services, person_id: str) -> list[Attended]:
    """The person's presence in every session that has been live, by the same merging as the board's figures."""

    async def work(connection: AsyncConnection) -> list[Stretch]:
        rows = await connection.execute(select(attendance).where(attendance.c.person_id == person_id))
        return [Stretch(row.person_id, row.session_id, row.from_at, row.seen_at, row.visible) for row in rows]

    stretches = await services.database.read(work)
    state, now = services.streams.conference, services.now()
    found = []
    for plan in state.programme.sessions if state.programme else ():
        run = state.runs.get(plan.id, m.SessionRun())
        if run.live_at is not None and plan.kind != "break":
            own = [stretch for stretch in stretches if stretch.session_id == plan.id]
            found.append(_attended(plan, run, run.live_at, own, now))
    return found


def _attended(plan: m.SessionPlan, run: m.SessionRun, live_at: datetime, own: list[Stretch], now: datetime) -> Attended:
    period = Period(live_at.timestamp(), (run.ended_at or now).timestamp())
    presence: Presence | None = next(iter(merge(own, period)), None)
    return Attended(
        plan=plan,
        is_running=run.phase == "live",
        length=period.seconds,
        seconds=presence.seconds if presence else 0.0,
        background=presence.background_seconds if presence else 0.0,
        came_at=datetime.fromtimestamp(presence.from_at, now.tzinfo) if presence else None,
        left_at=datetime.fromtimestamp(presence.to_at, now.tzinfo) if presence else None,
    )

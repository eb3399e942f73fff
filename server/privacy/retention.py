"""The clock: what has been kept for as long as it shall be is deleted, once a day at most, by one node for all.

Everything in the database goes in one transaction with the note that it was done: a kill in the middle leaves the day to be
done again. Terms run from the conference's end, those of recordings from when each was made. What stays: the board's
figures (`KeptAttendance`), counts, ratings. Neighbours: `terms` (how long), `erasing` (one person, on request).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from recordings.catalogue import Busy, Catalogue
from rooms import messages as m
from rooms.errors import Refused
from server.database.dialect import gate, upsert
from server.notes.notebook import delete_all as delete_notes
from server.privacy import erasing
from server.privacy.erasing import PURGE, Departure, disown_votes, erase_rows, redact_events, tell
from server.privacy.former import PREFIX, new_former
from server.privacy.redaction import Redaction
from server.privacy.terms import Terms
from server.report import build, kept_of
from server.report_facts import ATTENDANCE
from server.tables import answers, attendance, chores, kept_figures, people, survey_answers, votes

if TYPE_CHECKING:
    from server.services import Services

RETENTION: Final = "retention"  # among the chores
DAY: Final = timedelta(days=1)
LOOK_SECONDS: Final = 600.0  # how often it is asked whether a day has passed; the first time so long after the start

_log = structlog.get_logger("retention")


def conference_end(state: m.ConferenceState) -> datetime | None:
    """When the last thing was planned to end, or happened, whatever is later. None before there is a programme. That the
    evaluation closes is nothing that happens: it may be the clock that closes it."""
    times = [plan.ends_at for plan in state.programme.sessions] if state.programme else []
    for run in state.runs.values():
        times += filter(None, (run.backstage_at, run.live_at, run.ended_at))
    if state.survey.opened_at is not None:
        times.append(state.survey.opened_at)
    return max(times, default=None)


def due(state: m.ConferenceState, terms: Terms, now: datetime) -> frozenset[str]:
    """The kinds of data whose time is over. When nobody is known any more, who did what is of nobody's use either."""
    end = conference_end(state)
    if end is None:
        return frozenset()
    days = {
        kind: getattr(terms, f"keep_{kind}_days")
        for kind in ("attendance", "answers", "questions", "notes", "comments", "people")
    }
    found = {kind for kind, number in days.items() if now >= end + timedelta(days=number)}
    return frozenset(found | ({"attendance", "answers"} if "people" in found else set()))


class Retention:
    """`run` for ever, or `look` now and then."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._catalogue = Catalogue(services.settings.recordings)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Does what is to be done today, if no node has."""
        services, now = self._services, self._services.now()
        kinds = due(services.streams.conference, services.settings, now)
        if "answers" in kinds:
            await self._close_ballots()
        counts = await self._delete(kinds, now)
        if counts is not None:
            await self._erase_recordings(now)
            if any(counts.values()):
                _log.info("deleted by the clock", **counts)
        if await services.database.read(_needs_purge):
            await erasing.purge(services.database)
        await asyncio.to_thread(self._remove_files, [*self._recordings("erased"), *self._forsaken(now)])

    async def _delete(self, kinds: frozenset[str], now: datetime) -> dict[str, int] | None:
        """How many rows of each kind; None if it has been done today."""
        services = self._services
        figures = b""
        if "attendance" in kinds:
            with contextlib.suppress(LookupError):  # no programme, no figures
                figures = msgspec.json.encode(kept_of(await build(services.database, now)))

        async def work(connection: AsyncConnection) -> dict[str, int] | None:
            if not await _claim(connection, now):
                return None
            counts: dict[str, int] = {}
            if "attendance" in kinds:
                counts["attendance"] = await _delete_attendance(connection, figures, now)
            if "answers" in kinds:
                counts["answers"] = await _forget_voters(connection, self._named_polls())
            if "comments" in kinds:
                blank = update(survey_answers).where(survey_answers.c.comment != "").values(comment="")
                counts["comments"] = (await connection.execute(blank)).rowcount
            if "people" in kinds:
                counts["people"] = await _erase_everybody(connection, now, texts="questions" in kinds)
            if "notes" in kinds:
                counts["notes"] = await delete_notes(connection)
                counts["points"] = await redact_events(connection, Redaction({}, points=True))
            if "questions" in kinds:
                counts["questions"] = await redact_events(connection, Redaction({}, texts=None))
            if any(counts.values()):
                await tell(connection, now)
            return counts

        return await services.database.write(work)

    async def _close_ballots(self) -> None:
        """What nobody closed: as long as it is open there is a key, and with it a way from secret answers to persons."""
        streams = self._services.streams
        if streams.conference.survey.phase == "open":
            await self._command(m.CONFERENCE, m.SurveyClose())
        for session_id, room in streams.rooms().items():
            for poll in room.polls.values():
                if poll.phase == "open":
                    await self._command(m.session_stream(session_id), m.PollClose(poll.id))

    async def _command(self, stream: str, command: m.ConferenceCommand | m.RoomCommand) -> None:
        with contextlib.suppress(Refused):  # another node was first, or tomorrow is another day
            await self._services.streams.handle(stream, m.SYSTEM, command)

    def _named_polls(self) -> list[str]:
        rooms = self._services.streams.rooms().values()
        return [poll.id for room in rooms for poll in room.polls.values() if not poll.anonymous]

    def _recordings(self, *statuses: m.RecordingStatus) -> Iterator[str]:
        rooms = self._services.streams.rooms().values()
        return (r.id for room in rooms for r in room.recordings.values() if r.status in statuses)

    async def _erase_recordings(self, now: datetime) -> None:
        """Tells everybody that they are gone; each node then removes the files that it has."""
        for session_id, room in self._services.streams.rooms().items():
            for recording in room.recordings.values():
                if self._is_over(recording, now):
                    await self._command(m.session_stream(session_id), m.RecordingErase(recording.id))

    def _is_over(self, recording: m.Recording, now: datetime) -> bool:
        term = timedelta(days=self._services.settings.keep_recordings_days)
        at = recording.stopped_at
        return at is not None and now >= at + term and recording.status in ("available", "failed")

    def _forsaken(self, now: datetime) -> Iterator[str]:
        """Recordings of sessions that have left the programme: nobody can be told, but their files' time is up as well."""
        streams = self._services.streams
        programme = streams.conference.programme
        planned = {plan.id for plan in (programme.sessions if programme else ())}
        gone = (room for session_id, room in streams.rooms().items() if session_id not in planned)
        return (r.id for room in gone for r in room.recordings.values() if self._is_over(r, now))

    def _remove_files(self, recording_ids: Iterable[str]) -> None:
        for recording_id in recording_ids:
            with contextlib.suppress(Busy):
                if self._catalogue.delete(recording_id):
                    _log.info("recording deleted by the clock", recording=recording_id)


async def _claim(connection: AsyncConnection, now: datetime) -> bool:
    """True for one node a day. Other nodes wait at the gate until this one has committed."""
    await gate(connection, RETENTION, close=True)
    last = (await connection.execute(select(chores.c.at).where(chores.c.name == RETENTION))).scalar_one_or_none()
    if last is not None and now.timestamp() - last < DAY.total_seconds():
        return False
    row = {"name": RETENTION, "at": now.timestamp()}
    await connection.execute(upsert(connection.dialect.name, chores, "name"), row)  # type: ignore[arg-type]
    return True


async def _needs_purge(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(chores.c.at).where(chores.c.name == PURGE))).first() is not None


async def _delete_attendance(connection: AsyncConnection, figures: bytes, now: datetime) -> int:
    """The rows, once their figures are kept."""
    kept = await connection.execute(select(kept_figures.c.at).where(kept_figures.c.name == ATTENDANCE))
    if figures and kept.first() is None:
        await connection.execute(insert(kept_figures), {"name": ATTENDANCE, "at": now.timestamp(), "body": figures})
    return (await connection.execute(delete(attendance))).rowcount


async def _forget_voters(connection: AsyncConnection, named_polls: Iterable[str]) -> int:
    """Answers to named polls are numbered in the order of the options; votes are nobody's. They count as before."""
    count = 0
    for poll_id in named_polls:
        mine = answers.c.poll_id == poll_id
        rows = (await connection.execute(select(answers.c.voter, answers.c.option).where(mine))).all()
        numbered = [f"{number:06}" for number in range(len(rows))]
        if sorted(row.voter for row in rows) != numbered:
            await connection.execute(delete(answers).where(mine))
            new = zip(numbered, sorted(row.option for row in rows), strict=True)
            await connection.execute(
                insert(answers), [{"poll_id": poll_id, "voter": voter, "option": option} for voter, option in new]
            )
            count += len(rows)
    voters = select(votes.c.person_id).where(~votes.c.person_id.startswith(PREFIX)).distinct()
    return count + await disown_votes(connection, list((await connection.execute(voters)).scalars()))


async def _erase_everybody(connection: AsyncConnection, now: datetime, *, texts: bool) -> int:
    rows = await connection.execute(select(people.c.id, people.c.name))
    departures = [Departure(row.id, new_former(), "", texts) for row in rows]
    return (await erase_rows(connection, departures, {}, now)).people if departures else 0

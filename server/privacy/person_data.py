"""Everything that is kept about one person, collected: for their own page, and for `plenum person export`.

What is in the database comes from the tables and the journal themselves, not from projections, so that nothing is left out
that a projection does not need. Other people's ids and questions in the same entries are not theirs to have.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import conference, room
from rooms import messages as m
from rooms.attendance import Period, Stretch, merge
from server.ballots import SURVEY
from server.database import Database
from server.keys import Keys
from server.person import Person
from server.privacy.erasing import secret_answers
from server.privacy.person_record import (
    AnswerData,
    EventData,
    LinkData,
    PersonData,
    QuestionData,
    RecordingData,
    SessionData,
    StretchData,
    SurveyData,
    VoteData,
)
from server.report_facts import ATTENDANCE
from server.tables import answers, attendance, events, kept_figures, links, people, survey_answers, votes

ELSE: Final = "(somebody else)"

_typed: Final = msgspec.json.Decoder(m.Event)
_untyped: Final = msgspec.json.Decoder()


async def collect(database: Database, keys: Keys, person: Person, now: datetime) -> PersonData:
    """All of it, from one moment."""
    secret = await secret_answers(database, keys, [person.id])

    async def work(connection: AsyncConnection) -> PersonData:
        return await Collector(connection, {name: voters[0] for name, voters in secret.items()}, person, now).collect()

    return await database.read(work)


class Collector:
    """One reading."""

    def __init__(self, connection: AsyncConnection, secret: Mapping[str, str], person: Person, now: datetime) -> None:
        self._connection = connection
        self._secret = secret  # the name under which they answer, by anonymous poll whose key is there
        self._person = person
        self._written = msgspec.json.encode(person.id)[1:-1]  # as their id stands in a body
        self._now = now
        self._state = m.ConferenceState()
        self._rooms: dict[str, m.RoomState] = {}
        self._stays: dict[str, list[tuple[datetime, datetime | None]]] = {}  # on stage, by session
        self._others: set[str] = set()

    async def collect(self) -> PersonData:
        row = await self._one(select(people.c.changed_at).where(people.c.id == self._person.id))
        self._others = set((await self._connection.execute(select(people.c.id))).scalars()) - {self._person.id}
        found = await self._events()
        programme = self._state.programme
        stretches = await self._stretches()
        deleted = await self._one(select(kept_figures.c.at).where(kept_figures.c.name == ATTENDANCE))
        return PersonData(
            made_at=self._now,
            conference=programme.name if programme else "",
            organiser=programme.organiser if programme else "",
            time_zone=programme.time_zone if programme else "UTC",
            languages=programme.languages if programme else (),
            person=self._person,
            changed_at=_time(row.changed_at if row else 0.0),
            links=await self._links(),
            sessions=tuple(self._sessions(stretches)),
            stretches=stretches,
            attendance_deleted_at=_time(deleted.at) if deleted else None,
            answers=await self._answers(),
            survey=await self._survey(),
            votes=await self._votes(),
            questions=tuple(self._questions()),
            speaks_in=self._speaks_in(),
            recordings=tuple(self._recordings()),
            events=found,
            titles={plan.id: plan.title for plan in programme.sessions} if programme else {},
        )

    async def _one(self, query: Any) -> Any:
        return (await self._connection.execute(query)).first()

    async def _links(self) -> tuple[LinkData, ...]:
        query = select(links).where(links.c.person_id == self._person.id).order_by(links.c.created_at)
        rows = await self._connection.execute(query)
        return tuple(LinkData(row.id, _time(row.created_at), row.revoked, row.digest) for row in rows)

    async def _stretches(self) -> tuple[StretchData, ...]:
        query = select(attendance).where(attendance.c.person_id == self._person.id).order_by(attendance.c.from_at)
        rows = await self._connection.execute(query)
        return tuple(
            StretchData(row.id, row.session_id, _time(row.from_at), _time(row.seen_at), row.visible) for row in rows
        )

    async def _answers(self) -> tuple[AnswerData, ...]:
        names = {self._person.id, *self._secret.values()}  # one statement: there are no more polls than a session may have
        query = select(answers).where(answers.c.voter.in_(names))
        given = {(row.poll_id, row.voter): row.option for row in await self._connection.execute(query)}
        found = []
        for session_id, state in self._rooms.items():
            for poll in state.polls.values():
                option = given.get((poll.id, self._secret.get(poll.id) if poll.anonymous else self._person.id))
                if option is not None:
                    found.append(AnswerData(session_id, poll.id, poll.title, poll.options[option], poll.anonymous))
        return tuple(found)

    async def _survey(self) -> SurveyData | None:
        row = await self._one(select(survey_answers).where(survey_answers.c.voter == self._secret.get(SURVEY, "")))
        return SurveyData(row.conference, row.association, row.comment) if row else None

    async def _votes(self) -> tuple[VoteData, ...]:
        place = {key: session_id for session_id, state in self._rooms.items() for key in state.questions}
        query = select(votes).where(votes.c.person_id == self._person.id).order_by(votes.c.question_id)
        rows = await self._connection.execute(query)
        return tuple(VoteData(place.get(row.question_id, ""), row.question_id, row.up) for row in rows)

    async def _events(self) -> tuple[EventData, ...]:
        """Projects the journal, and picks out what is theirs."""
        found = []
        query = select(events).order_by(events.c.stream, events.c.seq)
        async for row in await self._connection.stream(query):
            event = _typed.decode(row.body)
            self._project(row.stream, event, _time(row.at))
            is_own = row.actor == self._person.id
            cause_of, _, command = (row.cause or "").partition("/")
            if not (is_own or cause_of == self._person.id or self._written in row.body):
                continue  # most of a journal is about others: it is not read twice for that
            body = _untyped.decode(row.body)
            if is_own or cause_of == self._person.id or self._is_named_in(body):
                is_programme = isinstance(event, m.ProgrammePublished)  # of everybody; `speaks_in` has what is theirs
                shown = {"type": body["type"]} if is_programme else self._without_others(body)
                own_command = command if cause_of == self._person.id else ""
                found.append(EventData(row.stream, row.seq, _time(row.at), is_own, own_command, shown))
        return tuple(found)

    def _project(self, stream: str, event: m.Event, at: datetime) -> None:
        if stream == m.CONFERENCE:
            self._state = conference.apply(self._state, cast(m.ConferenceEvent, event))
            return
        session_id = stream.removeprefix("session/")
        if session_id == stream:  # breakout rooms: what is theirs there is among the events
            return
        self._rooms[session_id] = room.apply(self._rooms.get(session_id, m.RoomState()), cast(m.RoomEvent, event))
        stays = self._stays.setdefault(session_id, [])
        match event:
            case m.StageEntered(person_id) if person_id == self._person.id:
                stays.append((at, None))
            case m.StageLeft(person_id) if person_id == self._person.id and stays:
                stays.append((stays.pop()[0], at))

    def _is_named_in(self, value: Any) -> bool:
        if isinstance(value, str):
            return value == self._person.id
        if isinstance(value, dict):
            return any(key == self._person.id or self._is_named_in(each) for key, each in value.items())
        return isinstance(value, list) and any(map(self._is_named_in, value))

    def _without_others(self, value: Any) -> Any:
        if isinstance(value, str):
            return ELSE if value in self._others else value
        if isinstance(value, list):
            return [self._without_others(each) for each in value]
        if isinstance(value, dict):
            found = {(ELSE if key in self._others else key): self._without_others(each) for key, each in value.items()}
            if "text" in value and value.get("author_id", self._person.id) != self._person.id:
                found["text"] = ELSE
            if "together" in value and "apart" in value:  # of a plan: what moderators think of people is not told to them
                found["together"] = found["apart"] = []
            if "left_out" in value:  # ... nor whom they left out of a round
                found["left_out"] = []
            return found
        return value

    def _sessions(self, stretches: tuple[StretchData, ...]) -> list[SessionData]:
        found = []
        for plan in self._state.programme.sessions if self._state.programme else ():
            run = self._state.runs.get(plan.id, m.SessionRun())
            if run.live_at is None:
                continue
            period = Period(run.live_at.timestamp(), (run.ended_at or self._now).timestamp())
            own = [
                Stretch(self._person.id, plan.id, s.from_at.timestamp(), s.seen_at.timestamp(), s.is_visible)
                for s in stretches
                if s.session_id == plan.id
            ]
            for seen in merge(own, period):
                minutes = round(seen.seconds / 60, 1), round(seen.background_seconds / 60, 1)
                found.append(SessionData(plan.id, plan.title, *minutes, _time(seen.from_at), _time(seen.to_at)))
        return found

    def _questions(self) -> list[QuestionData]:
        return [
            QuestionData(session_id, q.id, q.text, q.status, q.asked_at, q.published_at)
            for session_id, state in self._rooms.items()
            for q in state.questions.values()
            if q.author_id == self._person.id
        ]

    def _speaks_in(self) -> tuple[str, ...]:
        name = self._person.name.casefold()
        plans = self._state.programme.sessions if self._state.programme else ()
        return tuple(plan.title for plan in plans if any(name in speaker.casefold() for speaker in plan.speakers))

    def _recordings(self) -> list[RecordingData]:
        return [
            RecordingData(session_id, r.id, r.started_at, r.stopped_at, r.status)
            for session_id, state in self._rooms.items()
            for r in state.recordings.values()
            if any(
                came < (r.stopped_at or self._now) and (left or self._now) > r.started_at
                for came, left in self._stays.get(session_id, ())
            )
        ]


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)

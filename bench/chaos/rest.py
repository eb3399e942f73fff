"""When everything works again: all that was put off must come true, and every node must say what the database says."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench import plenum
from bench.chaos.clients import Client
from bench.chaos.history import History, Record
from bench.chaos.judge import Found
from bench.chaos.place import Built
from rooms import messages as m
from rooms.attendance import Stretch
from server.database import Database
from server.journal import Journal
from server.tables import answers, attendance, votes

PATIENCE: Final = 60.0
LOOK_SECONDS: Final = 0.5

Unmet = Callable[[], Coroutine[Any, Any, list[str]]]  # what has not come true yet, in words


async def rest(clients: Sequence[Client], database: Database, history: History) -> None:
    """Every command is answered, every closed poll counted, everybody has heard everything, and sees the right figures."""

    async def unmet() -> list[str]:
        found = await read(database)
        missing = [f"{client.waiting} commands of {name(client)} have no answer" for client in clients if client.waiting]
        events = [entry.event for entry in found.streams.get(plenum.STREAM, ())]
        counted = {event.poll_id for event in events if isinstance(event, m.PollCounted)}
        closed = {event.poll_id for event in events if isinstance(event, m.PollClosed)}
        missing += [f"{poll_id} is not counted" for poll_id in sorted(closed - counted)]
        for client in clients:
            client.ask_for_life()
            missing += _behind(client, found)
            missing += _figures(client, found, closed, people=len({other.record.actor for other in clients}))
        return missing

    await come_true(unmet, history)


async def audit(clients: Sequence[Client], built: Built, database: Database, history: History) -> None:
    """Whoever comes anew to any node is told what the database has of them."""
    people = {client.record.actor.person_id: client for client in clients}
    doors = [node.port for node in built.place.nodes]
    fresh = []
    for number, cookie in enumerate(built.cookies):
        actor = people[plenum.person_id(number)].record.actor
        for node in range(len(doors)):
            record = Record(actor, f"audit-{number}-{node}")
            history.records.append(record)
            fresh.append(Client(record, cookie, [doors[node]], plenum.STREAM))
            fresh[-1].start()

    async def unmet() -> list[str]:
        found = await read(database)
        closed = {e.event.poll_id for e in found.streams[plenum.STREAM] if isinstance(e.event, m.PollClosed)}
        missing = []
        for client in fresh:
            person_id = client.record.actor.person_id
            own = {poll: option for poll, voter, option in found.answers if voter == person_id and poll not in closed}
            liked = {question for question, voter in found.votes if voter == person_id}
            if client.mine.get("answers") != own or set(client.mine.get("votes", ())) != liked:
                missing.append(f"{name(client)} is told {client.mine}, and has {own}, {sorted(liked)}")
            missing += _behind(client, found)
        return missing

    try:
        await come_true(unmet, history)
    finally:
        await asyncio.gather(*(client.stop() for client in fresh))


async def come_true(unmet: Unmet, history: History) -> None:
    """Waits until nothing is unmet, but not for ever."""
    give_up_at = time.monotonic() + PATIENCE
    while missing := await unmet():
        if time.monotonic() > give_up_at:
            history.wrong += missing
            return
        await asyncio.sleep(LOOK_SECONDS)


async def read(database: Database) -> Found:
    """What is in the database, past the servers."""
    journal = Journal(database)
    streams = {stream: await journal.read(stream) for stream in await journal.streams()}

    async def rows(connection: AsyncConnection) -> Found:
        answered = [(r.poll_id, r.voter, r.option) for r in await connection.execute(select(answers))]
        voted = [(r.question_id, r.person_id) for r in await connection.execute(select(votes).where(votes.c.up))]
        there = [
            Stretch(r.person_id, r.session_id, r.from_at, r.seen_at, r.visible)
            for r in await connection.execute(select(attendance))
        ]
        return Found(streams, answered, voted, there)

    return await database.read(rows)


@contextlib.asynccontextmanager
async def opened(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def name(client: Client) -> str:
    return f"{client.record.actor.person_id}/{client.record.client}"


def _behind(client: Client, found: Found) -> list[str]:
    return [
        f"{name(client)} is at {client.seq(stream)} of {len(entries)} in {stream}"
        for stream, entries in found.streams.items()
        if client.seq(stream) != len(entries)
    ]


def _figures(client: Client, found: Found, closed: set[str], people: int) -> list[str]:
    """Signals: what was told last is what is there."""
    tally = client.signals.get("tally", {"answered": {}, "votes": {}})
    answered, voted = Counter(poll for poll, _, _ in found.answers), Counter(question for question, _ in found.votes)
    wrong = [
        f"{n} answers of {answered[poll]} in {poll}"
        for poll, n in tally["answered"].items()
        if poll not in closed and n != answered[poll]
    ]
    wrong += [
        f"{n} votes of {voted[question]} for {question}" for question, n in tally["votes"].items() if n != voted[question]
    ]
    wrong += [f"no tally of {question}" for question in voted if question not in tally["votes"]]
    present = client.signals.get("presence", {}).get("present")
    if present != people:
        wrong.append(f"{present} present of {people}")
    if client.is_delayed:
        wrong.append("updates that are late")
    return [f"{name(client)} is told of {what}" for what in wrong]

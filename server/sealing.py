"""What a backup holds of secret ballots: what is left of them once they are closed, and nothing that leads to anybody.

A ballot that is open cannot be sealed: its voters may still change their minds, and a copy of it would outlive the key whose
end makes it secret. It stays out, and is voted on again after a restore (docs/decisions/0012). The evaluation is open for
days, and its answers are worth more than that nobody gives two: they are kept without their voters.
Neighbours: `ballots`, which does the same in the running conference when a poll closes; `copying`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms import polls
from rooms.polls import tells
from server.copying import Copying, copy_table
from server.tables import answers, events, survey_answers

_decoder: Final = msgspec.json.Decoder(m.Event)


async def copy_answers(origin: AsyncConnection, goal: AsyncConnection) -> int:
    """Answers to named polls as they are. Of closed anonymous ones, what was chosen, in order of the options; nothing of
    those that are open, and of those with answers too few to be told."""
    known = await _polls(origin)
    named = [poll.id for poll in known if not poll.anonymous]
    count = await copy_table(answers, origin, goal, answers.c.poll_id.in_(named))
    for poll in known:
        if poll.anonymous and poll.phase in ("closed", "shown"):
            mine = select(answers.c.option).where(answers.c.poll_id == poll.id).order_by(answers.c.option)
            options = (await origin.execute(mine)).scalars().all()
            rows = numbered({"poll_id": poll.id, "option": option} for option in options)
            if rows and tells(poll, len(rows)):
                await goal.execute(insert(answers), rows)
                count += len(rows)
    return count


async def copy_survey(origin: AsyncConnection, goal: AsyncConnection) -> int:
    """The evaluation's answers in an order that says nothing, without the keyed hashes of those who gave them."""
    c: Any = survey_answers.c
    query = select(c.conference, c.association, c.comment)
    found = [row._asdict() for row in await origin.execute(query)]
    found.sort(key=lambda row: (row["conference"] or 0, row["association"] or 0, row["comment"]))
    if rows := numbered(found):
        await goal.execute(insert(survey_answers), rows)
    return len(found)


SEALED: Final[dict[str, Copying]] = {answers.name: copy_answers, survey_answers.name: copy_survey}


def numbered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with numbers instead of voters."""
    return [{**row, "voter": f"{number:06}"} for number, row in enumerate(rows)]


async def _polls(connection: AsyncConnection) -> list[m.Poll]:
    """All polls of all sessions, as they stand in the journal."""
    known: dict[str, dict[str, m.Poll]] = {}
    query = select(events.c.stream, events.c.body).where(events.c.stream != m.CONFERENCE).order_by("stream", "seq")
    async for row in await connection.stream(query):
        event = _decoder.decode(row.body)
        if isinstance(event, polls.Event):
            known[row.stream] = polls.apply(known.get(row.stream, {}), event)
    return [poll for session in known.values() for poll in session.values()]

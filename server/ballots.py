"""Answers, votes and survey answers: rows under a unique constraint, committed in groups, tallied in memory.

They do not queue behind one another, as events of a stream do, and they are acknowledged after their commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from msgspec import Struct
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from rooms.polls import tells
from server.batch import Batch
from server.database import Database
from server.database.dialect import upsert
from server.journal import has_happened
from server.tables import answers, survey_answers, votes
from server.vault import Vault

_log = structlog.get_logger("ballots")

SURVEY: Final = "survey"  # the survey's name in the vault

REMEMBERED: Final = 50_000  # row commands

Row = dict[str, Any]


class SurveyAnswer(Struct, frozen=True):
    """One anonymous answer; None is "no opinion"."""

    conference: int | None
    association: int | None
    comment: str


class Ballots:
    """`await load()` first. `on_change(session_id)` is called whenever a tally changes."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self.on_change: Callable[[str], None] = lambda session_id: None
        self._answers: dict[str, dict[str, int]] = {}  # by poll, by voter; of polls that are open
        self._votes: dict[str, set[str]] = {}  # by question
        self._done: dict[str, None] = {}  # the last row commands, oldest first
        self._new_answers = Batch[Row](database, upsert(database.dialect, answers, "poll_id", "voter"))
        self._new_votes = Batch[Row](database, upsert(database.dialect, votes, "question_id", "person_id"))

    async def load(self) -> None:
        """Reads what is in the database; those of closed polls are forgotten by `forget`."""

        async def work(connection: AsyncConnection) -> None:
            for row in await connection.execute(select(answers)):
                self._answers.setdefault(row.poll_id, {})[row.voter] = row.option
            for row in await connection.execute(select(votes).where(votes.c.up)):
                self._votes.setdefault(row.question_id, set()).add(row.person_id)

        await self._database.read(work)

    async def answer(self, actor: m.Actor, session_id: str, poll: m.Poll, option: int) -> None:
        """Stores a checked answer; durable when it returns. The last one counts."""
        if poll.anonymous:
            self._ensure(poll.id)  # the first answer may come before the reaction to the opening
        voter = self._voter(poll, actor.person_id)
        await self._new_answers.put({"poll_id": poll.id, "voter": voter, "option": option})
        self._answers.setdefault(poll.id, {})[voter] = option
        self.on_change(session_id)

    async def vote(self, actor: m.Actor, session_id: str, question_id: str, *, up: bool) -> None:
        """Stores or takes back a vote for a question; durable when it returns."""
        await self._new_votes.put({"question_id": question_id, "person_id": actor.person_id, "up": up})
        voters = self._votes.setdefault(question_id, set())
        if up:
            voters.add(actor.person_id)
        else:
            voters.discard(actor.person_id)
        self.on_change(session_id)

    def note_done(self, cause: str) -> None:
        """Remembers that the row command "person/client/id" was carried out."""
        self._done[cause] = None
        if len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]

    def was_done(self, cause: str) -> bool:
        """True for a row command that is sent again because its acknowledgement was lost: the poll may have closed since,
        and "not counted" would not be true. Not known after a restart, where the answer then is the refusal."""
        return cause in self._done

    def answered(self, poll_id: str) -> int:
        """How many have answered."""
        return len(self._answers.get(poll_id, ()))

    def votes(self, question_id: str) -> int:
        return len(self._votes.get(question_id, ()))

    def answer_of(self, person_id: str, poll: m.Poll) -> int | None:
        """What a person has answered, while that can still be known."""
        try:
            return self._answers.get(poll.id, {}).get(self._voter(poll, person_id))
        except Refused:
            return None

    def voted(self, person_id: str, question_id: str) -> bool:
        return person_id in self._votes.get(question_id, ())

    async def counts(self, poll: m.Poll) -> tuple[int, ...]:
        """Counts a closed poll in the database: every acknowledged answer, none that came later."""
        await self._new_answers.drain()

        async def work(connection: AsyncConnection) -> tuple[int, ...]:
            chosen = (await connection.execute(select(answers.c.option).where(answers.c.poll_id == poll.id))).scalars()
            tally = [0] * len(poll.options)
            for option in chosen:
                tally[option] += 1
            return tuple(tally)

        return await self._database.write(work)  # in SQLite through the one writer, so behind everything written before

    async def open_anonymous(self, name: str) -> None:
        """Makes the key under which answers to a poll (its id) or the survey (`SURVEY`) are kept unlinkable."""
        await asyncio.to_thread(self._vault.ensure, name)

    async def forget(self, poll: m.Poll) -> None:
        """Destroys what links a counted poll's answers to people: the names of the rows, their places on the disk (a page
        is filled in the order of arrival), the memory, the key, and the log of the database. Answers too few to be told are
        destroyed themselves. Harmless when repeated."""
        self._answers[poll.id] = dict.fromkeys(map(str, range(self.answered(poll.id))), -1) if poll.anonymous else {}
        if not poll.anonymous or not self._vault.holds(poll.id):
            return

        async def work(connection: AsyncConnection) -> None:
            mine = answers.c.poll_id == poll.id
            options = sorted((await connection.execute(select(answers.c.option).where(mine))).scalars())
            await connection.execute(delete(answers).where(mine))
            for number, option in enumerate(options if tells(poll, len(options)) else ()):
                row = {"poll_id": poll.id, "voter": f"{number:06}", "option": option}
                await connection.execute(insert(answers), row)

        await self._database.write(work)
        await self._destroy_key(poll.id, answers)

    async def answer_survey(self, actor: m.Actor, answer: SurveyAnswer) -> None:
        """Stores a person's answer to the closing survey, which `check_survey` has found open; changeable until it closes.
        Durable when it returns. An answer that was under way while the survey closed is refused, not counted: the closing
        is asked for in the answer's own transaction, so that the figures stand still from the moment the board has them."""
        self._ensure(SURVEY)
        try:
            voter = self._vault.voter(SURVEY, actor.person_id)
        except KeyError:
            raise Refused("survey_closed") from None
        row = {
            "voter": voter,
            "conference": answer.conference,
            "association": answer.association,
            "comment": answer.comment,
        }

        async def work(connection: AsyncConnection) -> bool:
            if await has_happened(connection, m.CONFERENCE, m.SurveyClosed):
                return False
            await connection.execute(upsert(self._database.dialect, survey_answers, "voter"), [row])
            return True

        if not await self._database.write(work):
            raise Refused("survey_closed")

    async def survey_answer_of(self, actor: m.Actor) -> SurveyAnswer | None:
        """What a person has answered, while the survey is open."""
        try:
            voter = self._vault.voter(SURVEY, actor.person_id)
        except KeyError:
            return None

        async def work(connection: AsyncConnection) -> SurveyAnswer | None:
            row = (await connection.execute(select(survey_answers).where(survey_answers.c.voter == voter))).first()
            return None if row is None else SurveyAnswer(row.conference, row.association, row.comment)

        return await self._database.read(work)

    async def survey_rows(self) -> list[SurveyAnswer]:
        """All answers, without their voters, in an order that says nothing."""

        async def work(connection: AsyncConnection) -> list[SurveyAnswer]:
            rows = await connection.execute(
                select(survey_answers).order_by(survey_answers.c.voter)
            )  # a hash, or a shuffled number
            return [SurveyAnswer(row.conference, row.association, row.comment) for row in rows]

        return await self._database.read(work)

    async def forget_survey(self) -> None:
        """Destroys what links the answers of a closed survey to people, as `forget` does for a poll."""
        if not self._vault.holds(SURVEY):
            return

        async def work(connection: AsyncConnection) -> None:
            rows = [row._asdict() for row in await connection.execute(select(survey_answers))]
            rows.sort(key=lambda row: (row["conference"] or 0, row["association"] or 0, row["comment"]))
            await connection.execute(delete(survey_answers))
            for number, row in enumerate(rows):
                await connection.execute(insert(survey_answers), row | {"voter": f"{number:06}"})

        await self._database.write(work)
        await self._destroy_key(SURVEY, survey_answers)

    def _ensure(self, name: str) -> None:
        try:
            self._vault.ensure(name)
        except OSError as error:
            _log.error("cannot write a key", reason=str(error))
            raise Refused("read_only") from error

    async def _destroy_key(self, name: str, table: Table) -> None:
        await asyncio.to_thread(self._vault.destroy, name)
        await self._database.checkpoint(table)

    def _voter(self, poll: m.Poll, person_id: str) -> str:
        if not poll.anonymous:
            return person_id
        try:
            return self._vault.voter(poll.id, person_id)
        except KeyError:
            raise Refused("poll_closed") from None

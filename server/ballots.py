"""Answers, votes and survey answers: rows under a unique constraint, committed in groups. Neighbours: `tally`, `keys`.

They do not queue behind one another, as events of a stream do, and they are acknowledged after their commit.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Select, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from rooms.polls import tells
from server.batch import Batch
from server.database import Database
from server.database.dialect import gate, upsert
from server.journal import Entry, has_closed
from server.keys import Keys
from server.tables import answers, survey_answers, votes
from server.tally import DatabaseTally, MemoryTally, Tally

SURVEY: Final = "survey"  # the survey's name in the vault

NAME_LENGTH: Final = 64  # of a keyed hash; what takes its place is shorter
STALE_SECONDS: Final = 2.0  # that a row may wait on one node of several; a page in doubt goes elsewhere after as much
REMEMBERED: Final = 50_000  # row commands

Row = dict[str, Any]


class SurveyAnswer(Struct, frozen=True):
    """One anonymous answer; None is "no opinion"."""

    conference: int | None
    association: int | None
    comment: str


class Ballots:
    """`await load()` first. `on_change(session_id, subject)` is called whenever a tally changes, of a poll or a question.
    `several`: other nodes write to the same tables."""

    def __init__(self, database: Database, keys: Keys, *, several: bool = False) -> None:
        self._database = database
        self._keys = keys
        self.on_change: Callable[[str, str], None] = lambda session_id, subject: None
        self._tally: Tally = DatabaseTally(database) if several else MemoryTally(database)
        self._done: dict[str, None] = {}  # the last row commands, oldest first
        # On one node what was checked holds until it is written: `counts` waits for what is under way.
        late, stale = (self._late, _is_stale) if several else (None, None)
        self._new_answers = Batch[Row](database, upsert(database.dialect, answers, "poll_id", "voter"), late, stale)
        self._new_votes = Batch[Row](database, upsert(database.dialect, votes, "question_id", "person_id"), is_stale=stale)

    async def load(self) -> None:
        """Reads what is in the database; those of closed polls are forgotten by `forget`."""
        await self._tally.load()

    def heed(self, entry: Entry) -> None:
        """Of whatever node: what is closed there needs no key here any more."""
        match entry.event:
            case m.PollClosed(poll_id) | m.PollCounted(poll_id):
                self._keys.forget(poll_id)
            case m.SurveyClosed():
                self._keys.forget(SURVEY)

    async def answer(self, actor: m.Actor, session_id: str, poll: m.Poll, option: int, since: int = 0) -> None:
        """Stores a checked answer; durable when it returns. The last one counts. `since`: the number in the session's
        stream at which it was checked."""
        if poll.anonymous:
            await self._keys.ensure(poll.id)  # the first answer may come before the reaction to the opening
        voter = await self._voter(poll, actor.person_id)
        row = {"poll_id": poll.id, "voter": voter, "option": option}
        await self._new_answers.put(row, (time.monotonic(), m.session_stream(session_id), since))
        self._tally.took_answer(poll.id, voter, option)
        self.on_change(session_id, poll.id)

    async def _late(self, connection: AsyncConnection, rows: Sequence[tuple[Row, tuple[float, str, int]]]) -> dict[int, str]:
        """Answers to polls that another node has closed: they would not be counted, so they must not be acknowledged."""
        polls: dict[str, tuple[str, int]] = {}
        for row, (_, stream, since) in rows:
            polls[row["poll_id"]] = stream, min(since, polls.get(row["poll_id"], (stream, since))[1])
        closed = {
            poll for poll, (stream, since) in sorted(polls.items()) if await has_closed(connection, stream, poll, since)
        }
        return {index: "poll_closed" for index, (row, _) in enumerate(rows) if row["poll_id"] in closed}

    async def vote(self, actor: m.Actor, session_id: str, question_id: str, *, up: bool) -> None:
        """Stores or takes back a vote for a question; durable when it returns."""
        row = {"question_id": question_id, "person_id": actor.person_id, "up": up}
        await self._new_votes.put(row, (time.monotonic(),))
        self._tally.took_vote(question_id, actor.person_id, up=up)
        self.on_change(session_id, question_id)

    def note_done(self, cause: str) -> None:
        """Remembers that the row command "person/client/id" was carried out."""
        self._done[cause] = None
        if len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]

    def was_done(self, cause: str) -> bool:
        """True for a row command that is sent again because its acknowledgement was lost: the poll may have closed since,
        and "not counted" would not be true. Not known after a restart, where the answer then is the refusal."""
        return cause in self._done

    async def count(self, polls: Collection[str], questions: Collection[str]) -> None:
        """Makes the numbers of these right, whichever nodes took part in them. Raises `Refused`."""
        await self._tally.count(polls, questions)

    def answered(self, poll_id: str) -> int:
        """How many have answered."""
        return self._tally.answered(poll_id)

    def votes(self, question_id: str) -> int:
        return self._tally.votes(question_id)

    async def answer_of(self, person_id: str, poll: m.Poll) -> int | None:
        """What a person has answered, while that can still be known."""
        return (await self.answers_of(person_id, [poll])).get(poll.id)

    async def answers_of(self, person_id: str, polls: Iterable[m.Poll]) -> dict[str, int]:
        """The same for several polls, by their ids. Raises `Refused("try_again")`."""
        voters = {}
        for poll in polls:
            with contextlib.suppress(KeyError):
                voters[poll.id] = await self._keys.voter(poll.id, person_id) if poll.anonymous else person_id
        return await self._tally.answers_of(voters)

    async def voted(self, person_id: str, questions: Sequence[str]) -> tuple[str, ...]:
        """Which of these questions a person has voted for. Raises `Refused("try_again")`."""
        return await self._tally.voted(person_id, questions)

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
        await self._keys.prepare(name)

    async def forget(self, poll: m.Poll) -> None:
        """Destroys what links a counted poll's answers to people: the names of the rows, their places on the disk (a page
        is filled in the order of arrival), the memory, the key, and the log of the database. Answers too few to be told are
        destroyed themselves. Harmless when repeated."""
        self._tally.forget(poll)
        if not poll.anonymous or not await self._keys.holds(poll.id):
            return

        async def work(connection: AsyncConnection) -> None:
            mine = answers.c.poll_id == poll.id
            await gate(connection, f"forgetting {poll.id}", close=True)  # another node may be at it, and be done by now
            if await _has_no_names(connection, select(answers.c.voter).where(mine)):
                return
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
        await self._keys.ensure(SURVEY)
        try:
            voter = await self._keys.voter(SURVEY, actor.person_id)
        except KeyError:
            raise Refused("survey_closed") from None
        row = {
            "voter": voter,
            "conference": answer.conference,
            "association": answer.association,
            "comment": answer.comment,
        }

        async def work(connection: AsyncConnection) -> bool:
            if await has_closed(connection, m.CONFERENCE):
                return False
            await connection.execute(upsert(self._database.dialect, survey_answers, "voter"), [row])
            return True

        if not await self._database.write(work):
            raise Refused("survey_closed")

    async def survey_answer_of(self, actor: m.Actor) -> SurveyAnswer | None:
        """What a person has answered, while the survey is open."""
        try:
            voter = await self._keys.voter(SURVEY, actor.person_id)
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
        if not await self._keys.holds(SURVEY):
            return

        async def work(connection: AsyncConnection) -> None:
            await gate(connection, "forgetting the survey", close=True)
            if await _has_no_names(connection, select(survey_answers.c.voter)):
                return
            rows = [row._asdict() for row in await connection.execute(select(survey_answers))]
            rows.sort(key=lambda row: (row["conference"] or 0, row["association"] or 0, row["comment"]))
            await connection.execute(delete(survey_answers))
            for number, row in enumerate(rows):
                await connection.execute(insert(survey_answers), row | {"voter": f"{number:06}"})

        await self._database.write(work)
        await self._destroy_key(SURVEY, survey_answers)

    async def forget_person(self, person_id: str, polls: Iterable[m.Poll]) -> None:
        """Somebody was erased from the database: their votes go on as nobody's, their answers to these polls are no more."""
        voters = {}
        for poll in polls:
            with contextlib.suppress(KeyError):
                voters[poll.id] = await self._keys.voter(poll.id, person_id) if poll.anonymous else person_id
        self._tally.forget_person(person_id, voters)
        self._done = {cause: None for cause in self._done if cause.partition("/")[0] != person_id}

    async def _destroy_key(self, name: str, table: Table) -> None:
        await self._keys.destroy(name)
        await self._database.checkpoint(table)

    async def _voter(self, poll: m.Poll, person_id: str) -> str:
        if not poll.anonymous:
            return person_id
        try:
            return await self._keys.voter(poll.id, person_id)
        except KeyError:
            raise Refused("poll_closed") from None


def _is_stale(note: tuple[Any, ...]) -> bool:
    """Whether a row has waited so long that whoever sent it may have gone to another node, and have said something else
    there. Its note begins with when it came."""
    at: float = note[0]
    return time.monotonic() - at > STALE_SECONDS


async def _has_no_names(connection: AsyncConnection, voters: Select[tuple[str]]) -> bool:
    """True if answers have numbers in place of voters already, or there are none."""
    found = (await connection.execute(voters.limit(1))).scalar()
    return found is None or len(found) < NAME_LENGTH

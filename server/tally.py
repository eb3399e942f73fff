"""How many have answered and voted, and who how. One node alone remembers all of it; several ask the database, since each
sees only a part of what comes in. Neighbour: `ballots`, which writes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.database import Database
from server.privacy.former import new_former
from server.tables import answers, votes
from server.together import Together


class Tally(Protocol):
    """Counts by poll and question. `await load()` first."""

    async def load(self) -> None: ...

    def took_answer(self, poll_id: str, voter: str, option: int) -> None:
        """An answer that came here is durable."""

    def took_vote(self, question_id: str, person_id: str, *, up: bool) -> None:
        """A vote that came here is durable."""

    async def count(self, polls: Collection[str], questions: Collection[str]) -> None:
        """Makes the numbers right, whichever node took what changed them. Raises `Refused`."""

    def forget_person(self, person_id: str, voters: Mapping[str, str]) -> None:
        """Somebody was erased: their votes are nobody's, their answers (voter by poll) are no more."""

    def answered(self, poll_id: str) -> int:
        """How many have answered, as of the last count."""

    def votes(self, question_id: str) -> int: ...

    async def answers_of(self, voters: Mapping[str, str]) -> dict[str, int]:
        """What somebody has answered, by poll; `voters` is the name that they answer under in each. Raises `Refused`."""

    async def voted(self, person_id: str, questions: Sequence[str]) -> tuple[str, ...]:
        """Which of these questions somebody has voted for. Raises `Refused`."""

    def forget(self, poll: m.Poll) -> None:
        """A poll has been counted: who answered what is nobody's business here any more."""


class MemoryTally:
    """Of one node: everything came through here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers: dict[str, dict[str, int]] = {}  # by poll, by voter; of polls that are open
        self._votes: dict[str, set[str]] = {}  # by question

    async def load(self) -> None:
        async def work(connection: AsyncConnection) -> None:
            for row in await connection.execute(select(answers)):
                self.took_answer(row.poll_id, row.voter, row.option)
            for row in await connection.execute(select(votes).where(votes.c.up)):
                self.took_vote(row.question_id, row.person_id, up=True)

        await self._database.read(work)

    def took_answer(self, poll_id: str, voter: str, option: int) -> None:
        self._answers.setdefault(poll_id, {})[voter] = option

    def took_vote(self, question_id: str, person_id: str, *, up: bool) -> None:
        voters = self._votes.setdefault(question_id, set())
        if up:
            voters.add(person_id)
        else:
            voters.discard(person_id)

    def forget_person(self, person_id: str, voters: Mapping[str, str]) -> None:
        for poll_id, voter in voters.items():
            self._answers.get(poll_id, {}).pop(voter, None)
        for theirs in self._votes.values():
            if person_id in theirs:
                theirs.remove(person_id)
                theirs.add(new_former())

    async def count(self, polls: Collection[str], questions: Collection[str]) -> None:
        """They are right all the time."""

    def answered(self, poll_id: str) -> int:
        return len(self._answers.get(poll_id, ()))

    def votes(self, question_id: str) -> int:
        return len(self._votes.get(question_id, ()))

    async def answers_of(self, voters: Mapping[str, str]) -> dict[str, int]:
        found = {poll_id: self._answers.get(poll_id, {}).get(voter) for poll_id, voter in voters.items()}
        return {poll_id: option for poll_id, option in found.items() if option is not None}

    async def voted(self, person_id: str, questions: Sequence[str]) -> tuple[str, ...]:
        return tuple(key for key in questions if person_id in self._votes.get(key, ()))

    def forget(self, poll: m.Poll) -> None:
        self._answers[poll.id] = dict.fromkeys(map(str, range(self.answered(poll.id))), -1) if poll.anonymous else {}


class DatabaseTally:
    """Of one node among several: the numbers are those of the last `count`, and who has answered what is read when somebody
    comes, for all who come at the same time at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answered: dict[str, int] = {}
        self._votes: dict[str, int] = {}
        self._answers_of = Together[tuple[str, str], int](self._read_answers)
        self._voted = Together[tuple[str, str], bool](self._read_votes)

    async def load(self) -> None:
        """Nothing is kept."""

    def took_answer(self, poll_id: str, voter: str, option: int) -> None:
        """The next count has it."""

    def took_vote(self, question_id: str, person_id: str, *, up: bool) -> None:
        """The next count has it."""

    def forget_person(self, person_id: str, voters: Mapping[str, str]) -> None:
        """Only numbers are kept."""

    async def count(self, polls: Collection[str], questions: Collection[str]) -> None:
        async def work(connection: AsyncConnection) -> tuple[dict[str, int], dict[str, int]]:
            by_poll = select(answers.c.poll_id, func.count()).where(answers.c.poll_id.in_(polls)).group_by(answers.c.poll_id)
            mine = votes.c.question_id.in_(questions)
            by_question = select(votes.c.question_id, func.count()).where(mine, votes.c.up).group_by(votes.c.question_id)
            answered = {row[0]: row[1] for row in await connection.execute(by_poll)} if polls else {}
            voted = {row[0]: row[1] for row in await connection.execute(by_question)} if questions else {}
            return answered, voted

        if polls or questions:
            answered, voted = await self._database.read(work)
            self._answered |= dict.fromkeys(polls, 0) | answered
            self._votes |= dict.fromkeys(questions, 0) | voted

    def answered(self, poll_id: str) -> int:
        return self._answered.get(poll_id, 0)

    def votes(self, question_id: str) -> int:
        return self._votes.get(question_id, 0)

    async def answers_of(self, voters: Mapping[str, str]) -> dict[str, int]:
        found = await self._answers_of.ask(voters.items())
        return {poll_id: option for (poll_id, _), option in found.items()}

    async def voted(self, person_id: str, questions: Sequence[str]) -> tuple[str, ...]:
        found = await self._voted.ask([(key, person_id) for key in questions])
        return tuple(key for key in questions if (key, person_id) in found)

    def forget(self, poll: m.Poll) -> None:
        """Only a number is kept."""

    async def _read_answers(self, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        query = select(answers).where(tuple_(answers.c.poll_id, answers.c.voter).in_(asked))

        async def work(connection: AsyncConnection) -> dict[tuple[str, str], int]:
            return {(row.poll_id, row.voter): row.option for row in await connection.execute(query)}

        return await self._database.read(work)

    async def _read_votes(self, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bool]:
        query = select(votes).where(tuple_(votes.c.question_id, votes.c.person_id).in_(asked), votes.c.up)

        async def work(connection: AsyncConnection) -> dict[tuple[str, str], bool]:
            return {(row.question_id, row.person_id): True for row in await connection.execute(query)}

        return await self._database.read(work)

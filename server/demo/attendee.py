"""One simulated attendee: comes, looks at what is there every few seconds, answers, votes, asks, goes, comes back.

Neighbours: `audience`, the process they are in; `tab`; `sayings`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from rooms import messages as m
from rooms.errors import Refused
from server.demo.sayings import ASIDES, COMMENTS, QUESTIONS
from server.demo.tab import Tab
from server.demo.visitor import NotTaken, Visitor

ARRIVE_SECONDS: Final = 7.0  # on average, after the start
LOOK_SECONDS: Final = (2.0, 6.0)
STAY_SECONDS: Final = 900.0  # on average
AWAY_SECONDS: Final = (10.0, 45.0)

# What somebody does with what they see at one look
BACKGROUND: Final = 0.15  # of the tabs are in the background when they are opened
TURN_AWAY: Final = 0.006
TURN_BACK: Final = 0.03
NOTICE_POLL: Final = 0.3
TAKE_PART: Final = 0.88
CHANGE_ANSWER: Final = 0.01
NOTICE_QUESTION: Final = 0.12
ANSWER_SURVEY: Final = 0.02
SURVEY_SHARE: Final = 0.7


class Hall:
    """What the attendees share: who asks next, so that however many there are, questions come at a calm pace."""

    def __init__(self, chance: random.Random, clock: Callable[[], float]) -> None:
        self._chance = chance
        self._clock = clock
        self._texts: list[str] = []
        self._asked = 0
        self._next_at = 0.0

    def question(self) -> str | None:
        """A question, if it is time for one. The first come quickly, then fewer and fewer."""
        now = self._clock()
        if now < self._next_at:
            return None
        if not self._texts:
            self._texts = [*self._chance.sample(QUESTIONS, len(QUESTIONS))]
            self._texts.insert(5, self._chance.choice(ASIDES))
        self._asked += 1
        self._next_at = now + self._chance.uniform(0.7, 1.3) * (4 if self._asked < 8 else 20 if self._asked < 30 else 60)
        return self._texts.pop(0)


class Attendee:
    """`attend` until cancelled."""

    def __init__(self, visitor: Visitor, hall: Hall, chance: random.Random, now: Callable[[], datetime]) -> None:
        self.visitor = visitor
        self.on_tab: Callable[[Tab | None], None] = lambda tab: None  # the tab was opened, or closed
        self._hall = hall
        self._chance = chance
        self._now = now
        self._noticed: set[str] = set()  # polls and questions that have been thought about
        self._survey_is_done = chance.random() > SURVEY_SHARE

    async def attend(self) -> None:
        await asyncio.sleep(min(self._chance.expovariate(1 / ARRIVE_SECONDS), 5 * ARRIVE_SECONDS))
        while True:
            await self._stay(self._chance.expovariate(1 / STAY_SECONDS) + 60)
            await asyncio.sleep(self._chance.uniform(*AWAY_SECONDS))

    async def _stay(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        leaves_at = loop.time() + seconds
        async with Tab(self.visitor, visible=self._chance.random() > BACKGROUND) as tab:
            self.on_tab(tab)
            try:
                await tab.until(lambda: tab.conference.programme is not None)
                while loop.time() < leaves_at:
                    with contextlib.suppress(ConnectionError, NotTaken):  # it comes back by itself
                        await self._look(tab)
                    await asyncio.sleep(self._chance.uniform(*LOOK_SECONDS))
            finally:
                self.on_tab(None)

    async def _look(self, tab: Tab) -> None:
        now = self._now()
        plan = tab.current(now)
        await tab.be_in(plan.id if plan else None)
        if self._is(TURN_AWAY if tab.visible else TURN_BACK):
            await tab.set_visible(visible=not tab.visible)
        if not self._survey_is_done and tab.conference.survey.phase == "open" and self._is(ANSWER_SURVEY):
            await self._answer_survey()
        if plan is None or not tab.visible or tab.phase(plan.id) != "live":
            return
        with contextlib.suppress(Refused):  # the poll has just been closed, the question has just been answered
            await self._take_part(tab, plan.id)

    async def _take_part(self, tab: Tab, session_id: str) -> None:
        room, stream = tab.room(session_id), m.session_stream(session_id)
        for poll in room.polls.values():
            if poll.phase == "open" and self._wants_to_answer(tab, poll):
                await tab.do(stream, m.PollAnswer(poll.id, self._choice(poll)))
        for question in room.questions.values():
            if question.status == "published" and self._wants_to_vote(tab, question):
                await tab.do(stream, m.QuestionVote(question.id, True))
        if (text := self._hall.question()) is not None:
            await tab.do(stream, m.QuestionAsk(text))

    def _wants_to_answer(self, tab: Tab, poll: m.Poll) -> bool:
        if poll.id in self._noticed:
            return poll.id in tab.mine_answers and self._is(CHANGE_ANSWER)
        if not self._is(NOTICE_POLL):
            return False
        self._noticed.add(poll.id)
        return self._is(TAKE_PART)

    def _wants_to_vote(self, tab: Tab, question: m.Question) -> bool:
        if question.id in self._noticed or question.author_id == tab.person_id or not self._is(NOTICE_QUESTION):
            return False
        self._noticed.add(question.id)
        return self._is(appeal(question.text))

    def _choice(self, poll: m.Poll) -> int:
        """Options differ in how many they appeal to."""
        weights = [0.15 + appeal(option) for option in poll.options]
        return self._chance.choices(range(len(weights)), weights)[0]

    async def _answer_survey(self) -> None:
        self._survey_is_done = True
        fields = {"conference": self._rating(), "association": self._rating()}
        if self._is(0.2):
            fields["comment"] = self._chance.choice(COMMENTS)
        await self.visitor.post_form("/survey", fields)

    def _rating(self) -> str:
        return self._chance.choices(("5", "4", "3", "2", "none"), (46, 43, 6, 2, 3))[0]

    def _is(self, probability: float) -> bool:
        return self._chance.random() < probability


def appeal(text: str) -> float:
    """How many a question or an option appeals to, 0.05 to 0.6: the same for all, so that some get more than others."""
    return 0.05 + 0.55 * (zlib.crc32(text.encode()) % 1000) / 1000

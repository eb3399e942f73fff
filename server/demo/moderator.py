"""The simulated moderator's process: `python -m server.demo.moderator`. What it does is decided in `direction`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from rooms import messages as m
from rooms.errors import Refused
from server.demo.direction import next_poll_step, next_question_step, next_step
from server.demo.orders import ModeratorOrders, play, tell_ready
from server.demo.tab import Tab
from server.demo.visitor import Visitor

LOOK_SECONDS: Final = 1.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Moderator:
    """One moderator at a desk. Somebody else may be at another: what was done there is refused here, which is fine."""

    def __init__(self, tab: Tab, now: Callable[[], datetime] = utc_now) -> None:
        self._tab = tab
        self._now = now
        self._answered_at: datetime | None = None

    async def run(self) -> None:
        """Leads the day until cancelled."""
        async with self._tab:
            await self._tab.until(lambda: self._tab.conference.programme is not None)
            while True:
                with contextlib.suppress(ConnectionError):  # it comes back by itself
                    is_idle = not await self._look()
                    if is_idle:
                        await asyncio.sleep(LOOK_SECONDS)
                        continue
                await asyncio.sleep(LOOK_SECONDS / 5)  # what was done is about to be seen

    async def _look(self) -> bool:
        """Does what is to be done, one thing of each kind; false: nothing was."""
        now = self._now()
        step = next_step(self._tab.conference, now)
        done = step is not None and await self._do(m.CONFERENCE, step)
        plan = self._tab.current(now)
        if plan is None or self._tab.phase(plan.id) != "live":
            return done
        tell_ready()
        stream = m.session_stream(plan.id)
        await self._tab.be_in(plan.id)
        await self._tab.until(lambda: stream in self._tab.rooms)
        return await self._lead(plan, stream, now) or done

    async def _lead(self, plan: m.SessionPlan, stream: str, now: datetime) -> bool:
        room, run = self._tab.room(plan.id), self._tab.conference.runs[plan.id]
        programme = self._tab.conference.programme
        number = programme.sessions.index(plan) if programme else 0
        poll_step = next_poll_step(room, run, number, now)
        question_step = next_question_step(room, self._tab.votes, self._answered_at, now)
        if isinstance(question_step, m.QuestionMarkAnswered):
            self._answered_at = now
        done = [await self._do(stream, step) for step in (poll_step, question_step) if step is not None]
        return any(done)

    async def _do(self, stream: str, command: m.Command) -> bool:
        """Gives a command; false: it was refused, and will be if it is repeated at once."""
        try:
            await self._tab.do(stream, command)
        except Refused:
            return False
        return True


def main() -> None:
    play(ModeratorOrders, lambda orders: Moderator(Tab(Visitor(orders.base, orders.token))).run())


if __name__ == "__main__":
    main()

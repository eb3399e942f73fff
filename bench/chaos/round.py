"""One round: a conference is set up, people live in it while the nemesis is about, everything settles, and is judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import plenum
from bench.chaos import schedule
from bench.chaos.clients import Client
from bench.chaos.clock import Clock
from bench.chaos.history import ACK, History, Record
from bench.chaos.judge import Verdict, judge
from bench.chaos.nemesis import Nemesis
from bench.chaos.place import Built, Setting, build
from bench.chaos.rest import audit, name, opened, read, rest
from bench.chaos.schedule import Act, Opening
from rooms import messages as m

PATIENCE: Final = 90.0  # for what must come true
TRANSIENT: Final = frozenset({"try_again", "read_only", "too_fast"})
AGAIN: Final = 0.3  # seconds, after such a refusal
TABS: Final = 3  # every so manieth person has two
TICK: Final = 0.05

Say = Callable[[str], None]


async def play(setting: Setting, folder: Path, say: Say) -> Verdict:
    """One round in an empty folder, from the first start to the verdict. Whatever happens, nothing that it started stays."""
    history = History()
    async with AsyncExitStack() as stack:
        built = await build(setting, folder, history, stack)
        hall = Hall(built, setting, history)
        stack.push_async_callback(hall.close)
        await hall.open()
        async with measuring_lag(history):
            await hall.suffer(say)
            async with opened(built.database) as database:
                await rest(hall.clients, database, history)
                await audit(hall.clients, built, database, history)
        await hall.close()
        for node in built.place.nodes:
            await node.close()
        report(history, built, say)
        async with opened(built.database) as database:
            found = await read(database)
        (folder / "history.json").write_bytes(msgspec.json.encode({"history": history, "attendance": found.attendance}))
        return judge(history, found)


class Hall:
    """The people of a round: a moderator, and the others, of whom some have two tabs."""

    def __init__(self, built: Built, setting: Setting, history: History) -> None:
        self._built = built
        self._setting = setting
        self._history = history
        self._asked: asyncio.Queue[str] = asyncio.Queue()  # questions to publish; bounded by what may be asked
        tabs = [(number, tab) for number in range(1, setting.people) for tab in range(1 + (number % TABS == 0))]
        self._moderator = self._client(plenum.MODERATOR, 0, self._heed)
        self._others = [self._client(number, tab) for number, tab in tabs]
        self._plan = schedule.make(
            setting.seed, setting.seconds, built.topology, len(self._others), setting.only, setting.redis_cut
        )

    @property
    def clients(self) -> list[Client]:
        return [self._moderator, *self._others]

    async def open(self) -> None:
        """All are there, the session is live, and there is something to answer and to vote for."""
        for node in self._built.place.nodes:
            node.start()
        for node in self._built.place.nodes:
            if not await node.up():
                raise RuntimeError(f"node {node.number} does not start, see its log")
        for number, client in enumerate(self.clients):
            client.start(number)
        for stream, command in plenum.go_live():
            await self._command(command, stream)
        for number, poll in enumerate(self._plan.polls):
            options = [f"Svar {n}" for n in range(schedule.OPTIONS)]
            title = f"Fråga {number}"
            await self._command({"type": "poll.draft", "title": title, "options": options, "anonymous": poll.anonymous})
        await self._command({"type": "poll.open", "poll_id": poll_id(0)})
        for number in range(schedule.QUESTIONS):
            await self._command({"type": "question.ask", "text": f"Vad händer härnäst ({number})?"})
            await self._command({"type": "question.publish", "question_id": question_id(number)})
        async with asyncio.timeout(PATIENCE):
            for client in self.clients:
                await client.arrived.wait()

    async def suffer(self, say: Say) -> None:
        """Everybody does what the schedule says, the nemesis as well."""
        clock = Clock()
        nemesis = Nemesis(self._built.place, self._history, clock, say)
        publishing = asyncio.create_task(self._publish())
        async with asyncio.TaskGroup() as group:
            polls = [group.create_task(self._run_poll(n, poll, clock)) for n, poll in enumerate(self._plan.polls) if n]
            acting = [
                group.create_task(self._act(n, client, self._plan.acts[n], clock)) for n, client in enumerate(self._others)
            ]
            await nemesis.run(self._plan.faults)
            if self._setting.redis_cut:
                unaware = [name(client) for client in self.clients if not client.was_delayed]
                self._history.wrong += [f"{who} was not told that updates are late" for who in unaware]
            await asyncio.wait(acting)
            await nemesis.heal()
            if polls:
                await asyncio.wait(polls)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._asked.join()
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)

    async def close(self) -> None:
        await asyncio.gather(*(client.stop() for client in self.clients))

    # --- the moderator

    async def _command(self, command: dict[str, Any], stream: str = plenum.STREAM) -> None:
        """Until it is done, or impossible."""
        answer = "no answer"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                answer = (await self._moderator.done(command, stream)).answer
                while answer in TRANSIENT:
                    await asyncio.sleep(AGAIN)
                    answer = (await self._moderator.done(command, stream)).answer
        if answer != ACK:
            self._history.wrong.append(f"the moderator could not {command}: {answer}")

    def _heed(self, frame: dict[str, Any]) -> None:
        """Questions of others are for the moderator to publish; of a snapshot, those that were missed."""
        asked = []
        if frame["type"] == "event" and frame["event"]["type"] == "question.asked":
            asked = [frame["event"]["question"]]
        elif frame["type"] == "snapshot":
            asked = [each for each in frame["state"].get("questions", {}).values() if each["status"] == "pending"]
        for question in asked:
            if question["author_id"] != plenum.person_id(plenum.MODERATOR):
                self._asked.put_nowait(question["id"])

    async def _publish(self) -> None:
        published = set[str]()
        while True:
            question = await self._asked.get()
            if question not in published:
                published.add(question)
                await self._command({"type": "question.publish", "question_id": question})
            self._asked.task_done()

    async def _run_poll(self, number: int, poll: Opening, clock: Clock) -> None:
        await clock.until(poll.at)
        await self._command({"type": "poll.open", "poll_id": poll_id(number)})
        assert poll.closes_at is not None
        await clock.until(poll.closes_at)
        await self._command({"type": "poll.close", "poll_id": poll_id(number)})

    # --- the others

    def _client(self, number: int, tab: int, heed: Callable[[dict[str, Any]], None] | None = None) -> Client:
        role: m.Role = "moderator" if number == plenum.MODERATOR else "attendee"
        actor = m.Actor(plenum.person_id(number), f"Person {number}", frozenset({role}))
        record = Record(actor, f"tab-{number}-{tab}")
        self._history.records.append(record)
        doors = [node.port for node in self._built.place.nodes]
        return Client(record, self._built.cookies[number], doors, plenum.STREAM, heed)

    async def _act(self, number: int, client: Client, acts: Sequence[Act], clock: Clock) -> None:
        is_first = client.record.client.endswith("-0")  # of a person, who answers and votes in one tab only
        for count, act in enumerate(acts):
            await clock.until(act.at)
            match act.deed:
                case "ask":
                    client.do({"type": "question.ask", "text": f"{self._setting.seed} {number} {count}"})
                case "answer" if is_first:
                    poll = poll_id(act.subject)
                    client.do({"type": "poll.answer", "poll_id": poll, "option": act.value}, subject=poll)
                case "vote" if is_first:
                    question = question_id(act.subject)
                    client.do({"type": "question.vote", "question_id": question, "up": bool(act.value)}, subject=question)
                case "close":
                    await client.go_away(act.seconds)
                case "unfollow":
                    await client.look_elsewhere(act.seconds)
                case "hide":
                    await client.hide(act.seconds)
                case "move":
                    await client.move()


def poll_id(number: int) -> str:
    return f"{plenum.SESSION}-p{number + 1}"


def question_id(number: int) -> str:
    return f"{plenum.SESSION}-q{number + 1}"


@contextlib.asynccontextmanager
async def measuring_lag(history: History) -> AsyncIterator[None]:
    """How late this process itself is: it saw nothing meanwhile."""

    async def measure() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(TICK)
            history.lag = max(history.lag, loop.time() - before - TICK)

    task = asyncio.create_task(measure())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def report(history: History, built: Built, say: Say) -> None:
    """What it was like."""
    answers = Counter(sent.answer or "none" for record in history.records for sent in record.sent)
    resent = sum(len(sent.sends) > 1 for record in history.records for sent in record.sent)
    closes = Counter(code for record in history.records for code in record.closes)
    by_itself = sum(node.ended_by_itself for node in built.place.nodes)
    say(f"  answers {dict(answers)}, sent again {resent}, connections ended {dict(closes)}, {len(history.faults)} faults")
    say(f"  nodes that ended by themselves {by_itself}, this process was at most {history.lag:.2f} s late")

"""Whatever becomes of nodes and of Redis, and in whatever order questions, answers and pauses come: of those who believe
that a room is theirs there is one at most. (A node that is cut off from a Redis which others reach: see decision 10.)"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.cluster.media_keeper import Keeper, NotNow
from server.cluster.media_lease import Lease
from server.cluster.media_register import Home, Reclaim, Renewal
from tests.server.cluster.register import Memory

SECONDS: Final = 5.0
NODES, ROOMS = ("a", "b", "c"), ("plenum", "group")


class Question:
    """One that a node has put to Redis, which does it soon if it is up; the answer comes at any later time, or never."""

    def __init__(self, node: str, work: Callable[[int], Any], was_down: bool) -> None:
        self.node, self._work = node, work
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: list[Any] = []
        self.was_down = was_down  # at some time since it was asked: then it may fail
        self.is_cut_off = False  # by a restart

    def carry_out(self, now: int) -> None:
        self.result = [self._work(now)]


class Wire:
    """A register that answers when the test says so."""

    def __init__(self, node: str, world: World) -> None:
        self._node, self._world = node, world

    async def renew(self, lease: str, load: float, about: bytes, *, is_new: bool, rejoins: bool) -> Renewal:
        work = self._world.memory.renew
        answer: Renewal = await self._ask(lambda now: work(now, lease, load, about, is_new=is_new, rejoins=rejoins))
        return answer

    async def reclaim(self, lease: str, holds: Mapping[str, int]) -> Reclaim:
        kept, work = dict(holds), self._world.memory.reclaim
        answer: Reclaim = await self._ask(lambda now: work(now, lease, kept))
        return answer

    async def place(self, lease: str, room: str, weight: float) -> tuple[Home | None, int]:
        work = self._world.memory.place
        answer: tuple[Home | None, int] = await self._ask(lambda now: work(now, lease, room, weight))
        return answer

    async def release(self, lease: str, holds: Mapping[str, int]) -> None:
        await self._ask(lambda now: self._world.memory.release(now, lease, holds))

    async def leave(self, lease: str) -> None:
        await self._ask(lambda now: self._world.memory.leave(now, lease))

    async def _ask(self, work: Callable[[int], Any]) -> Any:
        question = Question(self._node, work, not self._world.is_up)
        self._world.questions.append(question)
        return await question.answer


class World(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 100.0
        self.memory = Memory(int(SECONDS * 1000))
        self.is_up = True
        self.questions: list[Question] = []
        self.late: list[Question] = []  # given up by whoever asked, and carried out yet, perhaps
        self.keepers = {node: Keeper(Wire(node, self), node, lambda: self.now, seconds=SECONDS) for node in NODES}
        self.tasks: set[asyncio.Task[None]] = set()

    def teardown(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.run(asyncio.sleep(0))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        async def and_what_follows() -> None:
            await work
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(and_what_follows())

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        async def quiet() -> None:
            with contextlib.suppress(NotNow):
                await work

        async def start() -> None:
            task = asyncio.create_task(quiet())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        self.run(start())

    # --- what nodes do

    @rule(node=st.sampled_from(NODES))
    def renew(self, node: str) -> None:
        self.begin(self.keepers[node].renew())

    @rule(node=st.sampled_from(NODES), room=st.sampled_from(ROOMS))
    def want(self, node: str, room: str) -> None:
        self.begin(self.keepers[node].home(room))

    @rule(node=st.sampled_from(NODES), room=st.sampled_from(ROOMS))
    def release(self, node: str, room: str) -> None:
        self.begin(self.keepers[node].release(room))

    @rule(node=st.sampled_from(NODES))
    def leave(self, node: str) -> None:
        self.begin(self.keepers[node].leave())

    # --- what Redis does

    def open(self) -> list[Question]:
        return [question for question in self.questions if not question.result and not question.is_cut_off]

    @precondition(lambda self: self.is_up and self.open())
    @rule(data=st.data(), is_at_once=st.booleans())
    def carry_out(self, data: st.DataObject, is_at_once: bool) -> None:
        question = data.draw(st.sampled_from(self.open()))
        question.carry_out(int(self.now * 1000))
        if is_at_once:
            self.answer(question)

    @precondition(lambda self: any(question.result for question in self.questions))
    @rule(data=st.data())
    def answer_late(self, data: st.DataObject) -> None:
        self.answer(data.draw(st.sampled_from([question for question in self.questions if question.result])))

    def answer(self, question: Question) -> None:
        self.questions.remove(question)
        question.answer.set_result(question.result[0])
        self.run(asyncio.sleep(0))

    @precondition(lambda self: any(question.was_down for question in self.questions))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        self.give_up(data.draw(st.sampled_from([question for question in self.questions if question.was_down])))

    def give_up(self, question: Question) -> None:
        self.questions.remove(question)
        if not question.result and not question.is_cut_off:
            self.late.append(question)
        question.answer.set_exception(TimeoutError())
        self.run(asyncio.sleep(0))

    @rule(forgets=st.booleans())
    def go_down(self, forgets: bool) -> None:
        """It is paused, or ends."""
        self.is_up = False
        for question in self.questions:
            question.was_down = True
            question.is_cut_off |= forgets
        if forgets:
            self.memory.flush()
            self.late.clear()

    @precondition(lambda self: not self.is_up)
    @rule(order=st.randoms(use_true_random=False))
    def come_back(self, order: Random) -> None:
        """What was put to it meanwhile, it carries out now, whoever still waits for the answer."""
        self.is_up = True
        order.shuffle(self.late)
        for question in self.late:
            question.carry_out(int(self.now * 1000))
        self.late.clear()

    # --- and time passes, for those who are stopped too

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 2.6, 4.9, 5.1, 20.0]))
    def wait(self, seconds: float) -> None:
        for question in self.open() if self.is_up else ():
            question.carry_out(int(self.now * 1000))
        self.now += seconds

    @rule(rounds=st.integers(1, 12), awake=st.sets(st.sampled_from(NODES), min_size=1))
    def live(self, rounds: int, awake: set[str]) -> None:
        """A while in which all is well, but for those who are stopped."""
        for _ in range(rounds if self.is_up else 0):
            self.wait(SECONDS / 5)
            for node in sorted(awake):
                self.begin(self.keepers[node].renew())
                while asked := [question for question in self.questions if question.node == node]:
                    if asked[0].is_cut_off:
                        self.give_up(asked[0])
                        continue
                    if not asked[0].result:
                        asked[0].carry_out(int(self.now * 1000))
                    self.answer(asked[0])
            self.only_one_serves()

    @invariant()
    def only_one_serves(self) -> None:
        for room in ROOMS:
            serving = [node for node, keeper in self.keepers.items() if keeper.serves(room)]
            assert len(serving) <= 1, (room, serving)


TestOnlyOneServes = World.TestCase
TestOnlyOneServes.settings = settings(max_examples=30, stateful_step_count=60, deadline=None)


class Day:
    """Nodes whose questions are answered at once, while Redis is there."""

    def __init__(self) -> None:
        self.now = 100.0
        self.memory = Memory(int(SECONDS * 1000))
        self.is_up = True
        self.lost: list[tuple[str, dict[str, int]]] = []

    def node(self, name: str) -> Keeper:
        keeper = Keeper(self, name, lambda: self.now, seconds=SECONDS)
        keeper.on_lost = lambda lease, holds: self.lost.append((lease, holds))
        return keeper

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def ask(*arguments: Any, **named: Any) -> Any:
            if not self.is_up:
                raise TimeoutError
            return getattr(self.memory, name)(int(self.now * 1000), *arguments, **named)

        return ask

    async def live(self, seconds: float, *keepers: Keeper) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            for keeper in keepers:
                await keeper.renew()


async def refused(work: Coroutine[Any, Any, Any]) -> bool:
    try:
        await work
    except NotNow:
        return True
    return False


async def begun() -> tuple[Day, Keeper, Keeper]:
    """Two nodes, of which the first holds a room."""
    day = Day()
    first, second = day.node("a"), day.node("b")
    await day.live(SECONDS + 1, first, second)
    assert (await first.home("plenum")).lease == "a.1"
    assert first.serves("plenum")
    return day, first, second


async def test_a_room_is_found_by_all_and_moves_when_its_node_has_died() -> None:
    day, first, second = await begun()
    assert await second.home("plenum") == await first.home("plenum")
    assert not second.serves("plenum")
    await day.live(SECONDS + 1, second)
    assert (await second.home("plenum")).lease == "b.1"
    assert second.serves("plenum") and not first.serves("plenum")


async def test_a_node_that_was_stopped_gives_up_what_is_anothers_and_says_so() -> None:
    day, first, second = await begun()
    await day.live(SECONDS + 1, second)
    await second.home("plenum")
    await first.renew()
    assert [(lease, list(holds)) for lease, holds in day.lost] == [("a.1", ["plenum"])]
    await first.renew()
    await day.live(SECONDS + 1, second)
    await first.renew()
    assert day.lost[1:] == [("a.2", {})]  # with nothing held too: what is told is told under another lease now
    await first.renew()
    assert (await first.home("plenum")).lease == "b.1"  # under a new lease it takes part again
    assert first.lease.id == "a.3"


async def test_while_redis_is_away_what_is_held_is_served_and_nothing_is_placed() -> None:
    day, first, second = await begun()
    day.is_up = False
    await day.live(60, first, second)
    assert first.serves("plenum")
    assert (await first.home("plenum")).lease == "a.1"
    assert await refused(second.home("group")) and await refused(first.home("group"))


async def test_redis_that_has_forgotten_everything_takes_no_room_from_anybody() -> None:
    for forgets in (True, False):
        day, first, second = await begun()
        day.is_up = False
        await day.live(30, first, second)
        if forgets:
            day.memory.flush()
        day.is_up = True
        await second.renew()
        assert await refused(second.home("plenum"))  # not before its holder has said so
        await first.renew()
        assert (await second.home("plenum")).lease == "a.1"
        await day.live(SECONDS + 1, first, second)
        assert (await second.home("group")).lease == "b.1"
        assert first.serves("plenum") and not day.lost


async def test_a_node_that_was_stopped_takes_nothing_back_from_a_redis_that_has_forgotten() -> None:
    day, first, second = await begun()
    await day.live(SECONDS + 1, second)
    await second.home("plenum")
    day.memory.flush()
    await first.renew()  # before the holder has said so
    assert not first.serves("plenum") and first.lease.id == "a.2"
    await second.renew()
    assert second.serves("plenum")


async def test_of_two_who_say_that_they_hold_a_room_the_later_holder_is_right() -> None:
    day, first, second = await begun()
    await first.home("group")
    day.memory.flush()
    later = first.lease.holds["plenum"] + 1
    second.lease.holds["plenum"] = later  # which an outage kept the first from hearing of
    await second.renew()
    await first.renew()
    assert day.lost == [("a.1", {"plenum": later - 1})]
    assert second.serves("plenum") and not first.serves("plenum") and first.serves("group")


async def test_a_release_that_redis_carries_out_late_takes_nothing_from_who_holds_the_room_again() -> None:
    day, first, _ = await begun()
    before = dict(first.lease.holds)
    day.is_up = False
    await first.release("plenum")
    assert not first.serves("plenum")
    day.is_up = True
    await first.renew()
    again = await first.home("plenum")
    assert again.lease == "a.1" and again.epoch > before["plenum"]
    day.memory.release(int(day.now * 1000), "a.1", before)
    assert day.memory.homes["plenum"] == again


def test_what_redis_said_before_it_forgot_holds_no_room() -> None:
    lease = Lease("a", SECONDS)
    lease.renewed(10.0)
    lease.generation = 7
    assert not lease.took("plenum", 1, 6)
    assert not lease.serves("plenum", 10.0)


async def test_the_idlest_node_gets_a_room_and_what_it_has_been_given_counts_at_once() -> None:
    day = Day()
    loads = {"a": 0.5, "b": 0.2, "c": 1e6}
    named: Any = {"seconds": SECONDS, "weight": 0.2}
    keepers = [Keeper(day, name, lambda: day.now, load=partial(loads.__getitem__, name), **named) for name in loads]
    await day.live(SECONDS + 1, *keepers)
    homes = [(await keepers[2].home(f"r{n}")).lease for n in range(4)]
    assert homes == ["b.1", "b.1", "a.1", "b.1"]


def test_a_lease_is_good_for_its_length_from_when_a_renewal_began() -> None:
    lease = Lease("a", SECONDS)
    assert not lease.is_good(0.0)
    lease.renewed(10.0)
    assert lease.is_good(14.9) and not lease.is_good(15.0)
    lease.failed(14.0)
    assert lease.is_good(18.9)
    lease.failed(30.0)  # after a pause: who knows what has happened
    assert not lease.is_good(30.0)

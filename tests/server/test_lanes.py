"""Work in lanes."""

from __future__ import annotations

import asyncio
from functools import partial

from server.lanes import Lanes, name_of
from tests.server.running import until


async def test_what_is_slow_in_one_lane_keeps_no_other_waiting() -> None:
    done: list[tuple[str, int]] = []
    gate = asyncio.Event()

    async def work(lane: str, job: int) -> None:
        if lane == "slow":
            await gate.wait()
        done.append((lane, job))

    lanes = Lanes[int](work, 100)
    for number in range(3):
        lanes.put("slow", number)
        lanes.put("fast", number)
    await until(lambda: len(done) == 3)
    assert done == [("fast", 0), ("fast", 1), ("fast", 2)]
    gate.set()
    await lanes.join()
    assert done[3:] == [("slow", 0), ("slow", 1), ("slow", 2)]


async def test_what_comes_while_a_lane_works_is_done_too() -> None:
    done: list[int] = []

    async def work(lane: str, job: int) -> None:
        done.append(job)
        if job < 5:
            lanes.put(lane, job + 1)

    lanes = Lanes[int](work, 1)
    assert lanes.put("one", 0)
    await lanes.join()
    assert done == [0, 1, 2, 3, 4, 5]


async def test_only_so_many_wait() -> None:
    gate = asyncio.Event()

    async def work(lane: str, job: int) -> None:
        await gate.wait()

    lanes = Lanes[int](work, 2)
    assert [lanes.put("one", number) for number in range(3)] == [True, True, False]
    await lanes.stop()


def test_work_is_named_without_what_it_is_about() -> None:
    """Names end up in the log, and arguments are people's ids."""
    assert name_of(partial(test_only_so_many_wait)) == "test_only_so_many_wait"
    assert name_of(partial(print, "p00112233445566aa")) == "print"
    assert name_of(Lanes[int](lambda lane, job: asyncio.sleep(0), 1).stop) == "Lanes.stop"

"""Questions that come at the same time are asked together, and nobody's trouble is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from rooms.errors import Refused
from server import together
from server.together import Together


class Source:
    """Answers with the squares of even numbers; holds what is asked until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go = asyncio.Event()
        self.refuses = False

    async def read(self, keys: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(keys))
        await self.go.wait()
        if self.refuses:
            raise Refused("try_again")
        return {key: key * key for key in keys if key % 2 == 0}


async def test_who_comes_while_one_asks_shares_the_next_question() -> None:
    source = Source()
    shared = Together[int, int](source.read)
    tasks = [asyncio.create_task(shared.ask(keys)) for keys in ([2, 3], [4], [4, 6])]
    await asyncio.sleep(0)
    later = [asyncio.create_task(shared.ask([8])) for _ in range(100)]
    source.go.set()
    assert await asyncio.gather(*tasks) == [{2: 4}, {4: 16}, {4: 16, 6: 36}]
    assert await asyncio.gather(*later) == [{8: 64}] * 100
    assert len(source.asked) <= 2 and await shared.ask([]) == {}


async def test_a_refusal_is_told_to_all_who_asked_and_to_nobody_after() -> None:
    source = Source()
    source.refuses = True
    source.go.set()
    shared = Together[int, int](source.read)
    for answer in await asyncio.gather(*(shared.ask([n]) for n in range(3)), return_exceptions=True):
        assert isinstance(answer, Refused)
    source.refuses = False
    assert await shared.ask([2]) == {2: 4}


async def test_who_gives_up_takes_nobody_along() -> None:
    source = Source()
    shared = Together[int, int](source.read)
    impatient, patient = asyncio.create_task(shared.ask([2])), asyncio.create_task(shared.ask([4]))
    while not source.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    impatient.cancel()
    source.go.set()
    assert await patient == {4: 16}
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_questions_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "AT_ONCE", 10)
    source = Source()
    source.go.set()
    shared = Together[int, int](source.read)
    await asyncio.gather(*(shared.ask([n, n + 1, n + 2]) for n in range(0, 60, 3)))
    assert max(map(len, source.asked)) <= 10 and sum(map(len, source.asked)) == 60

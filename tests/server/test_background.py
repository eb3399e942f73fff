"""What goes on all the time goes on, and says what went wrong without what it was handed."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from rooms.errors import Refused
from server import background


async def test_work_that_fails_is_told_of_by_its_name_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE_SECONDS", 0.0)
    tries = 0
    again = asyncio.Event()

    async def work(handed: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ArithmeticError
        if tries == 2:
            raise Refused("try_again")
        again.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        task = asyncio.create_task(background.keep_going(partial(work, "everything that there is")))
        async with asyncio.timeout(60):
            await again.wait()
        await background.end([task])
    assert [line["event"] for line in logs] == ["unexpected error", "background work waits"]
    assert logs[0]["detail"].endswith("work") and "everything" not in str(logs)


async def test_work_that_hangs_keeps_nothing_else_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "END_SECONDS", 0.01)
    may_end = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()

    async def rest() -> None:
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(background.keep_going(work)) for work in (hang, rest)]
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await background.end(tasks)
    assert [line["event"] for line in logs] == ["background work does not end"]
    assert [task.done() for task in tasks] == [False, True]
    may_end.set()
    await asyncio.wait(tasks)

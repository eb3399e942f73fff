"""An engine per test, in a worker process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from live.control import Notification
from live.engine import EmbeddedEngine
from live.limits import Limits
from tests.live.scene import Scene, scene


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Lets the loop run until `condition`, which tells nobody when it changes, holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Told:
    """What an engine told so far."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self.all: list[Notification] = []
        self._changed = asyncio.Event()
        self.reader = asyncio.create_task(self._read(engine))

    async def _read(self, engine: EmbeddedEngine) -> None:
        async for notification in engine.notifications():
            self.all.append(notification)
            self._changed.set()

    async def until(self, condition: Callable[[list[Notification]], object], seconds: float = 60.0) -> None:
        """Waits until `condition` of everything told holds."""
        async with asyncio.timeout(seconds):
            while not condition(self.all):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    async with EmbeddedEngine(("127.0.0.1",)) as running:
        yield running


@pytest.fixture
async def told(engine: EmbeddedEngine) -> AsyncIterator[Told]:
    watching = Told(engine)
    yield watching
    watching.reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching.reader


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[False, True], ids=["compiled", "pure"])
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """Where hostile packets are sent: a real worker, with people who behave; with the compiled helper, and without."""
    async with scene(limits=Limits(idle=120.0, setup=120.0), is_pure=request.param) as made:
        yield made

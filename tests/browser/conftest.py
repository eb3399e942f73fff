"""A conference is prepared once and copied for every test, and the tests of a module share one Chromium: neither is what is
tested, and both take seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.stage import Conference, Hall, _free_port, a_browser, held


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Conference:
    """People imported and links issued; never started itself."""
    prepared = Conference(tmp_path_factory.mktemp("prepared"))
    asyncio.run(prepared.prepare())
    return prepared


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def hall(tmp_path: Path, prepared: Conference, browser: Browser) -> AsyncIterator[Hall]:
    served = Conference(tmp_path)
    served.prepare_like(prepared)
    served.media_port = _free_port()  # tests that put something between need to know it
    async with held(served, browser) as hall:
        yield hall

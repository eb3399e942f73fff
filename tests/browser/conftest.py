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


def one_like(prepared: Conference, directory: Path) -> Conference:
    served = Conference(directory)
    served.prepare_like(prepared)
    served.media_port = _free_port()  # tests that put something between need to know it
    return served


@pytest_asyncio.fixture(loop_scope="module")
async def hall(tmp_path: Path, prepared: Conference, browser: Browser) -> AsyncIterator[Hall]:
    async with held(one_like(prepared, tmp_path), browser) as hall:
        yield hall


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def open_house(
    tmp_path_factory: pytest.TempPathFactory, prepared: Conference, browser: Browser
) -> AsyncIterator[Hall]:
    """One for all tests of a module that leave it as they found it, and those who are there all the time."""
    async with held(one_like(prepared, tmp_path_factory.mktemp("house")), browser) as hall:
        yield hall


@pytest_asyncio.fixture(loop_scope="module")
async def visit(open_house: Hall, browser: Browser) -> AsyncIterator[Hall]:
    """The same, for those who come and go within a test."""
    visit = Hall(open_house.served, browser)
    try:
        yield visit
    finally:
        await visit.leave()

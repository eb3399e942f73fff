"""Readings of everything: few at once, and nobody one after the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from rooms.errors import Refused
from server.readings import MOST_UNDER_WAY, READINGS_AT_ONCE, Readings
from server.settings import Settings
from tests.server.running import running

SLOW = 0.01  # a second: nobody is forgiven while a test runs
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


async def test_one_person_is_told_to_wait_and_others_are_not(tmp_path: Path) -> None:
    readings = Readings(Settings(directory=tmp_path, readings_per_second=SLOW))
    for _ in range(READINGS_AT_ONCE):
        async with readings.of("anna"):
            pass
    with pytest.raises(Refused, match="too_fast"):
        async with readings.of("anna"):
            pass
    async with readings.of("bo"):
        pass


async def test_only_so_many_read_at_once_and_the_others_wait_their_turn(tmp_path: Path) -> None:
    readings = Readings(Settings(directory=tmp_path))
    reading: list[str] = []
    most = 0
    go = asyncio.Event()

    async def read(who: str) -> None:
        nonlocal most
        async with readings.of(who):
            reading.append(who)
            most = max(most, len(reading))
            await go.wait()
            await asyncio.sleep(0)
            reading.remove(who)

    tasks = [asyncio.create_task(read(f"p{n}")) for n in range(3 * MOST_UNDER_WAY)]
    for _ in range(100):  # all have begun, as far as they are let
        await asyncio.sleep(0)
    assert len(reading) == MOST_UNDER_WAY
    go.set()
    await asyncio.gather(*tasks)
    assert most == MOST_UNDER_WAY and reading == []


async def test_every_page_and_file_that_reads_everything_counts(tmp_path: Path) -> None:
    """The first are answered, then whoever goes on is told so in words."""
    async with running(tmp_path, readings_per_second=SLOW) as run:
        paths = {
            "anna": ["/me", "/me/everything.zip"],
            "mona": ["/board", "/board.csv", "/api/board", "/export/answers.csv"],
        }
        for who, addresses in paths.items():
            async with await run.browser(who) as browser:
                answers: list[httpx.Response] = [
                    await browser.get(addresses[n % len(addresses)], headers=PAGE) for n in range(READINGS_AT_ONCE)
                ]
                assert {answer.status_code for answer in answers} == {200}
                for address in addresses:
                    refused = await browser.get(address, headers=PAGE)
                    assert refused.status_code == 429, address
                    assert "too fast" in refused.text

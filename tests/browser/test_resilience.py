"""What goes wrong on a conference day, in real browsers with real media: processes are killed, networks drop, people come
late and leave. Nobody has to reload anything."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import one_like
from tests.browser.pages import ask, is_the_same_page, mark, offers
from tests.browser.relay import Relay
from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    Conference,
    Hall,
    attend,
    click,
    go_live,
    goes_on,
    held,
    sound_goes_on,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)


@pytest_asyncio.fixture(loop_scope="module")
async def relay(hall: Hall) -> AsyncIterator[Relay]:
    async with Relay(hall.served.port, hall.served.media_port).running() as relay:
        yield relay


async def test_when_the_media_worker_is_killed_sound_and_picture_come_back_everywhere(hall: Hall) -> None:
    mona, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    pages = (mona, siri, anna)
    await asyncio.gather(*map(mark, pages))
    await asyncio.gather(*map(sound_goes_on, (mona, anna)))
    killed = await hall.served.media_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    async def another() -> bool:
        return await hall.served.media_pid() not in (None, killed)

    await until(another, "another media worker")
    await asyncio.gather(*(work(page) for page in (mona, anna) for work in (goes_on, sound_goes_on)))
    await expect(anna.get_by_text("They come back automatically")).to_have_count(0)
    assert await asyncio.gather(*map(is_the_same_page, pages)) == [True, True, True]
    assert hall.complaints == []


async def test_a_killed_server_loses_nothing_and_nobody_reloads(hall: Hall, relay: Relay) -> None:
    mona, siri = await go_live(hall)
    anna = await hall.sit("anna", through=relay)
    await attend(anna)
    await ask(anna, "Vad händer härnäst?")
    await click(mona, "Publish")
    await expect(anna.locator(".question-text")).to_have_text("Vad händer härnäst?")
    for page in (mona, siri, anna):
        await mark(page)

    relay.cut("down")  # this one arrives, and its acknowledgement never
    await ask(anna, "Kommer frågan två gånger?")
    await expect(mona.get_by_text("Kommer frågan två gånger?")).to_have_count(1)
    await hall.served.stop(signal.SIGKILL)
    relay.sever()
    relay.mend()
    await expect(anna.get_by_text("Reconnecting…")).to_be_visible()
    await hall.served.start()

    await expect(anna.get_by_text("Reconnecting…")).to_have_count(0)
    await asyncio.gather(*(goes_on(page) for page in (anna, mona)))  # the speaker is back on stage by herself
    await expect(anna.locator(".question-text")).to_have_text("Vad händer härnäst?")
    await expect(anna.get_by_role("button", name="Send question")).to_be_visible()  # not "Sending…" any more
    for page in (anna, mona):
        await expect(page.get_by_text("Kommer frågan två gånger?")).to_have_count(1)
    assert await asyncio.gather(*map(is_the_same_page, (mona, siri, anna))) == [True, True, True]
    assert hall.complaints == []


async def test_sound_and_picture_go_on_while_there_is_no_server(
    prepared: Conference, browser: Browser, tmp_path: Path
) -> None:
    served = one_like(prepared, tmp_path)
    served.settings = {"PLENUM_MEDIA_KEEP_SECONDS": "300"}
    async with held(served, browser) as hall:
        mona, siri = await go_live(hall)
        anna = await hall.sit("anna")
        await attend(anna)
        pages = (mona, siri, anna)
        before = await asyncio.gather(*map(offers, pages))
        await served.stop(signal.SIGKILL)
        await expect(anna.get_by_text("Reconnecting…")).to_be_visible()
        await asyncio.gather(*(work(page) for page in (mona, anna) for work in (goes_on, sound_goes_on)))
        await served.start()
        await expect(anna.get_by_text("Reconnecting…")).to_have_count(0)
        britt = await hall.sit("britt")  # the next server knows what it has adopted: who comes now sees it, too
        await attend(britt)
        await asyncio.gather(*(work(page) for page in (mona, anna) for work in (goes_on, sound_goes_on)))
        assert await asyncio.gather(*map(offers, pages)) == before
        assert hall.complaints == []


async def test_a_question_asked_while_the_server_is_away_is_delivered_once(hall: Hall) -> None:
    mona, _ = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await hall.served.stop(signal.SIGKILL)
    await expect(anna.get_by_text("What you send now is kept")).to_be_visible()
    await ask(anna, "Hörs jag?")
    await hall.served.start()
    await expect(anna.get_by_text("Waits for the moderator")).to_be_visible()
    await expect(mona.locator(".is-pending .question-text")).to_have_text("Hörs jag?")


async def test_a_speaker_whose_network_changes_stays_on_stage(hall: Hall, relay: Relay) -> None:
    _, siri = await go_live(hall, speaker_through=relay)
    anna = await hall.sit("anna")
    await attend(anna)
    before, handshakes = await offers(siri), relay.handshakes
    for change in (relay.move, relay.strand):
        change()
        await goes_on(anna, 30)
    assert await offers(siri) == before
    assert relay.handshakes == handshakes
    assert hall.complaints == []


async def test_the_moderator_closes_her_laptop_and_the_session_goes_on(hall: Hall) -> None:
    mona, _ = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    present = anna.locator(".marks").get_by_text("present")
    await expect(present).to_have_text("3 present")
    await mona.context.close()
    await expect(present).to_have_text("2 present")
    await goes_on(anna, 50)
    await expect(anna.locator(".marks").get_by_text("Live", exact=True)).to_be_visible()
    again = await hall.sit("mona")
    await again.goto(hall.url("/desk"))
    await expect(again.get_by_role("button", name="End the session")).to_be_visible()
    await goes_on(again)
    assert hall.complaints == []

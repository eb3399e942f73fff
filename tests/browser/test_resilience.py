"""What goes wrong on a conference day, in real browsers with real media: processes are killed, networks drop, people come
late and leave. Nobody has to reload anything."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.relay import Relay
from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    Hall,
    attend,
    click,
    go_live,
    goes_on,
    photograph,
    sound_goes_on,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

OUTAGE_SECONDS = 10  # of the network: longer than the page believes in the old connection


@pytest_asyncio.fixture(loop_scope="module")
async def relay(hall: Hall) -> AsyncIterator[Relay]:
    async with Relay(hall.served.port, hall.served.media_port).running() as relay:
        yield relay


async def mark(page: Page) -> None:
    """Leaves something in the page that a reload would take away."""
    await page.evaluate("() => { window.isTheSamePage = true; }")


async def is_the_same_page(page: Page) -> bool:
    return bool(await page.evaluate("() => window.isTheSamePage === true"))


async def sent(page: Page) -> Counter[str]:
    """What the browser counts of the camera it sends, all its sizes together."""
    counted: Counter[str] = Counter()
    for report in await page.evaluate("() => plenum.media.statistics()"):
        if report["type"] == "outbound-rtp" and report["kind"] == "video":
            counted.update({name: report.get(name, 0) for name in ("pliCount", "firCount", "keyFramesEncoded")})
    return counted


async def ask(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Ask a question").fill(text)
    await click(page, "Send question")


async def test_who_comes_late_has_a_picture_as_the_speaker_is_asked_for_a_whole_one(hall: Hall) -> None:
    _, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await goes_on(anna, 50)  # it has been going on for a while
    before = await sent(siri)
    bo = await hall.sit("bo")
    await bo.get_by_role("link", name="Go to the session").click()
    await expect(bo).to_have_url(hall.url("/session/s1"))
    await goes_on(bo, 5)

    async def was_asked_and_answered() -> bool:
        now = await sent(siri)
        asked = now["pliCount"] + now["firCount"] > before["pliCount"] + before["firCount"]
        return bool(asked and now["keyFramesEncoded"] > before["keyFramesEncoded"])

    await until(was_asked_and_answered, "a whole picture asked of the speaker")
    assert hall.complaints == []


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


async def offers(page: Page) -> int:
    """How many times the page has offered: as many connections has it begun."""
    names = await page.evaluate("() => performance.getEntriesByType('resource').map((each) => new URL(each.name).pathname)")
    return int(names.count("/media/s1"))


async def test_after_ten_seconds_without_network_everything_comes_back(hall: Hall, relay: Relay) -> None:
    mona, _ = await go_live(hall)
    anna = await hall.sit("anna", through=relay)
    await attend(anna)
    await mark(anna)
    before, handshakes = await offers(anna), relay.handshakes
    back_at = asyncio.get_running_loop().time() + OUTAGE_SECONDS
    relay.cut()
    relay.strand()  # when it is back it is another network: the browser's old addresses are of no use
    await ask(anna, "Är jag tillbaka?")  # which makes the page doubt the silence
    await expect(anna.get_by_text("Reconnecting…")).to_be_visible()
    await expect(anna.get_by_text("Sound and picture were lost. They come back automatically.")).to_be_visible()
    await photograph(anna, "reconnecting")
    await asyncio.sleep(back_at - asyncio.get_running_loop().time())  # the passage of time is the point
    await expect(mona.get_by_text("Är jag tillbaka?")).to_have_count(0)  # the relay does cut
    relay.mend()
    await expect(anna.get_by_text("Reconnecting…")).to_have_count(0)
    await goes_on(anna)
    await expect(anna.get_by_text("They come back automatically")).to_have_count(0)
    assert await offers(anna) == before  # the same one by a new way (ICE restart): nothing was offered anew,
    assert relay.handshakes == handshakes  # and no keys agreed
    await expect(mona.get_by_text("Är jag tillbaka?")).to_have_count(1)
    assert await is_the_same_page(anna)
    assert hall.complaints == []


async def test_a_viewer_whose_address_changes_goes_on(hall: Hall, relay: Relay) -> None:
    await go_live(hall)
    anna = await hall.sit("anna", through=relay)
    await attend(anna)
    before, handshakes = await offers(anna), relay.handshakes
    for _ in range(2):
        relay.move()
        await goes_on(anna, 30)
    assert await offers(anna) == before
    assert relay.handshakes == handshakes
    assert hall.complaints == []


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


async def test_the_hall_sees_what_the_speaker_switches(hall: Hall) -> None:
    _, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    tile = anna.locator(".tile").filter(has_text="Siri Berg")
    await expect(tile).to_have_count(1)
    await expect(tile.get_by_text("Microphone off")).to_have_count(0)
    await click(siri, "Mute")
    await expect(tile.get_by_text("Microphone off")).to_be_visible()
    await click(siri, "Unmute")
    await expect(tile.get_by_text("Microphone off")).to_have_count(0)
    await click(siri, "Turn off camera")
    await expect(tile.get_by_text("SB")).to_be_visible()
    await expect(tile.locator("video")).to_have_count(0)
    await click(siri, "Turn on camera")
    await goes_on(anna)
    await click(siri, "Leave the stage")
    await expect(anna.get_by_text("Nobody is on stage right now")).to_be_visible()
    await click(siri, "Go on stage…")
    await click(siri, "Go on stage")
    await goes_on(anna)
    await expect(tile.locator("video")).to_be_visible()  # over the initials
    assert hall.complaints == []


async def test_a_shared_screen_is_large_and_moves(hall: Hall) -> None:
    _, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await click(siri, "Share screen")
    await expect(siri.get_by_text("You share your screen. Everybody sees it now.")).to_be_visible()
    screen = anna.locator(".tile.is-screen")
    await expect(screen.get_by_text("Siri Berg shows a screen")).to_be_visible()
    await expect(screen.locator("video")).to_be_visible()
    await anna.wait_for_function(
        "() => document.querySelector('.is-screen video')?.getVideoPlaybackQuality().totalVideoFrames > 3"
    )
    await photograph(anna, "screen")
    await click(siri, "Stop sharing")
    await expect(screen).to_have_count(0)
    await goes_on(anna)  # her face, large again
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

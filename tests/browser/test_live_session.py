"""A session that is live, what its speaker switches, and viewers who come late or whose network fails; in real browsers with
real media. Moderator and speaker are there all the time. Neighbour: `test_resilience`, where these have the trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.pages import ask, is_the_same_page, mark, offers, sent
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
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

OUTAGE_SECONDS = 10  # of the network: longer than the page believes in the old connection


@pytest_asyncio.fixture(loop_scope="module")
async def relay(visit: Hall) -> AsyncIterator[Relay]:
    async with Relay(visit.served.port, visit.served.media_port).running() as relay:
        yield relay


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def live(open_house: Hall) -> tuple[Page, Page]:
    """A moderator and a speaker who are on all the time, where only others have trouble; what she switches she switches
    back."""
    return await go_live(open_house)


async def test_who_comes_late_has_a_picture_as_the_speaker_is_asked_for_a_whole_one(
    open_house: Hall, live: tuple[Page, Page], visit: Hall
) -> None:
    _, siri = live
    anna = await visit.sit("anna")
    await attend(anna)
    await goes_on(anna, 50)  # it has been going on for a while
    bo = await visit.sit("bo")

    async def comes_and_is_asked_for() -> bool:
        """False if the speaker sent a whole picture of herself just then, which nobody had to ask for: he comes again."""
        before = await sent(siri)
        await bo.goto(visit.url("/session/s1"))
        await goes_on(bo, 5)
        now = await sent(siri)
        was_asked = now["pliCount"] + now["firCount"] > before["pliCount"] + before["firCount"]
        return bool(was_asked and now["keyFramesEncoded"] > before["keyFramesEncoded"])

    await until(comes_and_is_asked_for, "a whole picture asked of the speaker")
    assert open_house.complaints == visit.complaints == []


async def test_after_ten_seconds_without_network_everything_comes_back(
    open_house: Hall, live: tuple[Page, Page], visit: Hall, relay: Relay
) -> None:
    mona, _ = live
    anna = await visit.sit("anna", through=relay)
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
    assert open_house.complaints == visit.complaints == []


async def test_a_viewer_whose_address_changes_goes_on(
    open_house: Hall, live: tuple[Page, Page], visit: Hall, relay: Relay
) -> None:
    anna = await visit.sit("anna", through=relay)
    await attend(anna)
    before, handshakes = await offers(anna), relay.handshakes
    for _ in range(2):
        relay.move()
        await goes_on(anna, 30)
    assert await offers(anna) == before
    assert relay.handshakes == handshakes
    assert open_house.complaints == visit.complaints == []


async def test_the_hall_sees_what_the_speaker_switches(open_house: Hall, live: tuple[Page, Page], visit: Hall) -> None:
    _, siri = live
    anna = await visit.sit("anna")
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
    assert open_house.complaints == visit.complaints == []


async def test_a_shared_screen_is_large_and_moves(open_house: Hall, live: tuple[Page, Page], visit: Hall) -> None:
    _, siri = live
    anna = await visit.sit("anna")
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
    assert open_house.complaints == visit.complaints == []

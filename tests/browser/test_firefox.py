"""The other engine: a real Firefox among real Chromiums, through the pages. It has no H.264 here, as it has none until it
has fetched its plugin, so everybody sends it VP8."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.firefox import Firefox, Tab, a_firefox
from tests.browser.stage import (
    LONGEST_SECONDS,
    Hall,
    attend,
    click,
    go_live,
    goes_on,
    open_backstage,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]

# What a page hears: packets of sound that came, and whether they were not silence.
HEARD: Final = """(async () => (await plenum.media.statistics())
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "audio")
    .some((sound) => sound.packetsReceived > 50 && sound.totalAudioEnergy > 0))()"""
# The codecs of the pictures that a page has decoded.
CODECS: Final = """(async () => {
    const statistics = await plenum.media.statistics();
    const received = statistics.filter(({type, kind}) => type === "inbound-rtp" && kind === "video");
    const codec = (wanted) => statistics.find(({id}) => id === wanted)?.mimeType;
    return received.filter(({framesDecoded}) => framesDecoded).map(({codecId}) => codec(codecId));
})()"""
# What the page's video shows now, made small; "" while that is one colour, black above all. (Firefox's own count of
# pictures, `getVideoPlaybackQuality`, stays at 0 for what comes over a network.)
PICTURE: Final = """(() => {
    const video = document.querySelector("video");
    const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 36});
    const context = canvas.getContext("2d");
    if (video) context.drawImage(video, 0, 0, 64, 36);
    const pixels = [...new Uint32Array(context.getImageData(0, 0, 64, 36).data.buffer)];
    return new Set(pixels).size > 1 ? pixels.join() : "";
})()"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def firefox() -> AsyncIterator[Firefox]:
    async with a_firefox() as firefox:
        yield firefox


async def sit(firefox: Firefox, hall: Hall, person: str) -> Tab:
    """A person's Firefox, in the session's page by way of their personal link."""
    tab = await firefox.open()
    await tab.goto(hall.served.links[person])
    assert await tab.evaluate("location.pathname") == "/lobby"
    await tab.goto(hall.url("/session/s1"))
    return tab


async def shows_moving_pictures(tab: Tab, count: int = 5) -> None:
    """Waits until the page has shown so many different ones."""
    seen: set[str] = set()

    async def enough() -> bool:
        seen.add(await tab.evaluate(PICTURE))
        return len(seen - {""}) >= count

    await until(enough, "moving pictures")


async def until_heard(page: Page) -> None:
    async def is_heard() -> bool:
        return bool(await page.evaluate(HEARD))

    await until(is_heard, "sound")


async def test_firefox_sees_and_hears_a_speaker_in_chromium(hall: Hall, firefox: Firefox) -> None:
    mona, _ = await go_live(hall)
    anna = await sit(firefox, hall, "anna")
    await shows_moving_pictures(anna)
    await anna.until(HEARD)
    assert await anna.evaluate(CODECS) == ["video/VP8"]
    await goes_on(mona, 20)  # who came before, and may have begun with another codec
    assert anna.complaints == hall.complaints == []


async def test_chromium_sees_and_hears_a_speaker_in_firefox(hall: Hall, firefox: Firefox) -> None:
    mona = await hall.sit("mona")
    await open_backstage(mona)
    siri = await sit(firefox, hall, "siri")
    await siri.click("Go on stage…")
    await siri.until("plenum.media.capture.switches.camera && plenum.media.capture.switches.microphone")
    await siri.click("Go on stage")
    await click(mona, "Go live")
    anna = await hall.sit("anna")
    await attend(anna)
    await goes_on(anna, 20)
    await until_heard(anna)
    assert await anna.evaluate(CODECS) == ["video/VP8"]
    assert siri.complaints == hall.complaints == []


async def test_firefox_has_both_back_when_the_media_worker_was_killed(hall: Hall, firefox: Firefox) -> None:
    await go_live(hall)
    anna = await sit(firefox, hall, "anna")
    await shows_moving_pictures(anna)
    await anna.evaluate("(window.before = plenum.media.slots.get('audio0')).id")
    killed = await hall.served.media_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await anna.until(
        "window.before && plenum.media.slots.has('audio0') && plenum.media.slots.get('audio0') !== window.before"
    )
    await shows_moving_pictures(anna)
    await anna.until(HEARD)
    assert anna.complaints == hall.complaints == []


async def test_firefox_finds_a_new_way_for_the_connection_it_has(hall: Hall, firefox: Firefox) -> None:
    await go_live(hall)
    anna = await sit(firefox, hall, "anna")
    await shows_moving_pictures(anna)
    offers = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/media/s1')).length"
    way = "plenum.media.statistics().then((all) => all.find(({ selected }) => selected)?.localCandidateId)"
    before = await anna.evaluate(f"window.before = await {way}")
    assert before
    offered = await anna.evaluate(offers)  # more than once on a machine that is too busy for the first
    await anna.evaluate("plenum.media.moved()")
    await anna.until(f"(await {way}) && window.before !== (await {way})")  # another ICE session's
    await shows_moving_pictures(anna)
    assert (await anna.evaluate(offers), await anna.evaluate("plenum.media.status.name")) == (offered, "connected")
    assert anna.complaints == hall.complaints == []

"""Breakout rooms in real browsers with real media: five participants in two rooms, as a moderator composes them, moves one,
speaks to all, gives more time, helps, and closes; one closes the laptop and comes back. The pictures are the guides'
(`docs/breakouts-*.md`)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.laptop import Laptop, a_laptop
from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    PEOPLE,
    Conference,
    Hall,
    click,
    go_on_stage,
    held,
    open_backstage,
    photograph,
    sound_goes_on,
    until,
)
from tests.browser.test_axe import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(2 * LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

NAMES: Final = {"siri": "Siri Berg", "anna": "Anna Ek", "bo": "Bo Lind", "britt": "Britt Holm", "erik": "Erik Sund"}
Guests = dict[str, Page]

# What has come by the room's own connection: heard, and not made up where nothing comes; and seen.
ROOM_SOUND: Final = """async () => (await plenum.away.carrier.media?.statistics() ?? [])
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "audio")
    .reduce((sum, sound) => sum + sound.totalSamplesReceived - sound.concealedSamples, 0)"""
ROOM_PICTURES: Final = """async () => (await plenum.away.carrier.media?.statistics() ?? [])
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "video")
    .reduce((sum, {framesDecoded}) => sum + (framesDecoded ?? 0), 0)"""
DEVICES: Final = """() => {
    const { tracks, switches } = plenum.media.capture;
    const idOf = (track) => track?.getSettings().deviceId ?? "";
    return { ...switches, camera_id: idOf(tracks.camera), microphone_id: idOf(tracks.microphone) };
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def hall(tmp_path: Path, browser: Browser) -> AsyncIterator[Hall]:
    served = Conference(tmp_path)
    everybody = PEOPLE.replace(";speaker", ";speaker attendee")  # who only speaks is put into no room
    served.people = everybody + "Erik Sund;erik@example.org;Sundsvall;Kommundirektör;2024;attendee\n"
    await served.prepare()
    async with held(served, browser) as hall:
        yield hall


@pytest_asyncio.fixture(loop_scope="module")
async def laptop() -> AsyncIterator[Laptop]:
    async with a_laptop() as laptop:
        yield laptop


async def test_five_people_in_two_rooms(hall: Hall, laptop: Laptop) -> None:
    mona, guests = await gathered(hall, laptop)
    await the_moderator_composes(mona)
    before = await guests["siri"].evaluate(DEVICES)
    await the_rooms_open(mona, guests)
    await everybody_joins_in(guests)
    await one_is_moved(mona, guests)
    await the_moderator_speaks_to_all(mona, guests)
    await there_is_more_time(mona, guests)
    await a_room_asks_for_help(mona, guests)
    await somebody_closes_the_laptop(mona, guests, laptop)
    await all_come_back(mona, guests, before)
    assert hall.complaints == []


async def gathered(hall: Hall, laptop: Laptop) -> tuple[Page, Guests]:
    """The session is live, one of the five is on stage, and every page is marked: none can be loaded again unnoticed."""
    mona = await hall.sit("mona")
    await open_backstage(mona)
    await click(mona, "Go live")
    guests = {name: await hall.sit(name, on=laptop.browser if name == "bo" else None) for name in NAMES}
    await go_on_stage(guests["siri"])
    for name in ("anna", "bo", "britt", "erik"):
        await guests[name].goto(re.sub(r"/lobby$", "/session/s1", guests[name].url))
    for page in guests.values():
        await expect(page.locator(".session-head")).to_be_visible()
        await page.evaluate("() => { globalThis.isTheSamePage = true; }")
    await expect(mona.get_by_text("6 present").first).to_be_visible()
    return mona, guests


def card(mona: Page, number: int) -> Locator:
    return mona.locator(".room-card[data-room]").nth(number)


async def the_moderator_composes(mona: Page) -> None:
    """By wishes, then by hand: Siri and Anna in one room, the others in the other; by keyboard, and back by undoing."""
    await click(mona, "Breakout rooms")
    await mona.get_by_role("spinbutton", name="Minutes").fill("90")  # nothing here ends by itself, however slow
    await mona.get_by_role("spinbutton", name="People").fill("3")
    await mona.get_by_role("spinbutton", name="People").press("Tab")
    await until(lambda: are_composed(mona), "groups of everybody")
    for name in ("Siri Berg", "Anna Ek"):
        await put(mona, name, 0)
    for name in ("Bo Lind", "Britt Holm", "Erik Sund"):
        await put(mona, name, 1)
    await card(mona, 1).get_by_role("button", name="Bo Lind").focus()
    await mona.keyboard.press("Alt+ArrowLeft")
    await expect(card(mona, 0).get_by_role("button", name="Bo Lind")).to_be_focused()
    await click(mona, "Undo")
    await expect(card(mona, 1).get_by_role("button", name="Bo Lind")).to_be_visible()
    assert await violations(mona) == []
    await photograph(mona, "breakouts-composer")


async def are_composed(mona: Page) -> bool:
    """True when everybody is in a group. Whoever is not connected just then is left out: it is composed again."""
    compose = mona.get_by_role("button", name=re.compile("^Compose (the groups|again)$"))
    await compose.click()
    await mona.wait_for_function("() => !plenum.actions.isBusy('compose')")  # which is drawn a little later
    return await mona.locator(".seated").count() == len(NAMES)


async def put(mona: Page, name: str, room: int) -> None:
    """Moves somebody by the tools under their name, unless they are there."""
    if await card(mona, room).get_by_role("button", name=name).count():
        return
    await mona.locator(".seated").get_by_role("button", name=name).click()
    await mona.get_by_label(f"Move {name} to").select_option(index=0)
    await mona.locator(".seated-tools").get_by_role("button", name="Move", exact=True).click()
    await expect(card(mona, room).get_by_role("button", name=name)).to_be_visible()


async def the_rooms_open(mona: Page, guests: Guests) -> None:
    await click(mona, "Open the rooms…")
    await mona.get_by_role("dialog").get_by_role("button", name="Open the rooms").click()
    for name, page in guests.items():
        await expect(page.locator(".room-head h2")).to_have_text("Room 1" if name in ("siri", "anna") else "Room 2")
        await expect(page.get_by_text("Nothing is recorded here.")).to_be_visible()
    await expect(mona.locator(".running")).to_be_visible()
    await photograph(mona, "breakouts-running")


async def everybody_joins_in(guests: Guests) -> None:
    """Who was on stage has camera and microphone on as there; the others say so once."""
    for name, page in guests.items():
        if name != "siri":
            await click(page, "Join with camera and microphone")
    for page in guests.values():
        await expect(page.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    for page in guests.values():
        await comes(page, ROOM_SOUND, 24_000)
        await comes(page, ROOM_PICTURES, 10)
    assert await violations(guests["anna"]) == []
    await photograph(guests["anna"], "breakouts-room")


async def comes(page: Page, figure: str, more: int) -> None:
    """Waits until a figure of the room's connection has grown by so much; a new connection counts anew."""
    last, seen = int(await page.evaluate(figure)), 0

    async def enough() -> bool:
        nonlocal last, seen
        now = int(await page.evaluate(figure))
        seen += now - last if now >= last else now
        last = now
        return seen >= more

    await until(enough, "sound or picture of the room")


async def one_is_moved(mona: Page, guests: Guests) -> None:
    erik = guests["erik"]
    await put(mona, "Erik Sund", 0)
    await expect(erik.locator(".room-head h2")).to_have_text("Room 1")
    await expect(erik.locator(".group")).to_contain_text("Anna Ek")
    await expect(guests["bo"].locator(".group")).not_to_contain_text("Erik Sund")
    await comes(erik, ROOM_SOUND, 24_000)
    await expect(erik.get_by_role("button", name="Mute", exact=True)).to_be_visible()


async def the_moderator_speaks_to_all(mona: Page, guests: Guests) -> None:
    """By voice, and in writing."""
    await click(mona, "Speak to all rooms")
    for page in guests.values():
        await expect(page.get_by_text("Mona Dahl speaks to all rooms now.")).to_be_visible()
    await asyncio.gather(*(sound_goes_on(page, 0.5) for page in guests.values()))
    await click(mona, "Stop speaking to all")
    await expect(guests["anna"].get_by_text("Mona Dahl speaks to all rooms now.")).to_have_count(0)
    await mona.get_by_label("To all rooms").fill("Skriv upp tre punkter.")
    await click(mona, "Send")
    for page in guests.values():
        await expect(page.locator(".told")).to_contain_text("Skriv upp tre punkter.")
        await page.locator(".told").get_by_role("button", name="I see").click()


ENDS_AT: Final = "() => Date.parse(plenum.connection.state('breakouts/s1').ends_at)"


async def there_is_more_time(mona: Page, guests: Guests) -> None:
    """On everybody's clock."""
    before = int(await mona.evaluate(ENDS_AT))
    await click(mona, "+5 min for all rooms")
    for page in (mona, *guests.values()):

        async def has_more(page: Page = page) -> bool:
            return int(await page.evaluate(ENDS_AT)) == before + 300_000

        await until(has_more, "five minutes more")
        await expect(page.locator(".room-clock [role=timer]").first).to_have_text(re.compile(r"^\d:\d\d:\d\d$"))


async def a_room_asks_for_help(mona: Page, guests: Guests) -> None:
    """The moderator goes there: she hears and sees the room, which sees that she is there."""
    anna = guests["anna"]
    await anna.locator(".room-head").get_by_role("button", name="Ask for help").click()
    await expect(mona.locator(".help-queue li")).to_contain_text("Room 1 asks for help")
    assert await violations(mona) == []
    await click(mona, "Go there: Room 1")
    await expect(anna.get_by_text("Mona Dahl is visiting: they see and hear you.")).to_be_visible()
    await expect(mona.get_by_role("heading", name="You are visiting Room 1")).to_be_visible()
    await comes(mona, ROOM_SOUND, 24_000)
    await photograph(mona, "breakouts-visit")
    await click(mona, "Leave the room")
    await expect(anna.get_by_text("is visiting")).to_have_count(0)
    await expect(anna.get_by_role("button", name="Ask for help: a moderator comes to you")).to_be_visible()
    await click(mona, "Breakout rooms")


async def somebody_closes_the_laptop(mona: Page, guests: Guests, laptop: Laptop) -> None:
    """For as long as it takes the moderator to see it; then they are in their own room again, on the same page."""
    bo = guests["bo"]
    laptop.close()
    bos = card(mona, 1).locator(".seated", has_text="Bo Lind")
    await expect(bos).to_contain_text("Not connected", timeout=2 * PATIENCE_MS)
    laptop.open()
    await expect(bos).not_to_contain_text("Not connected", timeout=2 * PATIENCE_MS)
    await expect(bo.locator(".room-head h2")).to_have_text("Room 2")
    await comes(bo, ROOM_SOUND, 24_000)


# The last minute may be over before a slow test has looked at everybody's page: each page remembers that it was counted.
NOTICE_COUNT: Final = """() => new MutationObserver(() => {
    globalThis.sawCount ||= Boolean(document.querySelector(".room-count"));
}).observe(document.body, { childList: true, subtree: true })"""
END_NOW: Final = """() => plenum.connection.do("breakouts/s1", { type: "breakouts.close", at_once: true }).then(
    () => true, () => false)"""


async def all_come_back(mona: Page, guests: Guests, before: dict[str, Any]) -> None:
    """After the count of the last minute has begun, at once. Who was on stage is there again with the same devices, and
    nobody's page was loaded again."""
    in_room = {name: await page.evaluate(DEVICES) for name, page in guests.items()}
    assert all(devices["camera"] and devices["microphone"] for devices in in_room.values())
    assert in_room["siri"] == before
    for page in guests.values():
        await page.evaluate(NOTICE_COUNT)
    await click(mona, "Close in 60 seconds")
    for page in guests.values():
        await page.wait_for_function("() => globalThis.sawCount")
    await mona.evaluate(END_NOW)
    for page in guests.values():
        await expect(page.locator(".room-head")).to_have_count(0)
        assert await page.evaluate("() => globalThis.isTheSamePage")
    await expect(guests["siri"].get_by_role("button", name="Leave the stage")).to_be_visible()

    async def has_the_same_devices() -> bool:
        return bool(await guests["siri"].evaluate(DEVICES) == before)

    await until(has_the_same_devices, "the same camera and microphone on stage")
    await sound_goes_on(guests["anna"])
    assert not (await guests["anna"].evaluate(DEVICES))["camera"]

"""The ways into breakout rooms other than composed groups (`test_breakouts.py`), each at the desk and on a participant's
phone: by topic, chosen with seats, drawn, as last time, from a list, open tables, one to one. One browser; the others are
clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Locator, Page, expect

from rooms import messages as m
from server.identity import COOKIE
from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, a_browser, click
from tests.browser.test_axe import violations
from tests.fakes import FakeClock
from tests.server.breakouts.scene import B1, S1, Scene, add_guests
from tests.server.running import running, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

HERE: Final = ("g1", "g2", "g3")  # besides Anna, whose page is looked at
LIST: Final = "Rum;E-post\nÅn;anna@example.org\nÅn;g2@example.org\nSjön;g1@example.org\nSjön;g3@example.org\n"


@pytest_asyncio.fixture(loop_scope="module")
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """By the real clock, which is the page's too."""
    async with running(tmp_path) as run:
        await add_guests(run)
        await run.go_live("s1")
        for name in HERE:
            await run.client(name, (S1, B1))
        yield Scene(run, FakeClock())


@pytest_asyncio.fixture(loop_scope="module")
async def pages(scene: Scene) -> AsyncIterator[tuple[Page, Page]]:
    """Mona's desk, with its rooms, and Anna's phone. What a page threw is a failure."""
    thrown: list[str] = []
    async with a_browser() as browser:
        found = []
        for who, path, width in (("mona", "/desk/s1#rooms", 1440), ("anna", "/session/s1", 360)):
            context = await browser.new_context(locale="en", viewport={"width": width, "height": 800})
            context.set_default_timeout(PATIENCE_MS)
            await context.add_cookies([{"name": COOKIE, "value": await scene.run.cookie(who), "url": scene.run.url}])
            page = await context.new_page()
            page.on("pageerror", lambda error: thrown.append(str(error)))
            await page.goto(f"{scene.run.url}{path}")
            found.append(page)
        await until(lambda: scene.run.services.presence.people("s1").keys() >= {"anna", *HERE})
        yield found[0], found[1]
    assert thrown == []


async def test_every_way_in(scene: Scene, pages: tuple[Page, Page]) -> None:
    mona, anna = pages
    await by_topic(scene, mona, anna)
    await chosen_while_there_are_seats(scene, mona, anna)
    await drawn_and_once_more(scene, mona, anna)
    await from_a_list(scene, mona, anna)
    await open_tables(scene, mona, anna)
    await one_to_one(scene, mona, anna)


async def by_topic(scene: Scene, mona: Page, anna: Page) -> None:
    await choose_way(mona, "By topic")
    await mona.get_by_label("Topics, one per line").fill("Skola\nVatten")
    await click(mona, "Let participants choose")
    await expect(anna.get_by_role("tab", name="Rooms")).to_have_attribute("aria-selected", "true")
    await anna.get_by_role("checkbox", name="Vatten").check()
    for name, topic in zip(HERE, ("Vatten", "Skola", "Skola"), strict=True):
        await scene.do(m.BreakoutsWish((topic,)), name)
    await expect(mona.get_by_text("4 have chosen")).to_be_visible()
    await mona.get_by_role("checkbox", name="Nobody they have met before").uncheck()
    await mona.get_by_role("checkbox", name="From different counties").uncheck()
    await mona.get_by_role("spinbutton", name="People").fill("2")
    await mona.get_by_role("spinbutton", name="People").press("Tab")
    await click(mona, "Compose the groups")
    await open_rooms(mona, "By topic: 2 rooms, 4 people")
    await expect(room_head(anna)).to_contain_text("Vatten")
    await are_together(scene, "anna", "g1")
    await click(mona, "Close now…")
    await mona.get_by_role("dialog").get_by_role("button", name="Close now").click()
    await expect(anna.get_by_role("heading", name="Breakout rooms soon")).to_be_visible()  # the topics are still asked
    await click(mona, "Stop asking")


async def chosen_while_there_are_seats(scene: Scene, mona: Page, anna: Page) -> None:
    await choose_way(mona, "Participants choose")
    await mona.locator(".sizes select").select_option("Number of rooms")
    await mona.get_by_role("spinbutton", name="Rooms").fill("2")
    await mona.get_by_label("Topics, one per line").fill("")
    await click(mona, "Set up the rooms")
    await mona.get_by_label("Name and seats of Room 1").click()
    seats = mona.get_by_role("spinbutton", name="Seats").first
    await seats.fill("2")
    await seats.press("Tab")
    await expect(mona.locator(".room-card[data-room]").first).to_contain_text("0 of 2")
    await open_rooms(mona, "Participants choose: 2 rooms, 0 people")
    full, free = [room.id for room in scene.state.rooms.values() if not room.closed_at]
    for name in HERE[:2]:
        await scene.do(m.BreakoutChoose(full), name)
    await expect(anna.get_by_text("2 are there · Full")).to_be_visible()
    await expect(anna.get_by_role("button", name="Go in: Room 1")).to_be_disabled()
    assert await violations(anna) == []
    await click(anna, "Go in: Room 2")
    await expect(room_head(anna)).to_have_text("Room 2")
    assert scene.seat("anna") == free
    await close_now(mona, anna)


async def drawn_and_once_more(scene: Scene, mona: Page, anna: Page) -> None:
    await choose_way(mona, "Drawn at random")
    await click(mona, "Draw the groups")
    await open_rooms(mona, "Drawn at random: 2 rooms, 4 people")
    await expect(room_head(anna)).to_be_visible()
    drawn = scene.seats()
    await close_now(mona, anna)
    await choose_way(mona, "As last time")
    await click(mona, "Compose the groups")
    await open_rooms(mona, "As last time: 2 rooms, 4 people")
    await expect(room_head(anna)).to_be_visible()
    assert scene.seats() == drawn
    await close_now(mona, anna)


async def from_a_list(scene: Scene, mona: Page, anna: Page) -> None:
    await choose_way(mona, "From a list")
    await take_list(mona, "Namn\nAnna Ek\n")
    await expect(mona.get_by_text("This is not a list of groups")).to_be_visible()
    await take_list(mona, LIST)
    await open_rooms(mona, "From a list: 2 rooms, 4 people")
    await expect(room_head(anna)).to_have_text("Ån")
    await are_together(scene, "anna", "g2")
    await close_now(mona, anna)


async def open_tables(scene: Scene, mona: Page, anna: Page) -> None:
    """One comes and goes; and who wishes meets somebody for five minutes besides."""
    await choose_way(mona, "Open tables")
    await mona.get_by_role("checkbox", name="Offer one to one as well").check()
    await click(mona, "Set up the rooms")
    await open_rooms(mona, "Open tables: 4 rooms, 0 people")
    await click(anna, "Go in: Room 3")
    await expect(room_head(anna)).to_have_text("Room 3")
    await expect(anna.get_by_text("Open until the moderator closes it")).to_be_visible()
    await click(anna, "Back to the plenary")
    await expect(anna.get_by_role("heading", name="Open tables")).to_be_visible()
    await meets_somebody(scene, anna, "g1")
    await close_now(mona, anna)


async def one_to_one(scene: Scene, mona: Page, anna: Page) -> None:
    await choose_way(mona, "One to one")
    await click(mona, "Prepare")
    await open_rooms(mona, "One to one: 0 rooms, 0 people")
    await expect(mona.get_by_text("No conversations yet")).to_be_visible()
    await meets_somebody(scene, anna, "g3")
    await close_now(mona, anna)


# --- what they have in common -------------------------------------------------------------------------------


async def choose_way(mona: Page, way: str) -> None:
    await mona.get_by_role("radio", name=way, exact=True).check()


async def open_rooms(mona: Page, heading: str) -> None:
    await click(mona, "Open the rooms…")
    await mona.get_by_role("dialog").get_by_role("button", name="Open the rooms").click()
    await expect(mona.get_by_role("heading", name=heading)).to_be_visible()


async def close_now(mona: Page, anna: Page) -> None:
    await click(mona, "Close now…")
    await mona.get_by_role("dialog").get_by_role("button", name="Close now").click()
    await expect(anna.locator(".room-head")).to_have_count(0)
    await expect(mona.get_by_role("heading", name="Prepare breakout rooms")).to_be_visible()


def room_head(anna: Page) -> Locator:
    return anna.get_by_role("region", name="Your breakout room").get_by_role("heading")


async def are_together(scene: Scene, *people: str) -> None:
    await until(lambda: any(room >= set(people) for room in scene.seats()))


async def take_list(mona: Page, text: str) -> None:
    file = FilePayload(name="rooms.csv", mimeType="text/csv", buffer=text.encode())
    await mona.get_by_label("CSV file").set_input_files(file)


async def meets_somebody(scene: Scene, anna: Page, other: str) -> None:
    await anna.locator(".hall").get_by_role("button", name="Find somebody for me").click()
    await expect(anna.get_by_text("Waiting for somebody else who wants to talk.")).to_be_visible()
    await scene.do(m.BreakoutsPair(on=True), other)
    await expect(anna.locator(".group")).to_contain_text(f"Gäst {other}")
    await are_together(scene, "anna", other)

"""Two rounds planned at once at the desk: composed, changed by hand, and opened one after the other. One browser; the others
are clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from rooms import messages as m
from server.identity import COOKIE
from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, a_browser, click
from tests.browser.test_axe import violations
from tests.fakes import FakeClock
from tests.server.breakouts.scene import B1, S1, Scene, add_guests
from tests.server.running import running, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

HERE: Final = ("g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8")
TOO_WIDE: Final = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


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
async def desk(scene: Scene) -> AsyncIterator[Page]:
    """Mona's, with its rooms. What the page threw is a failure."""
    thrown: list[str] = []
    async with a_browser() as browser:
        context = await browser.new_context(locale="en", viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        await context.add_cookies([{"name": COOKIE, "value": await scene.run.cookie("mona"), "url": scene.run.url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        await page.goto(f"{scene.run.url}/desk/s1#rooms")
        await until(lambda: scene.run.services.presence.people("s1").keys() >= set(HERE))
        yield page
    assert thrown == []


async def test_two_rounds_are_planned_and_opened_one_after_the_other(scene: Scene, desk: Page) -> None:
    await compose_two(scene, desk)
    await change_the_second(scene, desk)
    await open_first(scene, desk)
    await open_second(scene, desk)


async def compose_two(scene: Scene, desk: Page) -> None:
    await fill(desk, "People", "2")
    await fill(desk, "Rounds", "2")
    await click(desk, "Compose the groups")
    await expect(tab(desk, 1)).to_have_attribute("aria-selected", "true")
    await expect(desk.get_by_text("All requirements are met.")).to_be_visible()
    await until(lambda: len(planned(scene)) == 2)
    assert all(set().union(*groups) == set(HERE) for groups in planned(scene))
    assert not pairs(planned(scene)[0]) & pairs(planned(scene)[1])


async def change_the_second(scene: Scene, desk: Page) -> None:
    """By keyboard, and on a narrow page: it stays as hands made it, and what meets twice is said."""
    await tab(desk, 1).focus()
    await desk.keyboard.press("ArrowRight")
    await expect(tab(desk, 2)).to_have_attribute("aria-selected", "true")
    await expect(tab(desk, 2)).to_be_focused()
    await expect(desk.get_by_text("Round 2 can be opened once Round 1 is over.")).to_be_visible()
    first = planned(scene)[0]
    moved = desk.locator(".seated", has_text="Gäst g1").get_by_role("button").first
    await moved.press("Alt+ArrowRight")
    await until(lambda: [len(group) for group in planned(scene)[1]].count(2) < 4)
    await expect(desk.get_by_text("Changed by hand", exact=False)).to_be_visible()
    assert planned(scene)[0] == first
    await desk.set_viewport_size({"width": 360, "height": 780})
    await expect(tab(desk, 1)).to_be_visible()
    assert await desk.evaluate(TOO_WIDE) <= 0
    assert await violations(desk) == []
    await desk.set_viewport_size({"width": 1440, "height": 900})
    by_hand = planned(scene)[1]
    await tab(desk, 1).click()
    await click(desk, "Another try")
    await until(lambda: planned(scene)[0] != first)
    assert planned(scene)[1] == by_hand
    await tab(desk, 2).click()
    await click(desk, "Compose again")  # asked for itself, it makes good what the others leave
    await expect(desk.get_by_text("All requirements are met.")).to_be_visible()
    await expect(desk.get_by_text("Changed by hand", exact=False)).to_have_count(0)
    await until(lambda: planned(scene)[1] != by_hand)


async def open_first(scene: Scene, desk: Page) -> None:
    first, second = planned(scene)
    await tab(desk, 1).click()
    await click(desk, "Open Round 1…")
    await desk.get_by_role("dialog").get_by_role("button", name="Open the rooms").click()
    await expect(desk.get_by_role("heading", name="Composed: 4 rooms, 8 people")).to_be_visible()
    assert same(scene.seats(), first)
    await expect(desk.get_by_text("Round 2 is planned")).to_be_visible()
    assert scene.state.draft is not None and same(planned(scene)[0], second)
    await click(desk, "Close now…")
    await desk.get_by_role("dialog").get_by_role("button", name="Close now").click()
    await expect(desk.get_by_text("Round 2 is ready. Open it when you like.")).to_be_visible()
    await expect(desk.get_by_text("All requirements are met.")).to_be_visible()
    assert await violations(desk) == []


async def open_second(scene: Scene, desk: Page) -> None:
    second = planned(scene)[0]
    await click(desk, "Open the rooms…")
    await desk.get_by_role("dialog").get_by_role("button", name="Open the rooms").click()
    await expect(desk.get_by_role("heading", name="Composed: 4 rooms, 8 people")).to_be_visible()
    assert same(scene.seats(), second) and scene.state.number == 2 and scene.state.draft is None
    await scene.do(m.BreakoutsClose(at_once=True))
    await expect(desk.get_by_role("heading", name="Prepare breakout rooms")).to_be_visible()


# --- what they have in common -------------------------------------------------------------------------------


def planned(scene: Scene) -> list[list[set[str]]]:
    """The groups of each round that is planned, those of the next first."""
    draft = scene.state.draft
    rounds = [] if draft is None else [draft.rooms, *(later.rooms for later in draft.later)]
    return [[set(room.people) for room in rooms] for rooms in rounds]


def same(one: list[set[str]], other: list[set[str]]) -> bool:
    return sorted(map(sorted, one)) == sorted(map(sorted, other))


def pairs(groups: list[set[str]]) -> set[tuple[str, str]]:
    return {(one, other) for group in groups for one, other in combinations(sorted(group), 2)}


def tab(desk: Page, number: int) -> Locator:
    return desk.get_by_role("tab", name=f"Round {number}")


async def fill(desk: Page, name: str, value: str) -> None:
    field = desk.get_by_role("spinbutton", name=name, exact=True)
    await field.fill(value)
    await field.press("Tab")

"""What a group leaves behind, in real browsers: notes that two write in at once, points, contact cards; and the harvest at
the desk, shown and voted on. The pictures are the guides' (`docs/breakouts-*.md`)."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from rooms import messages as m
from server.identity import COOKIE
from tests.browser.stage import photograph
from tests.server.notes.test_api import MONA, STREAM, open_rooms
from tests.server.running import Running, running, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PATIENCE = 90_000  # ms
PHONE = {"width": 360, "height": 740}
# As dictation and quick fingers do: in several fields before the page is drawn again.
WRITE_AT_ONCE = """(form, texts) => texts.forEach((text, at) => {
  const field = form.querySelectorAll("input")[at];
  field.value = text;
  field.dispatchEvent(new Event("input"));
})"""


@pytest_asyncio.fixture(loop_scope="module")
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as run:
        await open_rooms(run)
        yield run


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=120_000, executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        await browser.close()


async def visit(chromium: Browser, run: Running, who: str, path: str = "/session/s1", **options: object) -> Page:
    context = await chromium.new_context(locale="en", **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    await context.add_cookies([{"name": COOKIE, "value": await run.cookie(who), "url": run.url}])
    page = await context.new_page()
    await page.goto(f"{run.url}{path}")
    return page


async def notes_of(page: Page) -> Locator:
    """The field, once the page is in its group and the notes are there."""
    await page.get_by_role("tab", name="Group").click()
    field = page.get_by_role("textbox", name="Shared notes")
    await expect(field).to_be_editable(timeout=PATIENCE)
    return field


async def test_two_write_in_the_same_notes_and_the_caret_stays_where_it_is(chromium: Browser, server: Running) -> None:
    anna = await visit(chromium, server, "anna")
    siri = await visit(chromium, server, "siri", viewport=PHONE)
    hers, theirs = await notes_of(anna), await notes_of(siri)
    await hers.press_sequentially("Vi börjar med skolan.")
    await expect(theirs).to_have_value("Vi börjar med skolan.", timeout=PATIENCE)
    await theirs.press("Control+Home")
    await theirs.press_sequentially("Hej! 🙂 ")
    await expect(hers).to_have_value("Hej! 🙂 Vi börjar med skolan.", timeout=PATIENCE)
    await hers.press_sequentially(" Sedan vården.")  # where Anna was: at the end
    await expect(theirs).to_have_value("Hej! 🙂 Vi börjar med skolan. Sedan vården.", timeout=PATIENCE)
    for _ in range(len("Hej! 🙂 ")):  # who types slowly has as many steps to take back as letters
        await theirs.press("Control+z")  # what she wrote herself, and nothing of Anna's
    await expect(hers).to_have_value("Vi börjar med skolan. Sedan vården.", timeout=PATIENCE)

    await anna.context.set_offline(True)
    await hers.press_sequentially(" Utan nät.")
    await expect(anna.get_by_text("No contact with the server.")).to_be_visible(timeout=PATIENCE)
    await anna.context.set_offline(False)
    await expect(theirs).to_have_value("Vi börjar med skolan. Sedan vården. Utan nät.", timeout=PATIENCE)
    await anna.get_by_role("button", name="Show our notes on the stage").click()
    await expect(siri.get_by_role("region", name="Notes of Ett")).to_contain_text("Utan nät.", timeout=PATIENCE)
    await anna.reload()
    await expect(await notes_of(anna)).to_have_value("Vi börjar med skolan. Sedan vården. Utan nät.", timeout=PATIENCE)
    await photograph(anna.locator(".side"), "breakouts-notes")
    await anna.context.close()
    await siri.context.close()


async def test_points_come_to_the_desk_are_grouped_and_voted_on_and_cards_are_exchanged(
    chromium: Browser, server: Running
) -> None:
    anna = await visit(chromium, server, "anna")
    await notes_of(anna)
    await anna.locator("form.points").evaluate(WRITE_AT_ONCE, ["Dela jurist", "Anställ ihop"])
    await anna.get_by_role("button", name="Save the points").click()
    await anna.get_by_role("checkbox", name="Exchange contact cards").check()
    siri = m.Actor("siri", roles=frozenset({"speaker"}))
    streams = server.services.streams
    await until(lambda: "anna" in streams.breakouts("s1").rooms["b1"].in_touch)
    await streams.handle(STREAM, siri, m.BreakoutTouch(agrees=True))
    await streams.handle(STREAM, m.Actor("bo", roles=frozenset({"attendee"})), m.BreakoutSetPoints(("Jurist tillsammans",)))
    await streams.handle(STREAM, MONA, m.BreakoutsClose(at_once=True))
    await expect(anna.get_by_role("link", name="siri@example.org")).to_be_visible(timeout=PATIENCE)

    mona = await visit(chromium, server, "mona", "/desk/s1")
    await mona.get_by_role("tab", name="From the rooms").click()
    await mona.get_by_role("button", name="Gather 3 points").click()
    point = mona.get_by_role("listitem").filter(has_text="Jurist tillsammans").last
    await point.get_by_role("combobox", name="Move this point").select_option(label="To “Dela jurist”")
    await expect(mona.locator(".harvest-groups > li")).to_have_count(2, timeout=PATIENCE)
    title = mona.get_by_label("Title of the group “Dela jurist; Jurist tillsammans”")
    await title.fill("Gemensam jurist")
    await title.press("Tab")
    await expect(mona.get_by_label("Title of the group “Gemensam jurist”")).to_be_visible(timeout=PATIENCE)
    await photograph(mona.locator(".part-queue"), "breakouts-harvest")
    await mona.get_by_role("button", name="Put to the vote").click()

    await anna.get_by_role("tab", name="From the rooms").click()
    group = anna.get_by_role("listitem").filter(has_text="Gemensam jurist").first
    await group.get_by_role("button", name="Vote for this").click()
    await expect(group.get_by_role("button", name="Vote for this")).to_have_attribute(
        "aria-pressed", "true", timeout=PATIENCE
    )
    await expect(mona.locator(".harvest-groups")).to_contain_text("1 vote", timeout=PATIENCE)
    await anna.get_by_role("tab", name="Questions").click()
    await expect(anna.get_by_text("From the breakout rooms").first).to_be_visible(timeout=PATIENCE)
    await anna.context.close()
    await mona.context.close()

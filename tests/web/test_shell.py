"""The shell of the pages in a real browser: the lobby that follows the day, the device check, and every page on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from rooms import messages as m
from tests.server.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]  # one Chromium for all of them

PATIENCE_MS = 60_000
FONT = """() => document.fonts.check('1em "Atkinson Hyperlegible Next"')"""
expect.set_options(timeout=PATIENCE_MS)

FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
Visit = Callable[..., Awaitable[tuple[Page, list[str]]]]
PHONE: Any = {"width": 360, "height": 740}

# What can be pressed and is lower than 44 CSS pixels (WCAG 2.2, 2.5.5); links within text are exempt there and here.
SMALL_TARGETS = """() => [...document.querySelectorAll("button, .button, summary, .menu-item, select, textarea")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML.slice(0, 120))"""


@pytest_asyncio.fixture(loop_scope="module")
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as run:
        yield run


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=120_000, executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(server: Running, chromium: Browser) -> AsyncIterator[Visit]:
    """Opens a page as a signed-in person; gives the page, and the list that fills with what the browser complains about.
    The browsers leave before the server does."""
    contexts: list[BrowserContext] = []

    async def opened(person_id: str, path: str, **options: Any) -> tuple[Page, list[str]]:
        settings = {"locale": "sv-SE", "timezone_id": "Europe/Stockholm", "base_url": server.url} | options
        contexts.append(await chromium.new_context(**settings))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        page = await contexts[-1].new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"/join/{await server.services.identity.issue(person_id)}")
        await page.goto(path)
        return page, complaints

    yield opened
    for context in contexts:
        await context.close()


async def prepare(server: Running) -> None:
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionPrepare("s1"))


async def go_live(server: Running) -> None:
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionGoLive("s1"))


async def test_the_lobby_shows_at_once_that_a_session_is_live(server: Running, visit: Visit) -> None:
    page, complaints = await visit("anna", "/lobby")
    row = page.locator('[data-session="s1"]')
    await expect(row.locator(".badge")).to_be_hidden()
    await prepare(server)
    await expect(page.locator('[data-slot="kicker"]')).to_have_text("Börjar snart")
    await expect(row.locator(".badge")).to_have_text("Börjar snart")
    await go_live(server)
    await expect(row.locator(".badge")).to_have_text("Live")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Folkstyrelse och rättssäkerhet")
    await expect(page.get_by_role("status").filter(has_text="har börjat")).to_be_visible()
    await page.get_by_role("link", name="Gå till programpunkten").click()
    await expect(page).to_have_url(re.compile("/session/s1$"))
    assert complaints == []


async def test_who_asked_to_be_led_in_is(server: Running, visit: Visit) -> None:
    await prepare(server)
    page, _ = await visit("anna", "/lobby")
    await page.get_by_label("Ta mig dit när det börjar").check()
    await go_live(server)
    await expect(page).to_have_url(re.compile("/session/s1$"))


async def test_a_visitor_elsewhere_sees_both_times(visit: Visit) -> None:
    page, _ = await visit("anna", "/lobby", timezone_id="Europe/Helsinki", locale="en-GB")
    await expect(page.locator('[data-session="s1"] .session-time')).to_have_text(
        re.compile(r"09:00–10:00\s*10:00–11:00 Helsinki")
    )
    await expect(page.locator("#zone-note")).to_have_text("Times in Stockholm, the small ones in Helsinki")


async def test_a_visitor_at_home_sees_one(visit: Visit) -> None:
    page, _ = await visit("anna", "/lobby", timezone_id="Europe/Oslo")
    await expect(page.locator("#zone-note")).to_have_text("Tider i Stockholm")
    await expect(page.locator(".local")).to_have_count(0)


async def test_the_device_check_says_in_words_what_works(visit: Visit) -> None:
    page, _ = await visit("anna", "/check")
    await page.get_by_role("button", name="Slå på kamera och mikrofon").click()
    await expect(page.locator('[data-badge="camera"]')).to_have_text("Fungerar")
    await page.wait_for_function("document.querySelector('[data-preview]').videoWidth > 0")
    await expect(page.get_by_text("Vi hör dig.")).to_be_visible()
    await page.get_by_role("button", name="Stäng av kamera och mikrofon").click()
    await expect(page.get_by_text("Kameran är av")).to_be_visible()
    await page.get_by_role("button", name="Spela upp testljudet").click()
    await page.get_by_role("button", name="Nej").click()
    await expect(page.locator('[data-advice="sound"]')).to_contain_text("Höj datorns volym")


async def test_the_network_check_tells_what_it_could_not_try(server: Running, visit: Visit) -> None:
    server.services.media.is_up = False  # type: ignore[attr-defined]  # the fake engine's
    page, _ = await visit("anna", "/check")
    await page.get_by_role("button", name="Prova nätverket").click()
    await expect(page.locator('[data-badge="network"]')).to_have_text("Kunde inte provas")
    await expect(page.locator('[data-path="tcp"] [data-path-state]')).to_have_text("kunde inte provas")


async def test_the_language_is_changed_from_the_menu_by_keyboard(visit: Visit) -> None:
    page, _ = await visit("anna", "/me")
    await page.locator("details.language > summary").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="English")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="English")).to_be_hidden()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="English").press("Enter")
    await expect(page.get_by_role("heading", name="My attendance")).to_be_visible()
    await expect(page).to_have_url(re.compile("/me$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_a_phone_and_nothing_is_blocked(server: Running, visit: Visit, scheme: str) -> None:
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SurveyOpen())
    page, complaints = await visit("anna", "/lobby", viewport=PHONE, color_scheme=scheme)
    for path in ("/lobby", "/check", "/library", "/survey", "/me", "/privacy"):
        await page.goto(path)
        await page.wait_for_function(FONT)  # a slow page is laid out, and asks for it, later
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert await page.evaluate(SMALL_TARGETS) == [], path
        assert await page.locator("h1").count() == 1, path
    assert complaints == []

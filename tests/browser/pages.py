"""What tests do in a session's page, and what they read of it."""

from __future__ import annotations

from collections import Counter

from playwright.async_api import Locator, Page

from tests.browser.stage import click


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


async def offers(page: Page) -> int:
    """How many times the page has offered: as many connections has it begun."""
    names = await page.evaluate("() => performance.getEntriesByType('resource').map((each) => new URL(each.name).pathname)")
    return int(names.count("/media/s1"))


async def write_and_submit(field: Locator, text: str) -> None:
    """Before the page is drawn again: what is sent is what is written."""
    await field.evaluate(
        """(field, text) => {
          field.value = text;
          field.dispatchEvent(new Event("input", { bubbles: true }));
          field.form.requestSubmit();
        }""",
        text,
    )


async def choose_and_submit(radio: Locator) -> None:
    """Before the page is drawn again: what is sent is what is chosen."""
    await radio.evaluate("(radio) => { radio.click(); radio.form.requestSubmit(); }")

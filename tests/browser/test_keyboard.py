"""From the lobby to a question and an answered poll without a mouse, and the focus is always to be seen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, Hall, click, open_backstage, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

MOST_STEPS = 60

# What has the focus: its words, and whether a ring is drawn around it or what stands for it, within the window.
FOCUSED = """async () => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const element = document.activeElement;
    if (!element || element === document.body) return { words: "", isVisible: true };
    const isControl = element.matches("a, button, input, textarea, select, summary"); // not a panel that can be scrolled
    const named = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText ?? "";
    const words = isControl ? named : "";
    const isRinged = (one) => {
        const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && !outlineColor.endsWith(", 0)");
    };
    const ringed = [element, element.closest("label"), element.closest(".choice")].find((one) => one && isRinged(one));
    const box = (ringed ?? element).getBoundingClientRect();
    const isInside = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return { words: words.trim(), isVisible: Boolean(ringed) && isInside, tag: element.outerHTML.slice(0, 200) };
}"""


async def focused(page: Page) -> str:
    """The words of what has the focus, when the page has drawn and scrolled to it. Fails if the focus cannot be seen."""
    found: dict[str, Any] = {}

    async def is_seen() -> bool:
        found.update(await page.evaluate(FOCUSED))
        return bool(found["isVisible"])

    try:
        await until(is_seen, "a visible focus", seconds=20)
    except TimeoutError as error:
        raise AssertionError(f"the focus cannot be seen on {found.get('tag')}") from error
    return str(found["words"])


async def tab_to(page: Page, words: str, key: str = "Tab") -> None:
    """Presses Tab until what has these words has the focus."""
    for _ in range(MOST_STEPS):
        if (await focused(page)).startswith(words):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{words!r} cannot be reached by {key}")


async def test_from_the_lobby_to_a_question_and_an_answer_with_the_keyboard(hall: Hall) -> None:
    mona = await hall.sit("mona")
    await open_backstage(mona)
    await click(mona, "Go live")
    await expect(mona.get_by_role("button", name="End the session")).to_be_visible()
    anna = await hall.sit("anna")

    await expect(anna.get_by_role("link", name="Go to the session")).to_be_visible()
    await tab_to(anna, "Go to the session")
    await anna.keyboard.press("Enter")
    await expect(anna).to_have_url(hall.url("/session/s1"))

    await expect(anna.get_by_role("textbox", name="Ask a question")).to_be_visible()
    await tab_to(anna, "Ask a question")
    await anna.keyboard.type("Når jag fram utan mus?")
    await expect(anna.get_by_role("button", name="Send question")).to_be_enabled()  # what is not is no stop of Tab
    await tab_to(anna, "Send question")
    await anna.keyboard.press("Enter")
    await expect(anna.get_by_text("Waits for the moderator")).to_be_visible()

    await open_a_poll(mona)
    await expect(anna.get_by_role("tab", name="Poll").locator(".count")).to_have_text("1")
    await tab_to_polls(anna)
    await tab_to(anna, "Ja")
    await anna.keyboard.press("ArrowDown")
    await expect(anna.get_by_role("radio", name="Nej")).to_be_checked()
    assert await focused(anna) == "Nej"
    await expect(anna.get_by_role("button", name="Send answer")).to_be_enabled()
    await tab_to(anna, "Send answer")
    await anna.keyboard.press("Space")
    await expect(anna.get_by_text("Your answer is saved.")).to_be_visible()
    await expect(mona.locator(".desk-poll").get_by_text("1 has answered")).to_be_visible()
    assert hall.complaints == []


async def open_a_poll(mona: Page) -> None:
    await mona.get_by_role("tab", name="Poll").click()
    await click(mona, "New poll")
    await mona.get_by_role("textbox", name="Question of the poll").fill("Går det utan mus?")
    for number, option in ((1, "Ja"), (2, "Nej")):
        await mona.get_by_role("textbox", name=f"Option {number}", exact=True).fill(option)
    await mona.get_by_role("radio", name="With names").check()  # of an anonymous one the first answers are not told
    await click(mona, "Save the draft")
    await click(mona, "Open the poll: Går det utan mus?")
    await expect(mona.get_by_role("button", name="Close the poll")).to_be_visible()


async def tab_to_polls(anna: Page) -> None:
    """The tabs take one stop of Tab, and arrows between them; the polls may be in front already."""
    polls = anna.get_by_role("tab", name="Poll")
    are_in_front = await polls.get_attribute("aria-selected") == "true"  # decided when the poll came, which is seen
    await tab_to(anna, "Poll" if are_in_front else "Questions", "Shift+Tab")
    if not are_in_front:
        await anna.keyboard.press("ArrowRight")
    await expect(anna.get_by_role("tab", selected=True)).to_contain_text("Poll")
    await expect(polls).to_be_focused()
    assert (await focused(anna)).startswith("Poll")

"""Hostile text in every field that people can fill, through the real pages: it is shown as the text it is, or refused in
words. No script runs, nothing is blocked because it nearly had, and nobody else notices."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    PEOPLE,
    Conference,
    Hall,
    click,
    conference,
    go_on_stage,
    open_backstage,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
QUOTES = "\"'><svg onload=alert(3)> ${alert(4)} {{7*7}} %(name)s javascript:alert(5) &lt;b&gt;"
FOREIGN = "مرحبا שלום 👩‍🚒 e\u0301 \u0130stanbul"  # right to left, joined, combined: strange to us, and honest
DECEPTIVE = {
    "bidi": "rapport\u202efdp.exe",
    "isolate": "a\u2066b",
    "zero width": "Bo\u200b Lind",
    "control": "a\x07b",
    "nul": "a\x00b",
}
HUGE = "Å" * 100_000
NAME = "Eva <b>Fet</b> & Söner"
REFUSED = "The text is empty, too long or has characters that cannot be shown."

# Whatever the policy had to block, and whatever a script that got in would do first.
WATCH = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`blocked: ${violatedDirective} ${blockedURI}`));
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Conference:
    """A conference whose own files are hostile too: a title, a theme, names."""
    prepared = Conference(tmp_path_factory.mktemp("hostile"))
    prepared.programme = programme
    prepared.people = PEOPLE.replace("Anna Ek", NAME).replace("Siri Berg", NAME.replace("Eva", "Siri"))
    asyncio.run(prepared.prepare())
    return prepared


def programme() -> str:
    return conference().replace("Folkstyrelse och rättssäkerhet", MARKUP).replace("Demokrati", "</script>" + MARKUP)


def injected(page: Page) -> Locator:
    """What hostile text would have become if it were taken for markup."""
    return page.locator("img[src=x], [onload], [onerror], b:text-is('Fet')")


async def guest(hall: Hall, person: str) -> Page:
    page = await hall.sit(person, script=WATCH)

    async def dismiss(dialog: object) -> None:
        hall.complaints.append(f"{person}: a dialog opened: {dialog}")

    page.on("dialog", dismiss)
    return page


async def live(hall: Hall) -> tuple[Page, Page, Page]:
    """The session is live: moderator, attendee, and one who only looks on and shall notice nothing."""
    mona, anna, bo = [await guest(hall, person) for person in ("mona", "anna", "bo")]
    await open_backstage(mona)
    await click(mona, "Go live")
    await expect(mona.get_by_role("button", name="End the session")).to_be_visible()
    for page in (anna, bo):
        await page.goto(hall.url("/session/s1"))
        await expect(page.get_by_role("textbox", name="Ask a question")).to_be_visible()
    for page in (mona, bo):
        await page.evaluate("() => { window.isTheSamePage = true; window.wasLost = 0; }")
        await page.evaluate("() => plenum.connection.addEventListener('status', () => { window.wasLost += 1; })")
    return mona, anna, bo


async def is_undisturbed(page: Page) -> bool:
    return bool(await page.evaluate("() => window.isTheSamePage && window.wasLost === 0"))


async def fill(page: Page, name: str, text: str) -> None:
    """As typed into the field's own value: no `maxlength` stands in the way of who wants to."""
    field = page.get_by_role("textbox", name=name, exact=True)
    await field.evaluate("(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text)


def composed(text: str) -> str:
    """As it is kept: in Unicode's normalization form C."""
    return unicodedata.normalize("NFC", text)


async def test_questions(hall: Hall) -> None:
    mona, anna, bo = await live(hall)
    published: list[str] = []
    for text in (MARKUP, QUOTES, FOREIGN):
        await fill(anna, "Ask a question", text)
        await click(anna, "Send question")
        await expect(anna.get_by_role("textbox", name="Ask a question")).to_have_value("")  # it has been taken
        pending = mona.locator(".is-pending")
        await expect(pending.locator(".question-text")).to_have_text(composed(text))
        await expect(pending.get_by_text(NAME)).to_be_visible()
        await click(mona, "Publish")
        published.append(composed(text))
        await expect(bo.locator(".question-text")).to_have_text(published)  # without votes, the oldest first
    for kind, text in DECEPTIVE.items():
        await fill(anna, "Ask a question", text)
        await expect(anna.locator("#problem-ask"), kind).to_be_hidden()  # what was said of the one before
        await click(anna, "Send question")
        await expect(anna.locator("#problem-ask"), kind).to_have_text(REFUSED)
    await fill(anna, "Ask a question", HUGE)
    await expect(anna.get_by_text("100,000 / 500")).to_be_visible()
    await expect(anna.get_by_role("button", name="Send question")).to_be_disabled()
    await expect(bo.locator(".question-text")).to_have_text(published)
    assert await is_undisturbed(bo)
    assert hall.complaints == []


async def test_polls(hall: Hall) -> None:
    mona, anna, bo = await live(hall)
    await mona.get_by_role("tab", name="Poll").click()
    for title, option in ((MARKUP, QUOTES), (FOREIGN, MARKUP)):
        await draft(mona, title, option)
        await click(mona, f"Open the poll: {composed(title)}")
        shown = anna.locator(".poll").filter(has=anna.get_by_role("heading", name=composed(title), exact=True))
        await shown.get_by_role("radio", name=option, exact=True).check()
        await shown.get_by_role("button", name="Send answer").click()
        await expect(shown.get_by_text("Your answer is saved")).to_be_visible()
    for kind, text in DECEPTIVE.items():
        for title, option in ((text, "Nej"), ("Ja?", text)):
            await draft(mona, title, option)
            await expect(mona.locator("#problem-draft"), kind).to_have_text(REFUSED)
            await click(mona, "Cancel")
    await expect(mona.locator(".desk-poll")).to_have_count(2)
    assert await is_undisturbed(bo)
    assert hall.complaints == []


async def draft(mona: Page, title: str, option: str) -> None:
    await click(mona, "New poll")
    await expect(mona.locator("#problem-draft")).to_be_hidden()  # what was said of the one before
    await fill(mona, "Question of the poll", title)
    await fill(mona, "Option 1", option)
    await fill(mona, "Option 2", "Annat")
    await click(mona, "Save the draft")


async def test_a_hundred_kilobytes_where_the_page_would_not_let_one(hall: Hall) -> None:
    mona, _, bo = await live(hall)
    await mona.get_by_role("tab", name="Poll").click()
    await draft(mona, HUGE, "Ja")
    await expect(mona.locator("#problem-draft")).to_have_text("The message is too large.")
    await click(mona, "Cancel")
    await draft(mona, "Går det ändå?", "Ja")
    await expect(mona.get_by_role("heading", name="Går det ändå?")).to_be_visible()
    assert await is_undisturbed(mona) and await is_undisturbed(bo)


async def test_names_and_titles_on_every_page(hall: Hall) -> None:
    mona, anna, bo = await live(hall)
    siri = await guest(hall, "siri")
    await go_on_stage(siri)
    await expect(bo.locator(".tile-name").get_by_text("Siri <b>Fet</b> & Söner")).to_be_visible()
    await mona.get_by_role("tab", name="Participants").click()
    await expect(mona.locator("#queue-panel").get_by_text(NAME)).to_be_visible()
    britt = await guest(hall, "britt")
    for page, paths in ((anna, ("/lobby", "/me", "/library", "/session/s1")), (britt, ("/board",)), (mona, ("/desk/s1",))):
        for path in paths:
            await page.goto(hall.url(path))
            shown = NAME if path == "/me" else MARKUP
            if path != "/library":  # which is empty
                await expect(page.locator("#main").get_by_text(shown).first).to_be_visible()
            await expect(injected(page), path).to_have_count(0)
    assert hall.complaints == []


async def test_the_evaluations_comment(hall: Hall) -> None:
    mona, anna = [await guest(hall, person) for person in ("mona", "anna")]
    await mona.goto(hall.url("/desk"))
    await click(mona, "Open the evaluation")
    await expect(mona.get_by_role("button", name="Close the evaluation")).to_be_visible()
    for text in DECEPTIVE.values():
        await comment(anna, hall, text)
        await expect(anna.get_by_role("alert")).to_contain_text("Nothing has been saved yet.")
    await comment(anna, hall, HUGE)  # more than any request may be
    await expect(anna.get_by_text("The message is too large.")).to_be_visible()
    for text in (f"</textarea>{MARKUP}", QUOTES):
        await comment(anna, hall, text)
        await expect(anna.get_by_role("heading", name="Thank you for your answer")).to_be_visible()
        await anna.goto(hall.url("/survey"))
        await expect(anna.locator("textarea")).to_have_value(text)
    for person in ("bo", "siri", "mona", "britt"):  # five answers: the comments of fewer are not shown
        page = await guest(hall, person)
        await comment(page, hall, f"</li>{MARKUP}")
        await expect(page.get_by_role("heading", name="Thank you for your answer")).to_be_visible()
    await click(mona, "Close the evaluation")
    await mona.get_by_role("dialog").get_by_role("button", name="Close the evaluation").click()
    await expect(mona.get_by_text("Closed", exact=True)).to_be_visible()
    britt = await guest(hall, "britt")
    await britt.goto(hall.url("/board"))
    shown = britt.locator("#comments li")
    await expect(shown).to_have_count(5)
    await expect(shown.filter(has_text=QUOTES)).to_have_count(1)
    await expect(shown.filter(has_text=f"</li>{MARKUP}")).to_have_count(4)
    await expect(injected(britt)).to_have_count(0)
    assert hall.complaints == []


async def comment(anna: Page, hall: Hall, text: str) -> None:
    await anna.goto(hall.url("/survey"))
    await anna.locator("textarea[name=comment]").evaluate("(field, text) => { field.value = text; }", text)
    await anna.locator("form[action='/survey'] button").click()


async def test_addresses(hall: Hall) -> None:
    anna = await guest(hall, "anna")
    for path in (
        "/join/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/session/%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/<svg onload=alert(1)>",
        '/"><svg onload=alert(1)>',
        "/lobby?%22%3E%3Csvg%20onload=alert(1)%3E",
    ):
        answer = await anna.goto(hall.url(path))
        assert answer is not None and answer.status in (200, 404, 422), path
        await expect(anna.get_by_role("heading", level=1)).to_be_visible()
        await expect(injected(anna), path).to_have_count(0)
    assert hall.complaints == []

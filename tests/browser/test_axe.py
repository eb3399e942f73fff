"""What axe-core can find wrong with a page for those who use it with a screen reader, a keyboard or weak sight: names,
contrast, landmarks, headings, lists, states. Each page is looked at as it is in the middle of a session, under its own
Content-Security-Policy. Two things besides that it does not look for: what covers the focus, and what becomes of colours
without motion. The rest is looked at by eye (`gallery.py`), and by keyboard (`test_keyboard.py`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple, cast

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, ROOT, Conference, Hall, click, held, open_backstage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

AXE: Final = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RUN: Final = "() => axe.run(document, { resultTypes: ['violations'], preload: false })"
WORTH_FAILING: Final = ("serious", "critical")


class Look(NamedTuple):
    """How a page is looked at, and the words that this test presses."""

    locale: str
    width: int
    dark: bool
    polls: str
    people: str
    end: str


LOOKS: Final = (
    Look("sv-SE", 1440, False, "Mentometer", "Deltagare", "Avsluta programpunkten"),
    Look("sv-SE", 1440, True, "Mentometer", "Deltagare", "Avsluta programpunkten"),
    Look("en-GB", 360, False, "Poll", "Participants", "End the session"),
)


def described(found: dict[str, Any]) -> list[str]:
    """Each serious violation: its rule, where, and what axe says about it."""
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:160]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if rule["impact"] in WORTH_FAILING
    ]


async def violations(page: Page) -> list[str]:
    """What is wrong with the page as it stands, with its address."""
    await page.evaluate("() => document.fonts.ready")
    if not await page.evaluate("() => 'axe' in globalThis"):
        await page.evaluate(AXE)
    return [f"{page.url}: {text}" for text in described(await page.evaluate(RUN))]


async def on_pages(page: Page, hall: Hall, paths: tuple[str, ...]) -> list[str]:
    """Half of them in a second tab at the same time: axe works in the page's own process. `page` ends on the last."""

    async def look_at(tab: Page, some: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        for path in some:
            await tab.goto(hall.url(path))
            found += await violations(tab)
        return found

    other = await page.context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    middle = len(paths) // 2
    found = await asyncio.gather(look_at(other, paths[:middle]), look_at(page, paths[middle:]))
    await other.close()
    return [text for some in found for text in some]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory, prepared: Conference, browser: Browser) -> AsyncIterator[Hall]:
    """One conference for all looks, in the middle of its first session: a question published, a poll open, the evaluation
    too. Two are on stage without pictures, which are nothing that axe can judge, and cost what the pages need."""
    served = Conference(tmp_path_factory.mktemp("day"))
    served.prepare_like(prepared)
    async with held(served, browser) as hall:
        mona = await hall.sit("mona")
        await open_backstage(mona)
        await click(mona, "Go live")
        anna = await hall.sit("anna")
        await anna.goto(hall.url("/session/s1"))
        await anna.get_by_role("textbox", name="Ask a question").fill("Hur värnar vi förtroendet?")
        await click(anna, "Send question")
        await click(mona, "Publish")
        await open_a_poll(mona)
        await expect(anna.get_by_role("radio", name="Ja")).to_be_visible()
        await click(mona, "Open the evaluation")
        await expect(mona.get_by_role("button", name="Close the evaluation")).to_be_visible()
        siri = await hall.sit("siri")
        await siri.goto(hall.url("/session/s1"))
        for page in (mona, siri):
            await page.evaluate("() => plenum.do({ type: 'stage.enter' })")
        yield hall


async def open_a_poll(mona: Page) -> None:
    await mona.get_by_role("tab", name="Poll").click()
    await click(mona, "New poll")
    await mona.get_by_role("textbox", name="Question of the poll").fill("Har ni en beredskapsplan?")
    for number, option in ((1, "Ja"), (2, "Nej")):
        await mona.get_by_role("textbox", name=f"Option {number}").fill(option)
    await click(mona, "Save the draft")
    await mona.get_by_role("button", name="Open the poll", exact=False).first.click()


async def in_the_session(page: Page, look: Look) -> list[str]:
    """Every tab of an attendee's page."""
    await expect(page.locator(".question")).to_be_visible()
    found = await violations(page)
    for name in (look.polls, look.people):
        await page.get_by_role("tab", name=name).click()
        found += await violations(page)
    return found


async def at_the_desk(page: Page, look: Look) -> list[str]:
    """Every tab of the desk, a poll being written, and a dialog."""
    last = page.locator(".parts button").last  # a phone shows one part at a time
    found = await violations(page)
    if look.width < 992:
        await last.click()
    for name in (look.polls, look.people):
        await page.get_by_role("tab", name=name).click()
        found += await violations(page)
    await page.get_by_role("tab", name=look.polls).click()
    await page.locator("#queue-panel .button.block").click()
    found += await violations(page)
    if look.width < 992:
        await page.locator(".parts button").nth(1).click()
    await page.get_by_role("button", name=look.end).first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    return found + await violations(page)


ANYBODYS: Final = ("/", "/lobby", "/join/wrong")
READ: Final = ("/lobby", "/check", "/library", "/me", "/privacy", "/session/s2", "/desk", "/session/no")
EVALUATION: Final = ("/survey", "/survey?thanks")


def name_of(look: Look) -> str:
    return f"{look.locale}-{look.width}-{'dark' if look.dark else 'light'}"


@pytest.fixture(params=LOOKS, ids=name_of)
def look(request: pytest.FixtureRequest) -> Look:
    return cast("Look", request.param)


@contextlib.asynccontextmanager
async def seen_by(day: Hall, look: Look, person: str = "") -> AsyncIterator[Page]:
    """A browser of somebody's for this look, signed in unless nobody's; closed afterwards, as its pages go on working."""
    height = 900 if look.width > 992 else 740
    visit = day.sit if person else day.browser_of
    page = await visit(person or "stranger", locale=look.locale, width=look.width, height=height, dark=look.dark)
    try:
        yield page
    finally:
        await page.close()


async def test_before_signing_in(day: Hall, look: Look) -> None:
    async with seen_by(day, look) as page:
        assert await on_pages(page, day, ANYBODYS) == []


async def test_the_pages_around_a_session(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "bo") as page:
        assert await on_pages(page, day, READ) == []


async def test_the_evaluation_and_an_open_menu(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "bo") as page:
        assert await on_pages(page, day, EVALUATION) == []
        await page.locator("details.menu > summary:visible").last.click()
        assert await violations(page) == []


async def test_the_session(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "bo") as page:
        await page.goto(day.url("/session/s1"))
        assert await in_the_session(page, look) == []


# One picture that the browser cannot show, one that does not arrive; and what is advised.
TROUBLED = """(advice) => {
    const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(plenum), "layout");
    const layout = () => {
        const found = get.call(plenum);
        found.tiles.forEach((tile, place) => Object.assign(tile, place ? { isPaused: true } : { unshown: "H264" }));
        return found;
    };
    Object.defineProperty(plenum, "layout", { get: layout, configurable: true });
    plenum.adviser.heed = () => (plenum.adviser.advice = advice);
    plenum.refresh();
}"""
ADVISED: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("speaker", "UDP", {"kind": "poor", "reasons": ["narrow", "tcp"], "offer": "sound"}),
    ("grid", "H.264", {"kind": "codec", "unshown": [{"name": "Siri Berg", "codec": "H264"}]}),
)


async def test_the_choice_of_a_layout_and_what_is_advised(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "bo") as page:
        await page.goto(day.url("/session/s1"))
        for choice, word, advice in ADVISED:
            await page.locator(f'.layout-choice [value="{choice}"]').check()
            await page.evaluate(TROUBLED, advice)
            await expect(page.locator(f".shape-{choice} .tile-trouble")).to_have_count(2)
            await expect(page.locator(".advice-words")).to_contain_text(word)
            assert await violations(page) == []


async def test_the_desk(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "mona") as page:
        await page.goto(day.url("/desk/s1"))
        await expect(page.get_by_role("button", name=look.end).first).to_be_visible()
        assert await at_the_desk(page, look) == []


async def test_a_session_that_is_planned(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "mona") as page:
        assert await on_pages(page, day, ("/desk/s3", "/session/s3")) == []


async def test_the_board(day: Hall, look: Look) -> None:
    async with seen_by(day, look, "britt") as page:
        assert await on_pages(page, day, ("/board",)) == []


# The words of what has the focus and what lies over its middle, if anything does; null at the end of the page.
COVERED = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const box = one.getBoundingClientRect();
    const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const isFree = over && (one.contains(over) || over.contains(one));
    const what = over?.outerHTML.slice(0, 100) ?? "the edge of the window";
    return { one: one.outerHTML.slice(0, 100), over: isFree ? "" : what };
}"""
MOST_STEPS: Final = 60


@pytest.mark.parametrize(("person", "path"), [("bo", "/session/s1"), ("mona", "/desk/s1")])
async def test_on_a_phone_nothing_lies_over_what_has_the_focus(day: Hall, person: str, path: str) -> None:
    page = await day.sit(person, width=360, height=560)
    await page.goto(day.url(path))
    await expect(page.locator(".question, .desk-head").first).to_be_visible()
    for _ in range(MOST_STEPS):
        await page.keyboard.press("Tab")
        found = await page.evaluate(COVERED)
        if found is None:
            break
        if 'role="tabpanel"' not in found["one"]:  # taller than the window
            assert found["over"] == "", found
    else:
        raise AssertionError("the keyboard does not get out of the page")
    await page.close()


async def test_without_motion_a_colour_is_what_it_was_set_to(day: Hall) -> None:
    """The board's curves read the page's colours this way."""
    page = await day.browser_of("stranger")
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(day.url("/"))
    read = """() => {
        const probe = document.body.appendChild(document.createElement("span"));
        return ["--accent", "--muted", "--line"].map((token) => {
            probe.style.setProperty("color", `var(${token})`);
            return getComputedStyle(probe).color;
        });
    }"""
    assert len(set(await page.evaluate(read))) == 3
    await page.close()

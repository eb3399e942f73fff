"""What `gallery.py` photographs: every page in every state worth a picture, and what makes a browser get there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple

from playwright.async_api import Page

from tests.browser.stage import goes_on

SESSION: Final = "/session/inledning"
SIZES: Final = {360: 740, 768: 1024, 1440: 900}


class Look(NamedTuple):
    """How a page is looked at."""

    lang: str
    width: int
    dark: bool

    def __str__(self) -> str:
        return f"{self.lang}-{self.width}-{'dark' if self.dark else 'light'}"


class View(NamedTuple):
    """A page, whose it is, and what makes it worth a picture."""

    name: str
    person: str
    path: str
    prepare: Callable[[Page], Awaitable[None]] | None = None
    stage: str = "live"  # of STAGES


async def moving(page: Page) -> None:
    await goes_on(page, 10)


def tab(number: int) -> Callable[[Page], Awaitable[None]]:
    async def choose(page: Page) -> None:
        await goes_on(page, 10)
        part = page.locator(".parts button").last  # the desk on a phone shows one part at a time
        if await part.is_visible():
            await part.click()
        await page.get_by_role("tab").nth(number).click()

    return choose


async def devices_on(page: Page) -> None:
    await page.locator('[data-do="camera"]').click()
    await page.locator('[data-do="network"]').click()
    await page.locator('[data-badge="network"]').wait_for()


async def writing_a_poll(page: Page) -> None:
    await tab(1)(page)
    await page.locator("#queue-panel .button.block").click()


async def menu_open(page: Page) -> None:
    await page.locator("details.menu > summary:visible").last.click()


async def asking_to_end(page: Page) -> None:
    await page.locator(".next-step .button.danger").click()
    await page.get_by_role("dialog").wait_for()


async def ended(page: Page) -> None:
    await page.locator(".ended-panel, .desk[data-phase='ended'] .next-step").first.wait_for()


async def filmed(page: Page) -> None:
    await page.locator(".film-video").first.wait_for()


async def on_stage(page: Page) -> None:
    await goes_on(page, 10)
    await page.locator(".controls .button").first.click()
    await page.locator(".backstage-panel .preview video").wait_for()


VIEWS: Final = (
    View("welcome", "", "/"),
    View("wrong-link", "", "/join/nobody-has-this-token"),
    View("not-signed-in", "", "/lobby"),
    View("lobby", "attendee", "/lobby"),
    View("check", "attendee", "/check", devices_on),
    View("session", "attendee", SESSION, moving),
    View("session-polls", "attendee", SESSION, tab(1)),
    View("session-people", "attendee", SESSION, tab(2)),
    View("waiting", "attendee", "/session/kompetens"),
    View("library", "attendee", "/library"),
    View("survey", "attendee", "/survey", stage="evaluation"),
    View("survey-thanks", "attendee", "/survey?thanks", stage="evaluation"),
    View("lobby-menu", "attendee", "/lobby", menu_open, stage="evaluation"),
    View("me", "attendee", "/me"),
    View("privacy", "attendee", "/privacy"),
    View("not-found", "attendee", "/session/nowhere"),
    View("forbidden", "attendee", "/desk"),
    View("somebody-else", "attendee", "moderator's link"),
    View("desk", "moderator", "/desk/inledning", moving),
    View("desk-polls", "moderator", "/desk/inledning", tab(1)),
    View("desk-people", "moderator", "/desk/inledning", tab(2)),
    View("desk-planned", "moderator", "/desk/kompetens"),
    View("backstage", "moderator", SESSION, on_stage),
    View("desk-poll-draft", "moderator", "/desk/inledning", writing_a_poll),
    View("desk-dialog", "moderator", "/desk/inledning", asking_to_end),
    View("board", "board", "/board"),
    View("board-closed", "board", "/board", stage="closed"),
    View("survey-closed", "attendee", "/survey", stage="closed"),
    View("session-recorded", "attendee", SESSION, moving, stage="recorded"),
    View("desk-recorded", "moderator", "/desk/inledning", moving, stage="recorded"),
    View("ended", "attendee", SESSION, ended, stage="ended"),
    View("library-film", "attendee", "/library", filmed, stage="ended"),
    View("desk-ended", "moderator", "/desk/inledning", ended, stage="ended"),
)


def looks() -> Iterator[Look]:
    for lang in ("sv", "en"):
        for width in SIZES:
            for dark in (False, True):
                yield Look(lang, width, dark)
    for lang in ("nb", "da"):  # the same pages with other words: what does not fit shows here
        yield Look(lang, 360, dark=False)
        yield Look(lang, 1440, dark=True)

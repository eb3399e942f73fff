"""Pictures of every page, to look at: `python -m tests.browser.gallery`. Not a test.

Starts the demonstration with its synthetic speaker, leads it through its stages (evaluation open, closed, recorded, ended),
and photographs every page on a phone, a tablet and a laptop, light and dark, in Swedish and English, and on a phone and a
laptop in Norwegian and Danish, into `screenshots/` (not in git) or the folder after `--into`;
four of them, small, are the README's in `docs/images/`. About ten minutes.
`--only WORD` takes just those whose name has the word; `--readme` only the README's. What could not be photographed is said
at the end, and is the exit status.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize
from playwright.async_api import Error as PlaywrightError

from tests.browser.stage import ROOT, SCREENSHOTS, _free_port, a_browser, goes_on, until
from tests.browser.views import SIZES, VIEWS, Look, View, ended, looks

IMAGES: Final = ROOT / "docs" / "images"
IMAGE_WIDTH: Final = 1200
ANSWERED_AFTER: Final = 240.0  # seconds until the demonstration's evaluation has answers for the board
README_LOOK: Final = Look("sv", 1440, dark=False)
IN_README: Final = ("session", "lobby", "desk", "board")


class Demonstration:
    """The running demonstration. `links` by role."""

    def __init__(self, links: dict[str, str]) -> None:
        self.links = links
        self.url = links["attendee"].partition("/join/")[0]

    def address(self, view: View) -> str:
        return self.links["moderator"] if view.name == "somebody-else" else self.url + view.path


@contextlib.asynccontextmanager
async def demonstration() -> AsyncIterator[Demonstration]:
    """`plenum demo`, until the end."""
    with tempfile.TemporaryDirectory(prefix="plenum-gallery-") as name:
        found = Path(name) / "links.json"
        arguments = ("demo", "--no-browser", "--port", str(_free_port()), "--links-json", str(found))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *arguments, env={**os.environ, "PLENUM_MEDIA_PORT": "0"}, stdout=sys.stderr
        )

        async def has_links() -> bool:
            return found.exists()

        try:
            await until(has_links, "the demonstration's start", 240)
            yield Demonstration(json.loads(found.read_text()))
        finally:
            process.terminate()
            await process.wait()


async def photograph(page: Page, demo: Demonstration, view: View, path: Path, *, whole: bool) -> None:
    """Goes there and takes the picture; says so if something moved off the page sideways."""
    await page.goto(demo.address(view))
    if view.prepare:
        await view.prepare(page)
    await page.evaluate("() => document.fonts.ready")
    await page.wait_for_timeout(700)  # what fades in has done so
    too_wide = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if too_wide > 0:
        print(f"{path.name} is {too_wide} pixels too wide")
    await page.screenshot(path=path, full_page=whole)


@contextlib.asynccontextmanager
async def visitor(browser: Browser, demo: Demonstration, person: str, look: Look) -> AsyncIterator[Page]:
    """A browser of somebody's, signed in unless `person` is empty."""
    context = await browser.new_context(
        locale={"sv": "sv-SE", "en": "en-GB", "nb": "nb-NO", "da": "da-DK"}[look.lang],
        timezone_id="Europe/Stockholm",
        viewport=ViewportSize(width=look.width, height=SIZES[look.width]),
        color_scheme="dark" if look.dark else "light",
        permissions=["camera", "microphone"],
        reduced_motion="reduce",
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda line: print(f"{look}: {line.text}") if _is_unexpected(line.type, line.text) else None)
        if person:
            await page.goto(demo.links[person])
        yield page
    finally:
        await context.close()


def _is_unexpected(kind: str, text: str) -> bool:
    """An error in the console, other than the refusals of pages that are photographed for being refused."""
    return kind == "error" and not any(f"status of {code}" in text for code in (401, 403, 404, 409))


async def take(browser: Browser, demo: Demonstration, look: Look, views: list[View], into: Path) -> list[str]:
    """Photographs all of them, and says which could not be."""
    missing = []
    for person in dict.fromkeys(view.person for view in views):
        async with visitor(browser, demo, person, look) as page:
            for view in (view for view in views if view.person == person):
                path = into / f"{view.name}-{look}.png"
                try:
                    await photograph(page, demo, view, path, whole=not _has_bars(view, look))
                except (PlaywrightError, TimeoutError) as problem:
                    missing.append(f"{path.name}: {problem}")
    return missing


def _has_bars(view: View, look: Look) -> bool:
    """Bars that keep to the window's edge lie across the middle of a picture that is longer than the window."""
    return look.width < 992 and view.path.startswith(("/session/", "/desk"))


async def take_readme(browser: Browser, demo: Demonstration) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for view in (view for view in VIEWS if view.name in IN_README):
        async with visitor(browser, demo, view.person, README_LOOK) as page:
            path = IMAGES / f"{view.name}.png"
            await photograph(page, demo, view, path, whole=False)
            _make_small(path)


def _make_small(path: Path) -> None:
    """These are loaded by everybody who reads about the project."""
    with Image.open(path) as image:
        height = round(image.height * IMAGE_WIDTH / image.width)
        small = image.convert("RGB").resize((IMAGE_WIDTH, height), Image.Resampling.LANCZOS)
    small.save(path, optimize=True)


@contextlib.asynccontextmanager
async def desk(browser: Browser, demo: Demonstration) -> AsyncIterator[Page]:
    """The moderator's, in English."""
    async with visitor(browser, demo, "moderator", Look("en", 1440, dark=False)) as page:
        await page.goto(demo.url + "/desk/inledning")
        await goes_on(page, 5)
        yield page


async def press(page: Page, name: str, confirm: str = "") -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()
    if confirm:
        await page.get_by_role("dialog").get_by_role("button", name=confirm).click()


async def nothing(browser: Browser, demo: Demonstration) -> None:
    """The demonstration is there already."""


async def open_evaluation(browser: Browser, demo: Demonstration) -> None:
    async with desk(browser, demo) as page:
        await press(page, "Open the evaluation")
        await page.get_by_role("button", name="Close the evaluation").wait_for()


async def close_evaluation(browser: Browser, demo: Demonstration) -> None:
    """The board reads it when it is closed; the demonstration may have done so itself."""
    async with desk(browser, demo) as page:
        offered = page.get_by_role("button", name="Close the evaluation")
        await offered.or_(page.get_by_text("Closed", exact=True)).first.wait_for()
        if await offered.is_visible():
            await press(page, "Close the evaluation", "Close the evaluation")
        await page.get_by_text("Closed", exact=True).wait_for()


async def start_recording(browser: Browser, demo: Demonstration) -> None:
    async with desk(browser, demo) as page:
        await press(page, "Record…", "Start recording")
        await page.get_by_text("Recording since", exact=False).wait_for()


async def end_session(browser: Browser, demo: Demonstration) -> None:
    """With its recording in the library."""
    async with desk(browser, demo) as page:
        await press(page, "End the session", "End the session")
        await ended(page)

        async def is_in_library() -> bool:
            await page.goto(demo.url + "/library")
            return await page.locator(".film-video").count() > 0

        await until(is_in_library, "the recording", 90)


# What the conference is led through, each with how it gets there from the one before.
STAGES: Final[dict[str, Callable[[Browser, Demonstration], Awaitable[None]]]] = {
    "evaluation": open_evaluation,
    "live": nothing,
    "closed": close_evaluation,
    "recorded": start_recording,
    "ended": end_session,
}


async def run(only: str, into: Path, *, readme: bool) -> list[str]:
    """Takes them; gives those that could not be taken, with the reason."""
    missing: list[str] = []
    pictures = [] if readme else [(look, view) for look in looks() for view in VIEWS if only in f"{view.name}-{look}"]
    for_readme = readme or not only
    async with demonstration() as demo, a_browser() as browser:
        began = asyncio.get_running_loop().time()
        for stage in _as_far_as({view.stage for _, view in pictures} | ({"closed"} if for_readme else set())):
            if stage == "closed" and for_readme:
                await asyncio.sleep(max(0.0, began + ANSWERED_AFTER - asyncio.get_running_loop().time()))
            await STAGES[stage](browser, demo)
            for look in looks():
                views = [view for its_look, view in pictures if its_look == look and view.stage == stage]
                missing += await take(browser, demo, look, views, into)
            if stage == "closed" and for_readme:
                await take_readme(browser, demo)
    return missing


def _as_far_as(wanted: set[str]) -> list[str]:
    """The stages up to the last that is wanted: one follows from the other."""
    stages = list(STAGES)
    return stages[: 1 + max((stages.index(stage) for stage in wanted), default=-1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="just pictures whose name has this in it")
    parser.add_argument("--into", default=SCREENSHOTS, type=Path, metavar="DIR", help="where to put them")
    parser.add_argument("--readme", action="store_true", help="just the README's, in docs/images/")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    if missing := asyncio.run(run(options.only, options.into, readme=options.readme)):
        sys.exit("Not photographed:\n" + "\n".join(missing))


if __name__ == "__main__":
    main()

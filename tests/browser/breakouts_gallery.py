"""Pictures of breakout rooms, planned, running and closed, to look at: `python -m tests.browser.breakouts_gallery`. Not a
test. Neighbour: `gallery.py`, for the other pages.

One server in this process, without media; Mona's desk and Anna's page in every look, others as clients. `--only WORD` takes
just the pictures whose name has the word, `--into DIR` puts them elsewhere than into `screenshots/` (not in git).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize
from playwright.async_api import Error as PlaywrightError
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.i18n import COOKIE as LANGUAGE
from server.identity import COOKIE
from server.tables import people
from tests.browser.stage import SCREENSHOTS, a_browser
from tests.browser.views import SIZES, Look
from tests.fakes import FakeClock
from tests.server.breakouts.scene import B1, GUESTS, S1, Scene, add_guests
from tests.server.running import CONFERENCE, running

LOOKS: Final = (
    *(Look("sv", width, dark) for width in SIZES for dark in (False, True)),
    Look("en", 360, dark=True),
    Look("en", 1440, dark=False),
    *(Look(lang, width, dark) for lang in ("nb", "da") for width, dark in ((360, False), (1440, True))),
)
LIVED: Final = {  # municipality, county, population
    "anna": ("Knivsta", "Uppsala län", 19_800),
    "g1": ("Arjeplog", "Norrbottens län", 2_700),
    "g2": ("Örnsköldsvik", "Västernorrlands län", 55_800),
    "g3": ("Växjö", "Kronobergs län", 96_300),
    "g4": ("Malå", "Västerbottens län", 3_000),
    "g5": ("Upplands Väsby", "Stockholms län", 47_900),
    "g6": ("Gällivare", "Norrbottens län", 17_300),
    "g7": ("Trosa", "Södermanlands län", 14_900),
}
NAMES: Final = ("Bo Lind", "Karin Öberg", "Lars-Erik Hammarström", "Åsa Nyström", "Per Dahl", "Ulla Ek", "Ola Berg")
HERE: Final = GUESTS[:7]
PLAN: Final = {"way": "composed", "minutes": 40, "per_room": 4}


class Shot(NamedTuple):
    """A page's path, whose it is, and what a person does there first."""

    name: str
    who: str
    path: str = "/session/s1"
    prepare: Callable[[Page], Awaitable[object]] | None = None


class Stage(NamedTuple):
    """What everybody does, and the pictures of it."""

    name: str
    lead: Callable[[Scene], Awaitable[None]]
    shots: tuple[Shot, ...]


def pressing(*selectors: str) -> Callable[[Page], Awaitable[object]]:
    async def press(page: Page) -> None:
        for selector in selectors:
            await page.locator(selector).first.click()

    return press


async def nothing_planned(scene: Scene) -> None:
    """As the day begins."""


async def composed(scene: Scene) -> None:
    wishes = (m.BreakoutWish("size_same"), m.BreakoutWish("facilitator", "must"), m.BreakoutWish("county", "must"))
    plan = m.BreakoutPlan(way="composed", minutes=40, per_room=4, wishes=wishes, left_out=("g7",))
    rooms = (
        m.DraftRoom("", "Skola och förskola", people=("anna", "g1", "g4", "g6"), facilitator="g1"),
        m.DraftRoom("", "Vatten och avlopp", people=("g2", "g3", "g5"), locked=True),
    )
    await scene.do(m.BreakoutsPlan(plan, rooms))


async def topics_asked(scene: Scene) -> None:
    await scene.do(m.BreakoutsAskTopics(("Skola och förskola", "Vatten och avlopp", "Kompetensförsörjning i glesbygd")))
    await scene.do(m.BreakoutsWish(("Vatten och avlopp",)), "anna")
    await scene.do(m.BreakoutsOffer(on=True), "g1")


async def they_run(scene: Scene) -> None:
    await scene.do(m.BreakoutsOpen())
    room = scene.seat("anna")
    await scene.do(m.BreakoutAskHelp(), "g2")
    await scene.do(m.BreakoutsTell("Skriv upp tre punkter innan ni kommer tillbaka."))
    await scene.do(m.BreakoutSetPoints(("Anställ jurist tillsammans",)), "g1")
    await scene.do(m.BreakoutTouch(agrees=True), "g1")
    await scene.do(m.BreakoutBar("g7"))
    await scene.do(m.BreakoutVisit(room), "mona")


async def anna_leads(scene: Scene) -> None:
    await scene.do(m.BreakoutAppoint(scene.seat("anna"), "anna"))
    await scene.do(m.BreakoutTouch(agrees=True), "anna")
    await scene.do(m.BreakoutVisit(""), "mona")
    await scene.do(m.BreakoutsClose())


async def anna_left(scene: Scene) -> None:
    await scene.do(m.BreakoutsExtend(20))
    await scene.do(m.BreakoutLeave(), "anna")


async def they_closed(scene: Scene) -> None:
    await scene.do(m.BreakoutChoose(next(iter(scene.state.rooms))), "anna")
    await scene.do(m.BreakoutSetPoints(("Jurist ihop", "Fler praktikplatser")), "g2")
    await scene.do(m.BreakoutsClose(at_once=True))


async def tables(scene: Scene) -> None:
    await scene.plan((), (), way="tables", minutes=0, per_room=0, count=2, pairs=True)
    await scene.do(m.BreakoutsOpen())
    await scene.do(m.BreakoutChoose(next(one.id for one in scene.state.rooms.values() if not one.closed_at)), "g2")


async def waiting(scene: Scene) -> None:
    await scene.do(m.BreakoutsPair(on=True), "anna")


STAGES: Final = (
    Stage("before", nothing_planned, (Shot("desk-empty", "mona", "/desk/s1#rooms"),)),
    Stage(
        "composed",
        composed,
        (
            Shot("desk-composed", "mona", "/desk/s1#rooms", pressing(".seated > button")),
            Shot("desk-discard", "mona", "/desk/s1#rooms", pressing(".composer-open .button.plain")),
            Shot("desk-open", "mona", "/desk/s1#rooms", pressing(".composer-open .button.primary")),
        ),
    ),
    Stage("topics", topics_asked, (Shot("hall-topics", "anna"),)),
    Stage(
        "run",
        they_run,
        (
            Shot("room", "anna"),
            Shot("desk-running", "mona", "/desk/s1#rooms", pressing(".seated > button")),
            Shot("desk-bar", "mona", "/desk/s1#rooms", pressing(".seated > button", ".seated-tools .button.danger")),
            Shot("desk-visit", "mona", "/desk/s1"),
        ),
    ),
    Stage("last", anna_leads, (Shot("room-last-minute", "anna"),)),
    Stage("left", anna_left, (Shot("hall-left", "anna"),)),
    Stage(
        "closed",
        they_closed,
        (
            Shot("notes-closed", "anna", prepare=pressing(".tabs > :nth-child(2)")),
            Shot("desk-harvest", "mona", "/desk/s1", pressing(".tabs > :nth-child(3)")),
            Shot("me", "anna", "/me"),
        ),
    ),
    Stage("tables", tables, (Shot("hall-tables", "anna"), Shot("desk-tables", "mona", "/desk/s1#rooms"))),
    Stage("waiting", waiting, (Shot("hall-waiting", "anna"),)),
)


async def add_people(scene: Scene) -> None:
    await add_guests(scene.run)
    names = dict(zip(HERE, NAMES, strict=True))

    async def work(connection: AsyncConnection) -> None:
        for person, (municipality, county, population) in LIVED.items():
            values = {"municipality": municipality, "county": county, "population": population, "country": "se"}
            values |= {"name": names[person]} if person in names else {}
            await connection.execute(update(people).where(people.c.id == person).values(**values))

    await scene.run.services.database.write(work)
    await scene.run.services.people.load()


async def take(context: BrowserContext, url: str, shot: Shot, look: Look, path: Path) -> str:
    """One picture; what was in the way, in words."""
    await context.add_cookies([{"name": LANGUAGE, "value": look.lang, "url": url}])
    page = await context.new_page()
    page.set_default_timeout(20_000)
    await page.set_viewport_size(ViewportSize(width=look.width, height=SIZES[look.width]))
    await page.emulate_media(color_scheme="dark" if look.dark else "light", reduced_motion="reduce")
    try:
        await page.goto(url + shot.path)
        await page.locator("main :is(h1, h2):visible").first.wait_for()
        if shot.prepare:
            await shot.prepare(page)
        await page.evaluate("() => document.fonts.ready")
        await page.wait_for_timeout(500)  # what fades in has done so
        wide = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        await page.screenshot(path=path, full_page=True)
        return f"{path.name} is {wide} pixels too wide" if wide > 0 else ""
    except PlaywrightError as problem:
        await page.screenshot(path=path, full_page=True)
        return f"{path.name}: {problem}"
    finally:
        await page.close()


async def run(browser: Browser, only: str, into: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="plenum-gallery-") as name:
        directory = Path(name)
        (directory / "conference.toml").write_text(CONFERENCE.replace('"sv", "en"', '"sv", "en", "nb", "da"'))
        async with running(directory) as served:
            scene = Scene(served, FakeClock())
            await add_people(scene)
            await served.go_live("s1")
            await asyncio.gather(*(served.client(person, (S1, B1)) for person in ("anna", *HERE)))
            contexts = {}
            for who in ("anna", "mona"):
                contexts[who] = await browser.new_context(permissions=["camera", "microphone"])
                cookie = {"name": COOKIE, "value": await served.cookie(who), "url": served.url}
                await contexts[who].add_cookies([cookie])  # type: ignore[list-item]
            for stage in STAGES:
                await stage.lead(scene)
                for shot in stage.shots:
                    for look in (look for look in LOOKS if only in f"{shot.name}-{look}"):
                        told = await take(contexts[shot.who], served.url, shot, look, into / f"rooms-{shot.name}-{look}.png")
                        print(told or f"{shot.name}-{look}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="just pictures whose name has this in it")
    parser.add_argument("--into", default=SCREENSHOTS, type=Path, metavar="DIR", help="where to put them")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    async with a_browser() as browser:
        await run(browser, options.only, options.into)


if __name__ == "__main__":
    asyncio.run(main())

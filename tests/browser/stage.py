"""What browser tests stand on: a conference that is held now, served by `plenum run` in a process of its own with its real
media engine, and real Chromium with fake devices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = Path(os.environ.get("SCREENSHOTS", ROOT / "screenshots"))
PATIENCE_MS: Final = 20_000

CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
)

PEOPLE: Final = """namn;e-post;kommun;titel;tillträdesår;roller
Mona Dahl;mona@example.org;Uppsala;Kommundirektör;2012;moderator
Siri Berg;siri@example.org;Umeå;Kommundirektör;2019;speaker
Anna Ek;anna@example.org;Knivsta;Kommundirektör;2023;attendee
Bo Lind;bo@example.org;Arjeplog;Kommundirektör;2016;attendee
Britt Holm;britt@example.org;Växjö;Kommundirektör;2008;board attendee
"""


def conference() -> str:
    """A programme around this moment, in the conference's own time."""
    from zoneinfo import ZoneInfo

    now = datetime.now(ZoneInfo("Europe/Stockholm")).replace(second=0, microsecond=0, tzinfo=None)

    def session(number: int, title: str, kind: str, start: int, end: int, more: str = "") -> str:
        begin, finish = now + timedelta(minutes=start), now + timedelta(minutes=end)
        return (
            f'\n[[sessions]]\nid = "s{number}"\ntitle = "{title}"\nkind = "{kind}"\n'
            f'start = "{begin:%Y-%m-%d %H:%M}"\nend = "{finish:%Y-%m-%d %H:%M}"\nroom = "plenum"\n{more}'
        )

    head = (
        'name = "Vårkonferensen"\norganiser = "Föreningen Sveriges kommundirektörer"\ntime_zone = "Europe/Stockholm"\n'
        'languages = ["sv", "en"]\n\n[goals]\nparticipants = 3\nsatisfied_share = 0.9\nmean = 4.0\n\n'
        '[[rooms]]\nid = "plenum"\ntitle = "Plenum"\n'
    )
    return (
        head
        + session(1, "Folkstyrelse och rättssäkerhet", "plenary", 2, 50, 'theme = "Demokrati"\nspeakers = ["Siri Berg"]\n')
        + session(2, "Paus", "break", 50, 60)
        + session(3, "Tillsammans med SKR", "plenary", 60, 110, 'host = "SKR"\n')
        + session(4, "Årsmöte", "assembly", 110, 150)
    )


class Conference:
    """A served conference. `links` maps the first part of everybody's e-mail to their personal link."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = _free_port()
        self.url = f"http://localhost:{self.port}"
        self.links: dict[str, str] = {}
        self.process: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        (self.directory / "conference.toml").write_text(conference())
        (self.directory / "people.csv").write_text(PEOPLE)
        await self._plenum("people", "import", str(self.directory / "people.csv"))
        for link in json.loads(await self._plenum("links", "--json")):
            path = link["url"].partition("/join/")[2]
            self.links[link["email"].partition("@")[0]] = f"{self.url}/join/{path}"

    async def start(self) -> None:
        log = (self.directory / "server.log").open("ab")
        arguments = ("-m", "server", "run", "-C", str(self.directory), "--port", str(self.port))
        with log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=_environment(), stdout=log, stderr=log
            )
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self.port}/healthz")).json()["media"]["up"]:
                        return
                assert self.process.returncode is None, (self.directory / "server.log").read_text()[-2000:]
                await asyncio.sleep(0.05)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            async with asyncio.timeout(30):
                await self.process.wait()

    async def _plenum(self, *arguments: str) -> str:
        command = (sys.executable, "-m", "server", *arguments, "-C", str(self.directory))
        process = await asyncio.create_subprocess_exec(*command, env=_environment(), stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return output.decode()


class Hall:
    """Browsers of people in a served conference. Every page's errors are collected in `complaints`."""

    def __init__(self, served: Conference, browser: Browser) -> None:
        self.served = served
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def sit(
        self, person: str, *, locale: str = "en-GB", width: int = 1440, height: int = 900, dark: bool = False
    ) -> Page:
        """A signed-in person's browser, in the lobby."""
        context = await self._browser.new_context(
            locale=locale,
            viewport=ViewportSize(width=width, height=height),
            color_scheme="dark" if dark else "light",
            permissions=["camera", "microphone"],
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(f"{person}: {error}"))
        page.on("console", lambda message: self._note(person, message.type, message.text))
        await page.goto(self.served.links[person])
        assert page.url == f"{self.served.url}/lobby", page.url
        return page

    def _note(self, person: str, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text and "WebSocket connection" not in text:
            self.complaints.append(f"{person}: {text}")

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


@contextlib.asynccontextmanager
async def a_conference(directory: Path) -> AsyncIterator[Hall]:
    """A served conference and a browser for everybody who comes."""
    served = Conference(directory)
    await served.prepare()
    await served.start()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(CHROMIUM_FLAGS))
            hall = Hall(served, browser)
            try:
                yield hall
            finally:
                await hall.leave()
                await browser.close()
    finally:
        await served.stop()


async def photograph(page: Page, name: str) -> None:
    """A screenshot for whoever wants to look, in `screenshots/` (not in git)."""
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


SHOWN_FRAMES: Final = """() => [...document.querySelectorAll("video")]
    .reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0)"""


async def plays_on(page: Page, more: int = 10) -> None:
    """Waits until the page's video elements have shown at least `more` further pictures."""
    before = int(await page.evaluate(SHOWN_FRAMES))
    await page.wait_for_function(f"least => ({SHOWN_FRAMES})() >= least", arg=before + more)


def chromium() -> str | None:
    """The Chromium on the PATH; None: the one that Playwright installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _environment() -> dict[str, Any]:
    return {**os.environ, "PLENUM_MEDIA_PORT": "0"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

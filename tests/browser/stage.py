"""What browser tests stand on: a conference that is held now, served by `plenum run` in a process of its own with its real
media engine, and real Chromium with fake devices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Browser, BrowserContext, Error, Locator, Page, ViewportSize, async_playwright, expect

from tests.browser.relay import Relay

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = Path(os.environ.get("SCREENSHOTS", ROOT / "screenshots"))
PATIENCE_MS: Final = 60_000  # for a condition; far more than anything takes where the machine has nothing else to do
LONGEST_SECONDS: Final = 600  # for a test, with every condition it waits for

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

SERVER_PORTS: Final = (20_000, 32_000)  # below those that systems give to outgoing connections

PEOPLE: Final = """namn;e-post;kommun;titel;tillträdesår;roller
Mona Dahl;mona@example.org;Uppsala;Kommundirektör;2012;moderator
Siri Berg;siri@example.org;Umeå;Kommundirektör;2019;speaker
Anna Ek;anna@example.org;Knivsta;Kommundirektör;2023;attendee
Bo Lind;bo@example.org;Arjeplog;Kommundirektör;2016;attendee
Britt Holm;britt@example.org;Växjö;Kommundirektör;2008;board attendee
"""


def conference() -> str:
    """A programme around this moment. Its first session begins when every test is over, so that no page changes its words
    under a slow one; and it is held where there is no summer time, so that no night of the year makes its times wrong."""
    now = datetime.now(UTC).replace(second=0, microsecond=0, tzinfo=None)

    def session(number: int, title: str, kind: str, start: int, end: int, more: str = "") -> str:
        begin, finish = now + timedelta(minutes=start), now + timedelta(minutes=end)
        return (
            f'\n[[sessions]]\nid = "s{number}"\ntitle = "{title}"\nkind = "{kind}"\n'
            f'start = "{begin:%Y-%m-%d %H:%M}"\nend = "{finish:%Y-%m-%d %H:%M}"\nroom = "plenum"\n{more}'
        )

    head = (
        'name = "Vårkonferensen"\norganiser = "Föreningen Sveriges kommundirektörer"\ntime_zone = "Atlantic/Reykjavik"\n'
        'languages = ["sv", "en"]\n\n[goals]\nparticipants = 3\nsatisfied_share = 0.9\nmean = 4.0\n\n'
        '[[rooms]]\nid = "plenum"\ntitle = "Plenum"\n'
    )
    return (
        head
        + session(1, "Folkstyrelse och rättssäkerhet", "plenary", 20, 60, 'theme = "Demokrati"\nspeakers = ["Siri Berg"]\n')
        + session(2, "Paus", "break", 60, 70)
        + session(3, "Tillsammans med SKR", "plenary", 70, 120, 'host = "SKR"\n')
        + session(4, "Årsmöte", "assembly", 120, 160)
    )


class Conference:
    """A served conference. `links` maps the first part of everybody's e-mail to their personal link."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = _free_port()
        self.media_port = 0  # any free one; set before the start where it has to be known
        self.url = f"http://localhost:{self.port}"
        self.links: dict[str, str] = {}
        self.programme = conference  # what writes the programme, around the moment it is called
        self.people = PEOPLE
        self.settings: dict[str, str] = {}  # more of the server's environment
        self.process: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        """Writes the files, imports the people and issues their links."""
        (self.directory / "conference.toml").write_text(self.programme())
        (self.directory / "people.csv").write_text(self.people)
        await self._plenum("people", "import", str(self.directory / "people.csv"))
        for link in json.loads(await self._plenum("links", "--json")):
            path = link["url"].partition("/join/")[2]
            self.links[link["email"].partition("@")[0]] = f"{self.url}/join/{path}"

    def prepare_like(self, other: Conference) -> None:
        """A copy of a prepared conference that has not been started: the same people and links, but for the port."""
        shutil.copytree(other.directory, self.directory, dirs_exist_ok=True)
        (self.directory / "conference.toml").write_text(other.programme())
        self.links = {person: link.replace(other.url, self.url) for person, link in other.links.items()}

    async def start(self) -> None:
        log = (self.directory / "server.log").open("ab")
        arguments = ("-m", "server", "run", "-C", str(self.directory), "--port", str(self.port))
        with log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=_environment(self.media_port) | self.settings, stdout=log, stderr=log
            )
        async with httpx.AsyncClient(timeout=60) as client, asyncio.timeout(120):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self.port}/healthz")).json()["media"]["up"]:
                        return
                assert self.process.returncode is None, (self.directory / "server.log").read_text()[-2000:]
                await asyncio.sleep(0.05)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            async with asyncio.timeout(60):
                await self.process.wait()

    async def media_pid(self) -> int | None:
        """The process id of the first media worker, the server's child; None while there is none."""
        return (await self.media_pids()).get(0)

    async def media_pids(self) -> dict[int, int]:
        """Of all media workers that there are, by their place."""
        assert self.process is not None
        process = await asyncio.create_subprocess_exec(
            "ps", "-A", "-ww", "-o", "pid=,ppid=,args=", stdout=asyncio.subprocess.PIPE
        )
        lines = (await process.communicate())[0].decode(errors="replace").splitlines()
        rows = [line.split(maxsplit=2) for line in lines]
        own = [(int(pid), args) for pid, ppid, args in rows if int(ppid) == self.process.pid and "live.worker" in args]
        return {int(args.partition("--index=")[2].split()[0]): pid for pid, args in own}

    async def revoke(self, email: str) -> None:
        """Withdraws a person's link, as an operator does."""
        await self._plenum("links", "--revoke", email)

    async def _plenum(self, *arguments: str) -> str:
        command = (sys.executable, "-m", "server", *arguments, "-C", str(self.directory))
        process = await asyncio.create_subprocess_exec(*command, env=_environment(0), stdout=asyncio.subprocess.PIPE)
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
        self,
        person: str,
        *,
        locale: str = "en-GB",
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        through: Relay | None = None,
        script: str = "",
        on: Browser | None = None,
    ) -> Page:
        """A signed-in person's browser, in the lobby. `through`: the only way it has to the server; `script` runs first
        in every page; `on`: a browser of the person's own."""
        page = await self.browser_of(person, locale=locale, width=width, height=height, dark=dark, on=on)
        url = through.url if through else self.served.url
        for source in filter(None, (script, through.script if through else "")):
            await page.context.add_init_script(source)
        await page.goto(self.served.links[person].replace(self.served.url, url))
        assert page.url == f"{url}/lobby", page.url
        return page

    async def browser_of(
        self,
        person: str,
        *,
        locale: str = "en-GB",
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        on: Browser | None = None,
    ) -> Page:
        """An empty page in a browser of one's own, whose errors are noted as this person's."""
        context = await (on or self._browser).new_context(
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
        return page

    def url(self, path: str) -> str:
        return self.served.url + path

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
    async with a_browser() as browser, held(served, browser) as hall:
        yield hall


@contextlib.asynccontextmanager
async def held(served: Conference, browser: Browser) -> AsyncIterator[Hall]:
    """Serves a prepared conference. Whoever comes has a browser of their own (a context of `browser`)."""
    await served.start()
    try:
        hall = Hall(served, browser)
        try:
            yield hall
        finally:
            await hall.leave()
    finally:
        await served.stop()


@contextlib.asynccontextmanager
async def a_browser(*more: str) -> AsyncIterator[Browser]:
    """A real Chromium with a fake camera, microphone and screen. `more`: switches of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            timeout=120_000, executable_path=chromium(), headless=True, args=[*CHROMIUM_FLAGS, *more]
        )
        try:
            yield browser
        finally:
            await browser.close()


async def photograph(what: Page | Locator, name: str) -> None:
    """A screenshot of a page, or of a part of it, for whoever wants to look, in `screenshots/` (not in git)."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    await (what.screenshot(path=path, full_page=True) if isinstance(what, Page) else what.screenshot(path=path))


SHOWN_FRAMES: Final = """() => [...document.querySelectorAll("video")]
    .reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0)"""


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 120) -> None:
    """Waits until a condition holds; raises `TimeoutError` with `what` was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # what happens in a browser sets no event here
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"{what} did not happen within {seconds:.0f} seconds") from None


async def counted(page: Page, script: str) -> int:
    """What a script in the page counts; 0 while one page makes way for the next."""
    try:
        return int(await page.evaluate(script))
    except Error as error:
        if "Execution context was destroyed" not in error.message:
            raise
        return 0


async def goes_on(page: Page, more: int = 20, seconds: float = 120) -> None:
    """Waits until the page has shown `more` pictures from now on; its video elements may be new ones that count anew."""
    last, seen = await counted(page, SHOWN_FRAMES), 0

    async def enough() -> bool:
        nonlocal last, seen
        now = await counted(page, SHOWN_FRAMES)
        seen += now - last if now >= last else now
        last = now
        return seen >= more

    await until(enough, "moving pictures", seconds)


REAL_SOUND: Final = """async () => (await plenum.media.statistics())
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "audio")
    .reduce((sum, sound) => sum + sound.totalSamplesReceived - sound.concealedSamples, 0)"""


async def sound_goes_on(page: Page, seconds: float = 1.0) -> None:
    """Waits until the page has played `seconds` more of what was received, by the connection that is in use then, and not
    of what a browser makes up where nothing comes."""
    last, seen = await counted(page, REAL_SOUND), 0

    async def enough() -> bool:
        nonlocal last, seen
        now = await counted(page, REAL_SOUND)
        seen += now - last if now >= last else now
        last = now
        return seen >= seconds * 48_000

    await until(enough, "sound")


async def click(page: Page, name: str) -> None:
    """Presses the button of this name, and there has to be one alone: of two, the order of drawing would choose."""
    await page.get_by_role("button", name=name, exact=True).click()


async def open_backstage(mona: Page) -> None:
    """The moderator prepares the first session at her desk."""
    await mona.goto(_root(mona) + "/desk/s1")
    await click(mona, "Open the backstage")
    await expect(mona.get_by_role("button", name="Go live", exact=True)).to_be_visible()


async def go_on_stage(siri: Page) -> None:
    """A speaker enters, with camera and microphone, from the session's page."""
    if not siri.url.endswith("/session/s1"):
        await siri.goto(_root(siri) + "/session/s1")
    await click(siri, "Go on stage…")
    await expect(siri.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    await expect(siri.get_by_role("button", name="Turn off camera", exact=True)).to_be_visible()
    await click(siri, "Go on stage")
    await expect(siri.get_by_role("button", name="Leave the stage")).to_be_visible()


async def go_live(hall: Hall, *, speaker_through: Relay | None = None) -> tuple[Page, Page]:
    """The first session is live with a speaker on stage: the moderator's page and the speaker's."""
    mona, siri = await asyncio.gather(hall.sit("mona"), hall.sit("siri", through=speaker_through))
    await open_backstage(mona)
    await go_on_stage(siri)
    await click(mona, "Go live")
    await expect(mona.get_by_role("button", name="End the session")).to_be_visible()
    return mona, siri


async def attend(page: Page) -> None:
    """Opens the first session and waits for its pictures."""
    await page.goto(_root(page) + "/session/s1")
    await goes_on(page, 5)


def _root(page: Page) -> str:
    return "/".join(page.url.split("/")[:3])


def chromium() -> str | None:
    """The Chromium on the PATH; None: the one that Playwright installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _environment(media_port: int) -> dict[str, Any]:
    """One media worker where its port has to be known: a relay leads to no other. And there, where networks fail, nobody is
    given up for the time that a busy machine takes to do so."""
    relayed = {"PLENUM_MEDIA_WORKERS": "1", "PLENUM_MEDIA_IDLE_SECONDS": "300"} if media_port else {}
    return {**os.environ, "PLENUM_MEDIA_PORT": str(media_port)} | relayed


def _free_port() -> int:
    """A port that is free for both UDP and TCP, and stays so until a server that is started, or started again, takes it: the
    system gives none of these to outgoing connections, of which browsers here make many."""
    while True:
        port = random.randrange(*SERVER_PORTS)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            return port

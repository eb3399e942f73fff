"""`plenum demo`: starts the server, a speaker, a moderator and an audience, prints the links, ends everything.

Each is a process of its own (`children`), so that the demonstration is what it shows: a server among its clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from server.cli.failure import Failure
from server.cli.running import check_ports
from server.demo.children import Child
from server.demo.orders import AudienceOrders, ModeratorOrders, ServerOrders, SpeakerOrders
from server.demo.people import MOST, SPEAKER
from server.demo.preparation import VIEWERS, Tokens, import_people, settings_of, write_conference
from server.demo.programme import HALL, TIME_ZONE
from server.demo.visitor import request
from server.settings import Settings

HEALTHY_WITHIN: Final = 120.0  # seconds; a server that fails ends, and that is noticed at once: this is for slow machines
LIVE_WITHIN: Final = 30.0


class Place(Struct, frozen=True):
    """Where the conference is: a directory, and whether it goes in the end."""

    directory: Path
    throw_away: bool


def run_demo(*, port: int, attendees: int, open_browser: bool, links_json: Path | None, directory: Path | None) -> None:
    """Runs until SIGINT or SIGTERM. Raises `Failure` for what stops it from starting."""
    if attendees > MOST:
        raise Failure(f"there are not more than {MOST} attendees")
    if links_json is not None and not links_json.absolute().parent.is_dir():
        raise Failure(f"there is no directory {links_json.parent} for the links")
    with _place(directory) as place:
        settings = settings_of(place.directory, port)
        check_ports(settings)
        _check_localhost(port)
        now = datetime.now(UTC)
        write_conference(settings.directory, now, attendees)
        asyncio.run(_perform(settings, now, place, open_browser=open_browser, links_json=links_json))


def links(settings: Settings, tokens: Tokens) -> dict[str, object]:
    """What `--links-json` writes."""
    return {
        "attendee": f"{settings.url}/join/{tokens.visitor}",
        "moderator": f"{settings.url}/join/{tokens.visiting_moderator}",
        "board": f"{settings.url}/join/{tokens.visiting_board}",
        "whip": {"url": f"{settings.url}/whip/{HALL}", "token": tokens.guest_whip},
        "whep": {"url": f"{settings.url}/whep/{HALL}", "token": tokens.visitor_whep},
    }


@contextlib.contextmanager
def _place(directory: Path | None) -> Iterator[Place]:
    if directory is not None:
        yield Place(directory.resolve(), throw_away=False)
        return
    with tempfile.TemporaryDirectory(prefix="plenum-demo-", ignore_cleanup_errors=True) as name:
        yield Place(Path(name).resolve(), throw_away=True)


def _check_localhost(port: int) -> None:
    """Browsers try ::1 first for `localhost`: another program there would be shown instead."""
    if not socket.has_ipv6:
        return
    try:
        with socket.create_connection(("::1", port), timeout=1):
            pass
    except OSError:
        return
    raise Failure(f"another program answers on localhost ([::1]), port {port}; choose another with --port")


async def _perform(settings: Settings, now: datetime, place: Place, *, open_browser: bool, links_json: Path | None) -> None:
    console = Console(highlight=False)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tokens = await import_people(settings, now)
    server = Child("server.demo.serving", _server_orders(settings, place), restarts=False, patience=3.0)
    company = _company(settings, tokens)
    async with _running(server) as served, contextlib.AsyncExitStack() as stack:
        stopping = asyncio.create_task(stop.wait())
        stack.callback(stopping.cancel)
        with console.status("Starting the conference…"):
            await _first(stopping, served, _healthy(settings))
            if not stopping.done():
                await stack.enter_async_context(_all_running(company))
                await _first(stopping, served, _live(company))
        if not stopping.done():
            _announce(console, settings, tokens, len(tokens.attendees), links_json)
            if open_browser and _has_display():
                await asyncio.to_thread(webbrowser.open, str(links(settings, tokens)["attendee"]))
            await _first(stopping, served)
        console.print("Stopping…", style="dim")


def _server_orders(settings: Settings, place: Place) -> ServerOrders:
    return ServerOrders(str(settings.directory), settings.port, place.throw_away)


def _company(settings: Settings, tokens: Tokens) -> list[Child]:
    base = f"http://{settings.host}:{settings.port}"
    speaker = SpeakerOrders(base, HALL, tokens.speaker, tokens.speaker_whip, SPEAKER.name, TIME_ZONE)
    company = [Child("server.demo.moderator", ModeratorOrders(base, tokens.leader)), Child("server.demo.speaker", speaker)]
    if tokens.attendees:
        company.append(Child("server.demo.audience", AudienceOrders(base, tokens.attendees, VIEWERS)))
    return company


@contextlib.asynccontextmanager
async def _running(child: Child) -> AsyncIterator[asyncio.Task[None]]:
    """Runs a child; the task ends when it does."""
    task = asyncio.create_task(child.run())
    try:
        yield task
    finally:
        await child.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _all_running(children: list[Child]) -> AsyncIterator[None]:
    """Runs them side by side, and ends them side by side."""
    tasks = [asyncio.create_task(child.run()) for child in children]
    try:
        yield
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(stopping: asyncio.Task[bool], served: asyncio.Task[None], *work: Coroutine[Any, Any, None]) -> None:
    """Waits for the work, or for a reason to stop. Raises `Failure` if the server ended by itself."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.wait([stopping, served, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
    if served.done() and not stopping.done():
        raise Failure("the server ended unexpectedly; PLENUM_LOG_LEVEL=info shows more")
    for task in tasks:
        if task.done():
            task.result()


async def _healthy(settings: Settings) -> None:
    """Waits until the server answers. Raises `Failure`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + HEALTHY_WITHIN
    while loop.time() < deadline:
        with contextlib.suppress(OSError):
            answer = await request(f"http://{settings.host}:{settings.port}", "GET", "/healthz")
            if answer.status == 200:
                return
        await asyncio.sleep(0.1)
    raise Failure(f"the server did not come up within {HEALTHY_WITHIN:.0f} seconds; PLENUM_LOG_LEVEL=info shows more")


async def _live(company: list[Child]) -> None:
    """Waits until a session is live and seen; not for ever, as the rest is worth showing too."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIVE_WITHIN):
            await asyncio.gather(*(child.ready.wait() for child in company))


def _announce(console: Console, settings: Settings, tokens: Tokens, attendees: int, links_json: Path | None) -> None:
    found = links(settings, tokens)
    if links_json is not None:
        _write_privately(links_json, json.dumps(found, indent=2) + "\n")
    console.print()
    console.print(Text("The conference is live.", style="bold green"), Text(f"{attendees} simulated attendees are coming."))
    console.print()
    for name in ("attendee", "moderator", "board"):
        label = Text(f"  {name.capitalize():<10} ", style="bold")
        console.print(label.append(str(found[name]), style=f"cyan link {found[name]}"), soft_wrap=True)
    console.print()
    for hint in (
        "A browser is one person: open the second link in a private window or another browser.",
        "A simulated moderator leads the day; you can take over at any time, it goes on where you left off.",
        "The closing survey opens after three minutes and closes after eight: then the board can read its result.",
        "Stop with Ctrl-C.",
    ):
        console.print(Text(f"  {hint}", style="dim"), soft_wrap=True)
    console.print()
    sys.stdout.flush()


def _write_privately(path: Path, text: str) -> None:
    """Whole or not at all, and for our eyes only: links are keys."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

"""A real Firefox with a fake camera and microphone, driven by WebDriver BiDi (W3C) over its own remote agent: Playwright has
only a Firefox of its own making, and what people have is the one of their system."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.browser.stage import until

PATIENCE: Final = 120.0  # seconds for a condition, and for the start

PREFERENCES: Final[dict[str, bool | int | str]] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,  # plays without a click, as the flags for Chromium have it
    "media.gmp-manager.updateEnabled": False,  # no H.264, as in a Firefox that has just been installed
    "intl.accept_languages": "en-GB, en",
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "",
    "toolkit.telemetry.enabled": False,
}

# A button by its name, as `stage.click` finds it: what it says, or what it is labelled.
BUTTON: Final = """
[...document.querySelectorAll("button")].filter((button) => !button.disabled && button.checkVisibility()
  && (button.getAttribute("aria-label") ?? button.textContent).trim() === %s)"""


class Tab:
    """One page, with cookies of its own. `complaints`: what its scripts threw or logged as errors."""

    def __init__(self, remote: _Remote, context: str) -> None:
        self._remote, self.context = remote, context
        self.complaints: list[str] = []

    async def goto(self, url: str) -> None:
        await self._remote.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may use `await`. Counts as somebody's gesture."""
        answer = await self._remote.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def until(self, condition: str, seconds: float = PATIENCE) -> None:
        """Waits until a JavaScript expression, which may use `await`, is true."""

        async def holds() -> bool:
            return bool(await self.evaluate(condition))

        await until(holds, condition, seconds)

    async def click(self, name: str) -> None:
        """Presses the button of this name as soon as there is one, and there has to be one alone."""
        found = BUTTON % json.dumps(name)
        await self.until(f"{found}.length > 0")
        assert await self.evaluate(f"{found}.length") == 1, name
        await self.evaluate(f"{found}[0].click()")


class Firefox:
    """A running Firefox."""

    def __init__(self, remote: _Remote) -> None:
        self._remote = remote

    async def open(self) -> Tab:
        """An empty page in a browser of one's own."""
        user = (await self._remote.call("browser.createUserContext"))["userContext"]
        context = (await self._remote.call("browsingContext.create", type="tab", userContext=user))["context"]
        tab = self._remote.tabs[context] = Tab(self._remote, context)
        return tab


class _Remote:
    """The connection to Firefox's remote agent: commands with their answers, and what pages log."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self.tabs: dict[str, Tab] = {}
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        answer = self._waiting[self._count] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        return await answer

    async def close(self) -> None:
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message["type"] == "event":
                self._heed(message["method"], message["params"])
            elif (answer := self._waiting.pop(message["id"])) and not answer.done():
                if message["type"] == "error":
                    answer.set_exception(RuntimeError(f"{message['error']}: {message['message']}"))
                else:
                    answer.set_result(message["result"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError("Firefox is gone"))

    def _heed(self, event: str, entry: dict[str, Any]) -> None:
        tab = self.tabs.get(entry.get("source", {}).get("context", ""))
        if event == "log.entryAdded" and tab and entry["level"] == "error":
            tab.complaints.append(str(entry["text"]))


def firefox() -> str | None:
    """The Firefox on the PATH."""
    return next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)


@contextlib.asynccontextmanager
async def a_firefox() -> AsyncIterator[Firefox]:
    """A real Firefox with a new profile. Skips the test where none is installed."""
    path = firefox()
    if path is None:
        pytest.skip("no Firefox here: on Debian `apt install firefox-esr`")
    with tempfile.TemporaryDirectory(prefix="plenum-firefox-", ignore_cleanup_errors=True) as profile:
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
        (Path(profile) / "user.js").write_text("".join(lines))
        arguments = ("--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            env={**os.environ, "HOME": profile},
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(PATIENCE):
                url = await _remote_url(process.stderr)
            drain = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
            async with connect(
                f"{url}/session", open_timeout=60, max_size=None, ping_interval=None, compression=None
            ) as socket:
                remote = _Remote(socket)
                await remote.call("session.new", capabilities={})
                await remote.call("session.subscribe", events=["log.entryAdded"])
                yield Firefox(remote)
                await remote.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        await drain


async def _remote_url(output: asyncio.StreamReader) -> str:
    """Where the remote agent listens, which Firefox says when it does."""
    while line := (await output.readline()).decode(errors="replace"):
        if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
            return found[1]
    raise RuntimeError("Firefox ended before it listened")

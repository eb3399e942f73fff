"""A browser whose machine sleeps: all its processes stand still at once, and go on later as if no time had passed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from playwright.async_api import Browser

from tests.browser.stage import a_browser

PROCESSES: Final = Path("/proc")


class Laptop:
    """`browser` runs on it. `close` and `open` its lid: immediate, and may be repeated."""

    def __init__(self, browser: Browser, mark: str) -> None:
        self.browser = browser
        self._mark = mark
        self._asleep: set[int] = set()

    def close(self) -> None:
        """Parents first: who stands still starts no other. Until a look finds nobody new."""
        while awake := self._processes() - self._asleep:
            self._asleep |= awake
            _signal(awake, signal.SIGSTOP)
        assert self._asleep, "the browser's processes were not found"

    def open(self) -> None:
        _signal(self._asleep, signal.SIGCONT)
        self._asleep.clear()

    def _processes(self) -> set[int]:
        parents = {int(path.name): _parent(path) for path in PROCESSES.glob("[0-9]*")}
        found = {pid for pid in parents if self._mark.encode() in _read(PROCESSES / str(pid) / "cmdline")}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found


@contextlib.asynccontextmanager
async def a_laptop() -> AsyncIterator[Laptop]:
    mark = f"--plenum-laptop={uuid4().hex}"  # Chromium heeds no switch that it does not know
    async with a_browser(mark) as browser:
        laptop = Laptop(browser, mark)
        try:
            yield laptop
        finally:
            laptop.open()


def _signal(processes: set[int], what: signal.Signals) -> None:
    for pid in sorted(processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _parent(process: Path) -> int:
    """0 for one that has ended meanwhile. proc(5): the name, in brackets, may hold anything."""
    words = _read(process / "stat").rpartition(b")")[2].split()
    return int(words[1]) if words else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""

"""`make demo` in a fresh clone, run and looked at as a visitor would; then Ctrl-C. Only the standard library: there is
nothing else yet. A part of `tools/from-nothing`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

INSTALLED_WITHIN = 1800.0  # seconds
ENDED_WITHIN = 60.0
LINKS = Path("../links.json")


def main() -> None:
    port = free_port()
    arguments = f"ARGS=--no-browser --attendees 20 --port {port} --links-json {LINKS}"
    demo = subprocess.Popen(["make", "demo", arguments], start_new_session=True)
    try:
        health = wait(demo, f"http://localhost:{port}/healthz")
        for who in ("attendee", "moderator", "board"):
            visit(json.loads(LINKS.read_text())[who])
        print(f"the demonstration lives: {health}", file=sys.stderr)
    finally:
        signal_all(demo)
    status = demo.wait(ENDED_WITHIN)
    if status not in (0, 2, -signal.SIGINT):  # make tells of Ctrl-C, whatever the demonstration makes of it
        sys.exit(f"make demo ended with {status}")
    wait_for_silence(port)


def wait(demo: subprocess.Popen[bytes], address: str) -> dict[str, Any]:
    """Until everything is well, people are there and media flows."""
    until = time.monotonic() + INSTALLED_WITHIN
    while time.monotonic() < until:
        if demo.poll() is not None:
            sys.exit(f"make demo ended with {demo.returncode} before it was up")
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                health: dict[str, Any] = json.load(answer)
            if health["status"] == "ok" and health["media"]["peers"] and health["connections"] > 5 and LINKS.exists():
                return health
        except (OSError, ValueError):
            pass
        time.sleep(1)
    sys.exit("make demo did not come up")


def visit(link: str) -> None:
    """A personal link leads to a page that knows whose it is."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with opener.open(link, timeout=30) as answer:
        page = answer.read().decode()
    if answer.status != 200 or 'id="page-data"' not in page:
        sys.exit(f"{link} leads to no page of the conference's")


def wait_for_silence(port: int) -> None:
    """Nothing goes on behind make's back."""
    until = time.monotonic() + ENDED_WITHIN
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        time.sleep(0.2)
    sys.exit("the demonstration goes on after Ctrl-C")


def signal_all(demo: subprocess.Popen[bytes]) -> None:
    """As a terminal's Ctrl-C: to all of its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(demo.pid, signal.SIGINT)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


if __name__ == "__main__":
    main()

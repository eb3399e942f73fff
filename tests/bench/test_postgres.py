"""The PostgreSQL of one's own: it ends with whoever started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.postgres import find_programs

SCRIPT = """
import time
from bench.postgres import PostgresServer
with PostgresServer() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(600)
"""


def test_it_ends_when_its_starter_is_killed() -> None:
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid, folder = starter.stdout.readline().split()
        assert is_alive(int(pid))
        starter.send_signal(signal.SIGKILL)
    give_up_at = time.monotonic() + 60
    while is_alive(int(pid)) or Path(folder).parent.exists():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A process that has ended and that nobody has asked about is none."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False

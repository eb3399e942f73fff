"""The port is open before there is a server behind it, and whoever came early is answered."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from server.listening import listen
from server.settings import Settings


def one() -> socket.socket:
    """On any free port of the loopback."""
    found = listen(Settings(port=0))
    assert found is not None
    (listener,) = found
    return listener


def test_who_knocks_before_the_server_is_there_is_answered_once_it_is() -> None:
    with one() as listener, socket.create_connection(listener.getsockname(), timeout=60) as early:
        early.sendall(b"I was first")
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b"I was first"
            accepted.sendall(b"and are served")
        assert early.recv(100) == b"and are served"


def test_a_port_that_is_taken_is_refused_and_nothing_is_left_open() -> None:
    with one() as listener, pytest.raises(OSError, match="in use"):
        listen(Settings(port=listener.getsockname()[1]))


def test_an_address_of_a_family_that_the_kernel_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` has where IPv6 is switched off."""
    found = socket.getaddrinfo("127.0.0.1", 0, type=socket.SOCK_STREAM)
    no_family = (99, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::1", 0, 0, 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **how: [no_family, *found])
    with one() as listener:
        assert listener.family == socket.AF_INET


def test_one_of_several_nodes_refuses_until_it_is_ready_so_that_people_go_to_another() -> None:
    assert listen(Settings(redis_url="redis://:x@127.0.0.1/0")) is None


# What each would add to the time that a whole conference waits after a crash, and who has use for it.
NOT_AT_THE_START = (
    "typer",  # every command but `run`
    "pydantic",  # typer, for whatever has options
    "av",  # recorders, in processes of their own
    "aiortc",  # media workers, likewise
    "aioice",
    "dns",
    "jinja2",  # the first page
    "pycrdt",  # notes
    "alembic",  # a database of another version
    "sqlalchemy.dialects.postgresql",  # where the database is one
    "asyncpg",
    "redis",  # where there are several nodes
    "server.doctor",
    "server.demo",
)


def test_the_server_starts_without_what_it_does_not_need_yet() -> None:
    """By modules, not by time. What opens the database and the application is loaded as `plenum run` loads it."""
    script = (
        "import sys, server.__main__, server.start, server.serve, server.database.sqlite\n"
        "from server.settings import Settings\n"
        "server.serve.configuration(Settings()).load()\n"
        f"print(*[name for name in {NOT_AT_THE_START} if name in sys.modules])"
    )
    told = subprocess.run((sys.executable, "-c", script), check=True, capture_output=True, text=True)
    assert told.stdout.split() == []


def test_before_its_port_is_open_the_server_has_not_even_loaded_its_database() -> None:
    script = (
        "import sys, server.__main__\n"
        "late = ('sqlalchemy', 'uvicorn', 'structlog', 'server.app', 'server.start')\n"
        "print(*[name for name in late if name in sys.modules])"
    )
    told = subprocess.run((sys.executable, "-c", script), check=True, capture_output=True, text=True)
    assert told.stdout.split() == []

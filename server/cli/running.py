"""What `plenum run` does. Nothing here needs the command line's library: whoever lost their connection waits for this to be
up again. Neighbours: `server/__main__.py` and `conference`, which call it; `server/start.py`, which it starts."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from server import programme_file
from server.cli.failure import Failure, printable
from server.cli.opening import opened, settings_of
from server.listening import listen
from server.secret import read_secret
from server.settings import Settings
from server.settings_sources import PREFIX
from server.starter import PROGRAMME

MEDIA_PATIENCE: Final = 5.0  # seconds; after a crash the old media worker needs a moment to notice that it is alone
LOOK_AGAIN: Final = 0.02  # seconds
PORTS: Final = (1, 65_535)
_OPTIONS: Final = {"-C": "directory", "--directory": "directory", "--port": "port", "--host": "host"}


class Orders(NamedTuple):
    """Where, and what instead of the settings' port and host."""

    directory: Path
    port: int | None = None
    host: str | None = None


def plain_orders(arguments: Sequence[str]) -> Orders | None:
    """What `run ...` says, if it says it in the plain way that services do: options and their values. None for everything
    else, right or wrong, which is the command line's library's to read."""
    command, *rest = [*arguments, ""]
    names, values = rest[:-1:2], rest[1:-1:2]
    if command != "run" or len(names) != len(values) or not all(name in _OPTIONS for name in names):
        return None
    given = {_OPTIONS[name]: value for name, value in zip(names, values, strict=True)}
    port = given.get("port", "1")
    is_odd = len(given) < len(names) or any(not value or value.startswith("-") for value in values)
    if is_odd or not re.fullmatch("[0-9]{1,5}", port) or not PORTS[0] <= int(port) <= PORTS[1]:
        return None
    directory = Path(given.get("directory") or os.environ.get(f"{PREFIX}DIRECTORY") or ".")
    return Orders(directory, int(port) if "port" in given else None, given.get("host"))


def run_conference(orders: Orders) -> None:
    """Until SIGINT or SIGTERM. Raises what `failure.describe` can describe."""
    directory = orders.directory
    settings = settings_of(directory, port=orders.port, host=orders.host)
    programme = programme_file.load(directory / PROGRAMME)
    hints = f"stop with Ctrl-C; personal links: plenum links -C {directory}"
    line = f"{programme.name}: {settings.url} ({hints})"
    with contextlib.ExitStack() as stack:
        listeners = _take_port(settings, stack)
        from live.adoption import is_awaited  # late: these libraries need not be there for whoever knocks
        from server.start import kept_name, start

        if not is_awaited(kept_name(settings)):  # else whoever has the media port is adopted, or ended
            _check_media_port(settings)
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))  # that is how one stops it
        start(settings, _check_data, lambda: print(printable(line), file=sys.stderr, flush=True), listeners)


def _take_port(settings: Settings, stack: contextlib.ExitStack) -> list[socket.socket] | None:
    """What `listen` returns. Raises `Failure` if the port is taken."""
    _check_port(settings.host, settings.port, socket.SOCK_STREAM, "--port")
    try:
        listeners = listen(settings)
    except OSError as error:  # taken since
        raise _cannot_listen(settings.host, settings.port, "--port", error) from None
    for listener in listeners or ():
        stack.enter_context(listener)
    return listeners


def check_ports(settings: Settings) -> None:
    """Raises `Failure` if a port is taken, before anything is started."""
    _check_port(settings.host, settings.port, socket.SOCK_STREAM, "--port")
    _check_media_port(settings)


def _check_media_port(settings: Settings) -> None:
    if settings.media_port:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            _check_port("127.0.0.1", settings.media_port, kind, "PLENUM_MEDIA_PORT", patience=MEDIA_PATIENCE)


def _check_port(host: str, port: int, kind: socket.SocketKind, option: str, *, patience: float = 0.0) -> None:
    give_up_at = time.monotonic() + patience
    while (error := _bind_error(host, port, kind)) is not None:
        if time.monotonic() >= give_up_at:
            raise _cannot_listen(host, port, option, error)
        time.sleep(LOOK_AGAIN)


def _cannot_listen(host: str, port: int, option: str, error: OSError) -> Failure:
    is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)  # else it is the address: not ours, or none
    remedy = option if is_port else "--host or PLENUM_HOST"
    return Failure(f"cannot listen on {host}, port {port}: {error.strerror}; choose another with {remedy}")


def _bind_error(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    """Why a port cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do after a restart
            probe.bind(address)
    except OSError as error:
        return error
    return None


async def _check_data(settings: Settings) -> None:
    """Fails here, in one line, where the server would fail with a page of them: a damaged, locked or foreign database."""
    async with opened(settings):
        read_secret(settings)

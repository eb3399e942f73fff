"""The port of the pages, opened before anything heavy is loaded. Who comes while the server starts waits in the kernel's
queue until it is there, instead of being refused and coming back later: after a crash that is everybody, at once."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any, Final

from server.settings import Settings

WAITING: Final = 2048  # connections not accepted yet (Linux: at most `net.core.somaxconn`); others knock again 1 s later
NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # the second: of a kernel without IPv6

Place = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]  # as `getaddrinfo` has it


def listen(settings: Settings) -> list[socket.socket] | None:
    """The sockets on which the pages are served, one for each address that the host's name has here. None for one of several
    nodes, where whoever is refused goes to another that is up: it listens when it is ready. Raises `OSError`."""
    if settings.redis_url:
        return None
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(one) for one in map(_listener, dict.fromkeys(found)) if one is not None]
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        stack.pop_all()
    return sockets


def _listener(place: Place) -> socket.socket | None:
    """None for an address that this machine does not have: names are often of both families."""
    family, kind, protocol, _, address = place
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            _prepare(listener, address)
        except OSError as error:
            if error.errno in NOT_HERE:
                return None
            raise
        stack.pop_all()
    return listener


def _prepare(listener: socket.socket, address: Any) -> None:
    """As asyncio does."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(WAITING)
    listener.setblocking(False)

"""Where datagrams come in and go out: sorted by their first byte (RFC 7983) and by where they come from. Neighbours: `port`
and `tcp` have the sockets, `peer` is who listens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

OnCheck = Callable[["Endpoint", bytes, Any], None]


class Listener(Protocol):
    """A client that passed ICE."""

    def receive_media(self, data: bytes, now: float) -> None: ...

    def receive_dtls(self, record: bytes, now: float) -> None: ...

    def drop_path(self, endpoint: Endpoint, address: Any) -> None: ...

    def is_heard(self, now: float) -> bool: ...


class Endpoint:
    """Where datagrams come in and go out: a UDP socket, or one TCP connection (`tcp`).

    `checked`: addresses that passed ICE, and may speak DTLS. `nominated`: the one address each peer's media comes from.
    `fd`: of the UDP socket."""

    def __init__(self, transport: str, sendto: Callable[[bytes, Any], object], on_check: OnCheck, fd: int = -1) -> None:
        self.transport = transport  # "udp" or "tcp"
        self.fd = fd
        self.sendto = sendto
        self.checked: dict[Any, Listener] = {}
        self.nominated: dict[Any, Listener] = {}
        self.strangers = self.received = 0
        self._on_check = on_check

    def receive(self, data: bytes, address: Any) -> None:
        """Takes one datagram. Whoever has not passed ICE can do nothing but try to."""
        if not data:  # an empty datagram is legal UDP
            return
        self.received += 1
        first = data[0]
        if 127 < first < 192:
            peer = self.nominated.get(address)
            if peer is not None:
                peer.receive_media(data, time.monotonic())
                return
        elif 19 < first < 64:
            peer = self.checked.get(address)
            if peer is not None:
                peer.receive_dtls(data, time.monotonic())
                return
        elif first < 4:
            self._on_check(self, data, address)
            return
        self.strangers += 1

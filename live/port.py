"""The media port: UDP sockets on one port number, read many datagrams per wake-up, sorted by their first byte (RFC 7983)
and by where they come from.

One socket per announced address: a datagram then leaves from the address it was sent to, on a machine with several.
An announced address that is not this machine's (NAT) is served by one socket for all addresses instead.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Final

from live.endpoint import Endpoint, Listener, OnCheck
from live.fan import Bursts
from live.ice import Address
from live.inbox import Inbox
from live.reading import Reading

BUFFER: Final = 8 << 20


class MediaPort:
    """The UDP side of a worker."""

    def __init__(
        self, hosts: tuple[str, ...], port: int, on_check: OnCheck, helped: tuple[Bursts, Inbox] | None = None
    ) -> None:
        self._sockets = _bind_all(hosts, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self.endpoints = [Endpoint("udp", sock.sendto, on_check, sock.fileno()) for sock in self._sockets]
        self._reading = Reading(tuple(zip(self._sockets, self.endpoints, strict=True)), helped)

    def start(self) -> None:
        self._reading.start()

    def close(self) -> None:
        self._reading.stop()
        for sock in self._sockets:
            sock.close()


def _bind_all(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """Binds every host to the same port number. With port 0 a number that is free on all of them is looked for."""
    wanted = local_addresses(hosts)
    for attempt in range(20):
        sockets: list[socket.socket] = []
        try:
            for host in wanted:
                sockets.append(_bind(host, sockets[0].getsockname()[1] if sockets else port))
            return sockets
        except OSError:
            for sock in sockets:
                sock.close()
            if port or attempt == 19:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


def local_addresses(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Which addresses to bind for those announced: they themselves, or all where one is not this machine's."""
    wanted: list[str] = []
    for host in hosts:
        wildcard = "::" if ipaddress.ip_address(host).version == 6 else "0.0.0.0"
        try:
            _bind(host, 0).close()
            wanted.append(host)
        except OSError:
            wanted.append(wildcard)
    all_of = {"::", "0.0.0.0"} & set(wanted)
    kept = [host for host in wanted if host in all_of or not _covered(host, all_of)]
    return tuple(dict.fromkeys(kept))


def _covered(host: str, wildcards: set[str]) -> bool:
    return ("::" if ":" in host else "0.0.0.0") in wildcards


def _bind(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def announced(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses to announce: `hosts`, or where none are given the loopback and this machine's own."""
    if hosts:
        for host in hosts:
            ipaddress.ip_address(host)  # ValueError: names are not announced, clients would have to look them up
        return hosts
    return ("127.0.0.1", *own_addresses())


def own_addresses() -> tuple[str, ...]:
    """This machine's addresses other than loopback and link-local ones, at most eight."""
    import ifaddr

    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            address = ipaddress.ip_address(text)
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                found.append(str(address))
    return tuple(sorted(dict.fromkeys(found), key=lambda host: ":" in host)[:8])


__all__ = ["Address", "Endpoint", "Listener", "MediaPort", "OnCheck", "announced", "local_addresses", "own_addresses"]

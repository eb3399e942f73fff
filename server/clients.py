"""Whose request it is, as an address: the other end of the connection, or who a trusted proxy says it passes on.

Addresses are only ever counted by, never logged or stored. Neighbour: `door`, which counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NETWORK_BITS: Final = 64  # of an IPv6 address: what one customer has at least (RFC 6177), and can choose from freely
MOST_HOPS: Final = 16  # of `X-Forwarded-For` that are looked at


class Proxies:
    """The proxies whose word counts: addresses and networks, comma-separated. Raises `ValueError` with what is wrong."""

    def __init__(self, text: str = "") -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(part) for part in split(text))
        if any(network.prefixlen == 0 for network in self._networks):
            raise ValueError(f"{text} is everybody, who could all say to be anybody")

    def trusts(self, host: str) -> bool:
        """Whether the other end of a connection is such a proxy."""
        address = _address(host)
        return address is not None and self._has(address)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """Who is behind a connection from `peer` with these `X-Forwarded-For` headers. Each proxy adds, at the end, whom it
        was talking to: so it is read from there, as far as those who added are trusted. What stands further in front could
        be anybody's invention."""
        client = _address(peer)
        if client is None or not self._has(client):
            return peer if client is None else str(client)
        hops = [part.strip() for line in forwarded for part in line.split(",")]
        for hop in reversed(hops[-MOST_HOPS:]):
            address = _address(_without_port(hop))
            if address is None:  # no proxy of ours writes that: it is its own word, and no more
                break
            client = address
            if not self._has(client):
                break
        return str(client)

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def block_of(host: str) -> str:
    """What to count an address by: itself, or its /64 (IPv6). Whatever is no address counts as it is written."""
    address = _address(host)
    if address is None:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address) >> NETWORK_BITS << NETWORK_BITS, NETWORK_BITS)))
    return str(address)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:  # of a socket for both
        return address.ipv4_mapped
    return address


def _without_port(text: str) -> str:
    """`192.0.2.1:4711` and `[2001:db8::1]:4711`, as some proxies write."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text

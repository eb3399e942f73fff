"""Two network namespaces joined by a veth pair, or the loopback where they cannot be made.

The namespaces have no names: each lives as long as a process in it, the first being a `cat` that ends when we do. So nothing
is left behind, whatever ends us. Every viewer has an address of its own, all on one socket.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

FIRST_VIEWER: Final = 256  # in the last 16 bits of the viewers' addresses
PUBLISHER: Final = 1


@dataclass(frozen=True)
class Network:
    """`server` and `clients` are what a command is prefixed with to run on that side. `note` says what it is."""

    server: tuple[str, ...]
    clients: tuple[str, ...]
    server_address: str
    clients_network: IPv4Address
    note: str

    @property
    def is_loopback(self) -> bool:
        return not self.server


def client_address(network: IPv4Address, number: int) -> str:
    """The address of a client: of viewer n (`FIRST_VIEWER + n`) or of the publisher."""
    return str(network + number)


@contextmanager
def network(*, use_loopback: bool = False) -> Iterator[Network]:
    """Gives the best network there is."""
    if obstacle := "asked for" if use_loopback else _obstacle():
        yield Network((), (), "127.0.0.1", IPv4Address("127.200.0.0"), f"loopback ({obstacle})")
        return
    holders = [_hold(), _hold()]
    try:
        server, clients = (_enter(holder.pid) for holder in holders)
        _join(holders[0].pid, holders[1].pid, server, clients)
        yield Network(server, clients, "10.199.0.1", IPv4Address("10.200.0.0"), "two namespaces, veth pair")
    finally:
        for holder in holders:
            holder.communicate()


def _hold() -> subprocess.Popen[bytes]:
    return subprocess.Popen(("unshare", "--net", "cat"), stdin=subprocess.PIPE, start_new_session=True)


def _obstacle() -> str:
    """Why namespaces cannot be made; "" if they can."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"no network namespaces: {' and '.join(missing)} missing"
    if os.geteuid():
        return "no network namespaces: they need root"
    tried = subprocess.run(
        ("unshare", "--net", "ip", "link", "add", "name", "s0", "type", "veth"), capture_output=True, text=True
    )
    return f"no network namespaces: {tried.stderr.strip()}" if tried.returncode else ""


def _enter(pid: int) -> tuple[str, ...]:
    own = Path("/proc/self/ns/net").readlink()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        if time.monotonic() > until:
            raise SystemExit("bench-media: unshare made no namespace")
        time.sleep(0.01)
    return ("nsenter", f"--net=/proc/{pid}/ns/net", "--")


def _join(server_pid: int, clients_pid: int, server: tuple[str, ...], clients: tuple[str, ...]) -> None:
    def ip(where: tuple[str, ...], *words: str) -> None:
        subprocess.run((*where, "ip", *words), check=True)

    ends = ("name", "s0", "netns", str(server_pid)), ("name", "c0", "netns", str(clients_pid))
    ip((), "link", "add", *ends[0], "type", "veth", "peer", *ends[1])
    for where, link, address in ((server, "s0", "10.199.0.1/30"), (clients, "c0", "10.199.0.2/30")):
        ip(where, "link", "set", "lo", "up")
        ip(where, "addr", "add", address, "dev", link)
        ip(where, "link", "set", link, "up")
    ip(server, "route", "add", "10.200.0.0/16", "via", "10.199.0.2")
    ip(clients, "route", "add", "local", "10.200.0.0/16", "dev", "lo")

"""ICE-lite (RFC 8445, 2.5): answers a client's connectivity checks and learns its address from them. Pure.

A request is answered only when its user name is ours, its MESSAGE-INTEGRITY holds by the short-term credential and its
FINGERPRINT is right (RFC 8489, 9.1). Everything else is dropped without a word: nobody can use this port to amplify.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aioice import stun

Address = tuple[str, int] | tuple[str, int, int, int]

_COOKIE: Final = struct.pack("!I", stun.COOKIE)
_BINDING_REQUEST: Final = b"\x00\x01"
_USERNAME: Final = 0x0006
_ROLE_CONFLICT: Final = (487, "Role Conflict")  # RFC 8445, 7.3.1.1
MAX_REQUEST: Final = 1024  # octets; checks are some 100 long


@dataclass(frozen=True, slots=True)
class Credentials:
    """Our half of the short-term credential, and the peer's user name fragment."""

    ufrag: str
    password: str
    remote_ufrag: str


@dataclass(frozen=True, slots=True)
class Check:
    """An authenticated check: the answer to send back, and whether it nominates the address it came from."""

    ufrag: str
    response: bytes
    succeeded: bool
    nominates: bool


def make_credentials(remote_ufrag: str, worker: int = 0, node: str = "") -> Credentials:
    """128 bits of password (RFC 8445, 5.3 asks for 128 at least). The user name fragment begins with the worker's index, as
    TCP connections come in by any worker, and ends with `+` and the node's name if it has one: they may come in by a proxy
    in front of several nodes, too, which cannot see more of what they are for."""
    ending = f"+{node}" if node else ""
    return Credentials(f"{worker:02x}{secrets.token_hex(6)}{ending}", secrets.token_hex(16), remote_ufrag)


def renew(credentials: Credentials, remote_ufrag: str) -> Credentials:
    """New ones of the same worker's."""
    return make_credentials(remote_ufrag, worker_of(credentials.ufrag), credentials.ufrag.partition("+")[2])


def worker_of(user: str) -> int:
    """The worker that made the credentials of a user name or fragment; -1: none."""
    try:
        return int(user[:2], 16) if len(user) > 2 else -1
    except ValueError:
        return -1


def username(data: bytes) -> str:
    """Returns the user name of a well-formed STUN binding request, cheaply; "" if it is not one. Strangers get no further.

    aioice cuts off attributes that overrun the message; here such a message is none."""
    if not 20 <= len(data) <= MAX_REQUEST or data[:2] != _BINDING_REQUEST or data[4:8] != _COOKIE:
        return ""
    found = b""
    position = 20
    while position + 4 <= len(data):
        kind, length = struct.unpack_from("!HH", data, position)
        if kind == _USERNAME and not found:
            found = data[position + 4 : position + 4 + length]
        position += 4 + length + -length % 4
    return found.decode("ascii", "replace") if position == len(data) else ""


def check(data: bytes, address: Address, credentials_of: Callable[[str], Credentials | None]) -> Check | None:
    """Checks a binding request from `address` and answers it. None: say nothing."""
    local, _, remote = username(data).partition(":")
    credentials = credentials_of(local) if local else None
    if credentials is None or remote != credentials.remote_ufrag:
        return None
    request = _authenticated(data, credentials.password)
    if request is None:
        return None
    key = credentials.password.encode()
    if "ICE-CONTROLLED" in request.attributes:  # a lite agent is never the controlling one
        return Check(local, _respond(request, key, error=_ROLE_CONFLICT), succeeded=False, nominates=False)
    response = _respond(request, key, mapped=(address[0].partition("%")[0], address[1]))
    return Check(local, response, succeeded=True, nominates="USE-CANDIDATE" in request.attributes)


def _authenticated(data: bytes, password: str) -> stun.Message | None:
    try:
        request = stun.parse_message(data)
    except (ValueError, struct.error):  # aioice lets struct.error out for attributes of a wrong length
        return None
    if "FINGERPRINT" not in request.attributes or not request.check_message_integrity(password.encode()):
        return None
    return request


def _respond(
    request: stun.Message, key: bytes, mapped: tuple[str, int] | None = None, error: tuple[int, str] | None = None
) -> bytes:
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.ERROR if error else stun.Class.RESPONSE,
        transaction_id=request.transaction_id,
    )
    if mapped:
        response.attributes["XOR-MAPPED-ADDRESS"] = mapped
    if error:
        response.attributes["ERROR-CODE"] = error
    response.add_message_integrity(key)
    return bytes(response)


def candidates(hosts: tuple[str, ...], udp_port: int, tcp_port: int) -> tuple[str, ...]:
    """Host candidates (RFC 8839, 5.1; TCP: RFC 6544, 4.5), UDP before TCP, in the order of `hosts`. Port 0: none."""
    lines = []
    for index, host in enumerate(hosts if udp_port else ()):
        preference = 65535 - index
        priority = (126 << 24) | (preference << 8) | 255
        lines.append(f"{index + 1} 1 udp {priority} {host} {udp_port} typ host")
    for index, host in enumerate(hosts if tcp_port else ()):
        # RFC 6544, 4.2: direction preference 4 for passive, in the upper three bits of the local preference
        priority = (90 << 24) | ((4 << 13 | 8191 - index) << 8) | 255
        lines.append(f"{len(hosts) + index + 1} 1 tcp {priority} {host} {tcp_port} typ host tcptype passive")
    return tuple(lines)

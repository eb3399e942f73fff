"""Whom a proxy speaks for: the line that it sends before what its client says (PROXY protocol, version 1). Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

LONGEST: Final = 107  # octets, with its end
_BEGINNING: Final = b"PROXY "  # as the length of a frame (RFC 4571) it would be over 20,000: nobody says that
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN[^\r\n]*|TCP([46]) ([0-9A-Fa-f:.]+) [0-9A-Fa-f:.]+ ([0-9]{1,5}) [0-9]{1,5})\r\n"
)


def begins(data: bytes | bytearray) -> bool:
    """Whether this is such a line, or the beginning of one."""
    return bool(data) and data[: len(_BEGINNING)] == _BEGINNING[: len(data)]


def read(data: bytes | bytearray) -> tuple[tuple[str, int] | None, int] | None:
    """The client's address, None where the proxy does not know it, and how long the line is. None: it is not complete yet.
    Raises `ValueError` if it never will be."""
    found = _LINE.match(data)
    if found is None:
        if len(data) >= LONGEST or b"\n" in data:
            raise ValueError("not a line of the PROXY protocol")
        return None
    if found[1] is None:
        return None, found.end()
    address = ipaddress.ip_address(found[2].decode())
    if address.version != int(found[1]) or int(found[3]) > 65_535:
        raise ValueError("not an address of its kind")
    return (str(address), int(found[3])), found.end()

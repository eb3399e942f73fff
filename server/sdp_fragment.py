"""SDP fragments (RFC 8840, 9), as `PATCH` carries them to and from WHIP and WHEP software and our own pages: an ICE session's
credentials, and candidates. Pure; whatever the text, `read` returns or raises `ValueError`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from live.control import IceParameters

MEDIA_TYPE: Final = "application/trickle-ice-sdpfrag"
MAX_LINES: Final = 256
MAX_LENGTH: Final = 16 * 1024  # characters

_ICE: Final = r"[A-Za-z0-9+/=_-]"  # RFC 8839, 5.4; "=_-" are seen in the field
_LINES: Final[tuple[re.Pattern[str], ...]] = tuple(
    re.compile(pattern)
    for pattern in (
        rf"a=(?P<ufrag>ice-ufrag):(?P<ufrag_value>{_ICE}{{4,256}})",
        rf"a=(?P<pwd>ice-pwd):(?P<pwd_value>{_ICE}{{22,256}})",
        r"a=candidate:[A-Za-z0-9+/]{1,32} \d{1,5} [!-~]{1,16} \d{1,10} [!-~]{1,255} \d{1,5} typ [!-~]{1,32}( [!-~]+)*",
        r"a=end-of-candidates|a=ice-lite|a=ice-options:[ -~]+|a=group:[ -~]+",
        r"m=(audio|video|application) \d{1,5} [!-~]{1,64}( [!-~]{1,64})+",
        r"a=(mid|rtcp-mux|rtcp-mux-only|bundle-only)(:[!-~]{1,256})?",
        r"a=(?!ice-ufrag|ice-pwd|candidate)[a-z0-9-]{1,64}(:[ -~]*)?",  # extensions are passed over (RFC 8840, 9.2)
    )
)


class Fragment(Struct, frozen=True):
    """The client's half of an ICE session's credentials. Its candidates are of no use here: the engine is ICE-lite, and
    learns where a client is from its checks."""

    ufrag: str
    password: str


def read(text: str) -> Fragment:
    """Reads a fragment. Everything is bundled, so that all m-lines have the same credentials. Raises `ValueError`."""
    if len(text) > MAX_LENGTH:
        raise ValueError("fragment is too long")
    lines = text.removesuffix("\n").removesuffix("\r").replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise ValueError("fragment has too many lines")
    found: dict[str, set[str]] = {"ice-ufrag": set(), "ice-pwd": set()}
    for line in lines:
        if not any(pattern.fullmatch(line) for pattern in _LINES):
            raise ValueError("a line is none of a fragment")
        name, _, value = line.removeprefix("a=").partition(":")
        if name in found:
            found[name].add(value)
    if [len(values) for values in found.values()] != [1, 1]:
        raise ValueError("a fragment has one user name fragment and one password")
    return Fragment(found["ice-ufrag"].pop(), found["ice-pwd"].pop())


def write(parameters: IceParameters) -> str:
    """The answer to an ICE restart."""
    lines = ["a=ice-lite", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    lines += [f"a=ice-ufrag:{parameters.ufrag}", f"a=ice-pwd:{parameters.password}"]
    lines += [f"a=candidate:{candidate}" for candidate in parameters.candidates]
    return "\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"

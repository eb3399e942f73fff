"""SDP fragments (RFC 8840, 9), as `PATCH` carries them to and from WHIP and WHEP software and our own pages: the credentials
of an ICE session, and candidates. Pure; whatever the text, `read` returns or raises `ValueError`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, structs

from live.control import IceParameters

MEDIA_TYPE: Final = "application/trickle-ice-sdpfrag"
MAX_LINES: Final = 256
MAX_LENGTH: Final = 16 * 1024  # characters

_ICE: Final = r"[A-Za-z0-9+/=_-]"  # RFC 8839, 5.4; "=_-" are seen in the field
_WORD: Final = r"[!-~]{1,256}"
_MEDIA: Final = re.compile(rf"m=(audio|video|application) \d{{1,5}} {_WORD}( {_WORD})+")
_LINES: Final = (
    _MEDIA,
    re.compile(rf"a=ice-ufrag:{_ICE}{{4,256}}"),
    re.compile(rf"a=ice-pwd:{_ICE}{{22,256}}"),
    re.compile(rf"a=mid:{_WORD}"),
    re.compile(rf"a=candidate:[A-Za-z0-9+/]{{1,32}} \d{{1,5}} {_WORD} \d{{1,10}} {_WORD} \d{{1,5}} typ {_WORD}( {_WORD})*"),
    # whatever else is said of the session or an m-line is passed over, as an extension would be (RFC 8840, 9.2)
    re.compile(r"a=(?!(ice-ufrag|ice-pwd|mid|candidate)\b)[a-z0-9-]{1,64}(:[ -~]*)?"),
)


class Fragment(Struct, frozen=True):
    """The client's half of an ICE session's credentials, and its first m-line, to be answered with. Its candidates are of no
    use here: the engine is ICE-lite, and learns where a client is from its checks."""

    ufrag: str
    password: str
    media: str = "m=audio 9 UDP/TLS/RTP/SAVPF 0"
    mid: str = "0"


def read(text: str) -> Fragment:
    """Reads a fragment. Everything is bundled, so all its m-lines have the same credentials. Raises `ValueError`."""
    if len(text) > MAX_LENGTH:
        raise ValueError("fragment is too long")
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > MAX_LINES:
        raise ValueError("fragment has too many lines")
    found: dict[str, list[str]] = {"ice-ufrag": [], "ice-pwd": [], "mid": []}
    for line in lines:
        if not any(pattern.fullmatch(line) for pattern in _LINES):
            raise ValueError("a line is none of a fragment")
        name, _, value = line.removeprefix("a=").partition(":")
        if name in found and value not in found[name]:
            found[name].append(value)
    if not len(found["ice-ufrag"]) == len(found["ice-pwd"]) == 1:
        raise ValueError("a fragment has one user name fragment and one password")
    fragment = Fragment(found["ice-ufrag"][0], found["ice-pwd"][0])
    media = [line for line in lines if _MEDIA.fullmatch(line)]
    if media and found["mid"]:
        fragment = structs.replace(fragment, media=media[0], mid=found["mid"][0])
    return fragment


def write(parameters: IceParameters, asked: Fragment) -> str:
    """The answer to an ICE restart."""
    lines = ["a=ice-lite", asked.media, f"a=mid:{asked.mid}"]
    lines += [f"a=ice-ufrag:{parameters.ufrag}", f"a=ice-pwd:{parameters.password}"]
    lines += [f"a=candidate:{candidate}" for candidate in parameters.candidates]
    return "\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"

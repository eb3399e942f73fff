"""What people may write: one gate for every text field."""

from __future__ import annotations

import unicodedata
from typing import Final

from rooms.errors import Refused

# Bidirectional overrides and isolates can make a name or question read as something it is not (Unicode TR 36, 3.1.2),
# and zero-width characters make two different names look alike. U+200D stays: emoji are joined with it.
_DECEPTIVE: Final = frozenset(
    "\u061c\u200b\u200c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_UNSHOWABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn"})


def is_showable(text: str) -> bool:
    """True if every character of `text` can be shown as what it is; line feeds count as showable."""
    return not any(
        character in _DECEPTIVE or (unicodedata.category(character) in _UNSHOWABLE and character != "\n")
        for character in text
    )


def check_text(text: str, *, most: int, lines: bool = False) -> str:
    """Returns `text` trimmed and in NFC. Raises `Refused("bad_text")` if it is empty, longer than `most` characters,
    has characters that cannot be shown, or has line breaks where `lines` is false."""
    trimmed = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if not trimmed or len(trimmed) > most or not is_showable(trimmed) or ("\n" in trimmed and not lines):
        raise Refused("bad_text", most=most)
    return trimmed

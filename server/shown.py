"""Text from outside, made fit for one line of a terminal or log: no control or bidi characters, and not too long."""

from __future__ import annotations

from rooms.text import is_showable


def shown(text: str, most: int = 40) -> str:
    """`text` in quotation marks, cut to `most` characters, with everything that cannot be shown written as an escape:
    a terminal must not obey what stands in a file."""
    cut = text if len(text) <= most else f"{text[:most]}…"
    return '"' + "".join(c if c.isprintable() and is_showable(c) else ascii(c)[1:-1] for c in cut) + '"'

"""Finds the texts of scripts for babel: `t("…")` and `n("…", "…", count)` with literals in double quotes.

Babel's own JavaScript lexer loses its way in nested template literals, of which lit's templates are full; literals in a
fixed form need no lexer. Neighbour: `web/static/i18n.js`, which translates them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final

_LITERAL: Final = r'("(?:[^"\\\n]|\\.)*")'
_CALL: Final = re.compile(rf"(?<![\w.$])(?:t\(\s*{_LITERAL}|n\(\s*{_LITERAL}\s*,\s*{_LITERAL})")
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRANGE: Final = re.compile(r"(?<![\w.$#])(?<!function )(?:t|n)\(\s*(?![\s\")])")

Found = tuple[int, str, str | tuple[str, str], list[str]]


def messages(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Found]:
    """Babel's extraction method: line, function, message (or its two plural forms), comments."""
    source = _COMMENT.sub(_blank, fileobj.read().decode())
    for match in _CALL.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        text, one, many = (literal and json.loads(literal) for literal in match.groups())
        if text is not None:
            yield line, "gettext", text, []
        else:
            yield line, "ngettext", (one, many), []


def strange_calls(source: str) -> list[int]:
    """Lines that call `t` or `n` with something that no catalogue can hold."""
    code = re.sub(r"//[^\n]*", "", _COMMENT.sub(_blank, source))
    return [code.count("\n", 0, match.start()) + 1 for match in _STRANGE.finditer(code)]


def _blank(comment: re.Match[str]) -> str:
    """As many lines, with nothing in them."""
    return "\n" * comment.group().count("\n")

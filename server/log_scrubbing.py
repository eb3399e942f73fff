"""The last line of defence of a promise, that the log has no personal data: what looks like a person's id, an e-mail address
or a personal link is taken out of every finished line. Nothing writes such things on purpose, but messages of exceptions and
libraries say what they like."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final

_PERSONAL: Final = re.compile(
    r"(?P<person>\bp[0-9a-f]{16}\b)"
    r"|(?P<email>[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<link>(?<=/join/)[\w-]+)"
)


def scrub(line: str) -> str:
    """The line without them; what was there is said."""
    return _PERSONAL.sub(lambda found: f"({found.lastgroup})", line)


def scrubbed(_logger: object, _method: str, line: str | bytes | MutableMapping[str, Any]) -> str:
    """A structlog processor, after the one that renders."""
    assert isinstance(line, str)
    return scrub(line)

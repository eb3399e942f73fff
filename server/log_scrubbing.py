"""The last line of defence of a promise, that the log has no personal data: what looks like a person's id, an e-mail address
or a personal link is taken out of every finished line. Nothing writes such things on purpose, but messages of exceptions and
libraries say what they like. Media workers and recorders do the same (`live/logs.py`).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from live.logs import scrub

__all__ = ["scrub", "scrubbed"]


def scrubbed(_logger: object, _method: str, line: str | bytes | MutableMapping[str, Any]) -> str:
    """A structlog processor, after the one that renders."""
    assert isinstance(line, str)
    return scrub(line)

"""The log of a process that the server starts, a media worker or a recorder: JSON lines on standard error, with the same
keys as the server's, and about nobody.

Messages are written by who knows no people, only their ids; but addresses are personal data too, and libraries like to tell
what they were handed. So whatever is an address, or looks like a person's id, an e-mail address or a personal link (`scrub`,
which the server's log is put through as well), is hidden, and exceptions are told without the values of variables.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

HIDDEN: Final = "[address]"
MOST_CAUSES: Final = 8  # of an exception; an endless chain is cut

_FOUR: Final = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_COLONS: Final = re.compile(r"(?<![0-9A-Za-z:])[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")  # what may be IPv6

_PERSONAL: Final = re.compile(
    r"(?P<person>\bp[0-9a-f]{16}\b)"
    r"|(?P<email>[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<link>(?<=/join/)[\w-]+)"
)

logger = logging.getLogger("plenum.live")


class JsonLines(logging.Formatter):
    """One object a line; `origin` says in each which process it is, as `worker=3`."""

    def __init__(self, **origin: str | int) -> None:
        super().__init__()
        self._origin = origin

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "event": without_addresses(record.getMessage()),
            **self._origin,
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _told(record.exc_info[1])
        return scrub(json.dumps(line))


def configure(**origin: str | int) -> None:
    """Everything that this process has to say goes out like that: libraries' warnings and its last words, too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(**origin))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    sys.excepthook = _last_words


def scrub(line: str) -> str:
    """A finished line without whatever looks personal; what was there is said."""
    return _PERSONAL.sub(lambda found: f"({found.lastgroup})", line)


def without_addresses(text: str) -> str:
    """The text, with every IP address in it hidden."""
    return _FOUR.sub(HIDDEN, _COLONS.sub(_hide, text))


def _hide(found: re.Match[str]) -> str:
    """Times of the day have colons, too, and a colon or a full stop may follow an address."""
    word = found[0]
    for end in range(len(word), max(len(word) - 3, 0), -1):
        try:
            ipaddress.IPv6Address(word[:end])
        except ValueError:
            continue
        return HIDDEN + word[end:]
    return word


def _told(error: BaseException) -> list[dict[str, Any]]:
    """As the server's log tells it: the exception and what it came from, each with its frames."""
    told: list[dict[str, Any]] = []
    one: BaseException | None = error
    while one is not None and len(told) < MOST_CAUSES:
        frames = [
            {"filename": frame.filename, "lineno": frame.lineno, "name": frame.name}
            for frame in traceback.extract_tb(one.__traceback__)
        ]
        told.append({"exc_type": type(one).__name__, "exc_value": without_addresses(str(one)), "frames": frames})
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return told


def _last_words(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    logger.critical("the process ends by an error", exc_info=(kind, error, at))

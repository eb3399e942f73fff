"""A worker's log: JSON lines on standard error, with the same keys as the server's, and about nobody.

Messages are written by whoever knows no people; but addresses are personal data, too, and libraries like to tell them. So
whatever looks like one is hidden, and exceptions are told without the values of variables.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

HIDDEN: Final = "[address]"

# Four numbers, or at least two colons among hexadecimal digits, with what may stand before and after.
_ADDRESS: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4})(?:%\w+)?(?![\w:])"
)

"""Notes as a running server has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from server.database import Database
from server.notes.leaving import Leaving
from server.notes.notebook import Notebook
from server.paces import Paces

PER_SECOND: Final = 5.0  # exchanges of one person; a page that is written in makes three
AT_ONCE: Final = 50


@dataclass(frozen=True)
class Notes:
    book: Notebook
    paces: Paces
    leaving: Leaving = field(default_factory=Leaving)


def open_notes(database: Database, now: Callable[[], datetime]) -> Notes:
    return Notes(Notebook(database, now), Paces(PER_SECOND, AT_ONCE))

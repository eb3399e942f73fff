"""What takes a reading of everything, the whole journal or all rows of a kind: one's own data, the board's page, exports.
Each costs the server as much as some thousand clicks, so nobody may ask for one after the other, and few are made at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from server.paces import Paces
from server.settings import Settings

READINGS_AT_ONCE: Final = 20  # of a person, before they have to go at the pace that is set
MOST_UNDER_WAY: Final = 2  # of all; the others wait, each in a request of its own, which `door` counts


class Readings:
    """Who reads, and how fast."""

    def __init__(self, settings: Settings) -> None:
        self._paces = Paces(settings.readings_per_second, READINGS_AT_ONCE)
        self._turns = asyncio.Semaphore(MOST_UNDER_WAY)

    @asynccontextmanager
    async def of(self, person_id: str) -> AsyncIterator[None]:
        """A person's turn. Raises `Refused("too_fast")`."""
        self._paces.check(person_id)
        async with self._turns:
            yield

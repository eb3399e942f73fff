"""Wrong links. A token has 256 bits and is not to be guessed, but whoever tries costs the database a look each time. So an
address that has been wrong too often has to wait, twice as long with each further one, and everybody's wrong links together
are bounded, too. A link that exists is known without asking (`Links.knows`) and never waits: a town hall behind one address
comes in while somebody among them guesses.

Addresses stand here for minutes, or as long as one may have to wait, in memory.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from live.limits import Budget
from rooms import messages as m
from rooms.errors import Refused
from server.identity import Identity
from server.links import Link
from server.settings import Settings

FORGIVEN_SECONDS: Final = 20.0  # after which one wrong link is forgotten, when the wait for it is over
MOST_ADDRESSES: Final = 10_000  # of whom those are forgotten first that were wrong the longest ago
BURST_SECONDS: Final = 10


class Guesses:
    """Who has been wrong how often. `now` in seconds."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._free, self._longest = settings.wrong_links, settings.wrong_links_wait_seconds
        self._now = now
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how often, and until when it waits
        rate = settings.wrong_links_per_second
        self._all = Budget(rate, rate * BURST_SECONDS)

        self.on_wrong: Callable[[str], None] = lambda address: None  # where others are to know

    def __len__(self) -> int:
        return len(self._wrong)

    def check(self, address: str) -> None:
        """Before an unknown token is looked up. Raises `Refused("too_many_guesses", retry_after=SECONDS)`."""
        _, until = self._wrong.get(address, (0.0, 0.0))
        wait = until - self._now()
        if wait > 0:
            raise Refused("too_many_guesses", retry_after=math.ceil(wait))
        if not self._all.take(1, self._now()):
            raise Refused("too_many_guesses", retry_after=BURST_SECONDS)

    def note(self, address: str) -> None:
        """It was wrong here."""
        self._count(address)
        self.on_wrong(address)

    def note_elsewhere(self, address: str) -> None:
        """It was wrong on another node."""
        self._all.take(1, self._now())
        self._count(address)

    def _count(self, address: str) -> None:
        now = self._now()
        before, until = self._wrong.pop(address, (0.0, now))
        count = max(0.0, before - max(0.0, now - until) / FORGIVEN_SECONDS) + 1
        beyond = count - self._free
        wait = min(self._longest, 2.0 ** min(beyond, 30.0)) if beyond > 0 else 0.0
        self._wrong[address] = count, now + wait
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    async def find(self, identity: Identity, token: str, address: str) -> tuple[Link, m.Actor]:
        """The link with a token and whose it is. Raises `Refused`: `link_unknown`, `link_revoked` or `too_many_guesses`."""
        if identity.knows(token):
            return await identity.find(token)
        self.check(address)
        try:
            return await identity.find(token)
        except Refused as refusal:
            if refusal.code == "link_unknown":
                self.note(address)
            raise

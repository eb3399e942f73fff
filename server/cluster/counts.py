"""That answers and votes came in, told between nodes: which polls and questions, a few times a second. Each node then asks
the database for the numbers; what was not heard is put right by asking again every few seconds.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from server.ballots import Ballots
from server.cluster.node import Nodes
from server.cluster.redis import RedisLink
from server.signals import Tallies

CHANNEL: Final = "counts"
COALESCE_SECONDS: Final = 0.2
LOOK_SECONDS: Final = 5.0
UNWELL_LOOK_SECONDS: Final = 1.0


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """By session: polls and questions whose numbers a node has changed."""

    node: str
    subjects: dict[str, list[str]]


class Counts:
    """`connect`, then `run` as long as the node lives."""

    def __init__(self, link: RedisLink, nodes: Nodes) -> None:
        self._link = link
        self._nodes = nodes
        self._untold: dict[str, set[str]] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._tallies: Tallies | None = None
        link.on(CHANNEL, self._hear)

    def connect(self, ballots: Ballots, tallies: Tallies) -> None:
        self._tallies = tallies
        ballots.on_change = self._changed

    async def run(self) -> None:
        """Looks after what may not have been heard, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS if self._nodes.is_well else UNWELL_LOOK_SECONDS)
            if self._tallies is not None:
                self._tallies.look()

    def stop(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    def _changed(self, session_id: str, subject: str) -> None:
        assert self._tallies is not None
        self._tallies.votes_changed(session_id, subject)
        self._untold.setdefault(session_id, set()).add(subject)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        subjects = {session_id: sorted(keys) for session_id, keys in self._untold.items()}
        self._untold.clear()
        self._link.tell(CHANNEL, msgspec.msgpack.encode(Counted(self._nodes.id, subjects)))

    def _hear(self, message: bytes) -> None:
        counted = msgspec.msgpack.decode(message, type=Counted)
        if counted.node == self._nodes.id or self._tallies is None:
            return
        for session_id, subjects in counted.subjects.items():
            for subject in subjects:
                self._tallies.votes_changed(session_id, subject)

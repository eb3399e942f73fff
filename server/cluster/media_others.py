"""The other nodes' media, as they have told it: which of them there are, what each has, and who was gone when. Neighbours:
`media_shard` (what one has told), `media_calls` (how it is heard), `media_engine` (which tells it on).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from live.control import MediaRefused, Notification
from server.cluster.media_calls import Calls, Moved
from server.cluster.media_register import Renewal
from server.cluster.media_shard import Shard
from server.cluster.media_wire import About, Notices, Tell, Whole, node_of

MOST_BURIED: Final = 100  # leases whose last words may still come

_log = structlog.get_logger("media nodes")


class Others:
    """`tell_on(shard, notifications)`: what comes of what they told. `shards`: by lease."""

    def __init__(self, node: str, calls: Calls, tell_on: Callable[[Shard, list[Notification]], None]) -> None:
        self.shards: dict[str, Shard] = {}
        self._node, self._calls, self._tell_on = node, calls, tell_on
        self._listed: dict[str, About] = {}  # as Redis last had them
        self._buried: deque[str] = deque(maxlen=MOST_BURIED)
        self._asked: dict[str, asyncio.Task[None]] = {}  # who is being asked for everything, by lease

    @property
    def can_take_over(self) -> bool:
        """Whether one of them goes on when this node ends."""
        return any(not about.is_draining for about in self._listed.values())

    def holder(self, room: str) -> str:
        """The lease that a room is held under, as far as that has been told; "": not known."""
        holders = [(shard.rooms[room].epoch, lease) for lease, shard in self.shards.items() if room in shard.rooms]
        return max(holders)[1] if holders else ""

    def hear(self, told: Notices) -> None:
        if node_of(told.lease) == self._node or told.lease in self._buried:
            return
        shard = self.shards.setdefault(told.lease, Shard(told.lease))
        found = shard.hear(told)
        if found is None:
            self._ask_everything(told.lease)
        else:
            self._tell_on(shard, found)

    def look(self, renewal: Renewal) -> None:
        """Who there is; who was and is no more; and whose last notices were missed."""
        told = {lease: msgspec.msgpack.decode(about, type=About) for lease, about in renewal.about.items()}
        listed = {lease: about for lease, about in told.items() if node_of(lease) != self._node}
        for lease, about in listed.items():
            shard = self.shards.setdefault(lease, Shard(lease))
            before = self._listed.get(lease, about)  # what it said a while ago has had time to come
            if shard.number < before.number:
                self._ask_everything(lease)
        over = [] if renewal.is_calm else [lease for lease in self._listed if lease not in listed]
        self._listed = {**(self._listed if renewal.is_calm else {}), **listed}
        for lease in over:
            self._bury(lease)

    async def stop(self) -> None:
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bury(self, lease: str) -> None:
        _log.warning("a node's media is gone", lease=lease)
        self._buried.append(lease)
        self._calls.fail(lease)
        if shard := self.shards.pop(lease, None):
            self._tell_on(shard, shard.end())

    def _ask_everything(self, lease: str) -> None:
        if lease not in self._asked:
            self._asked[lease] = asyncio.create_task(self._catch_up(lease))

    async def _catch_up(self, lease: str) -> None:
        try:
            whole = await self._calls.ask(lease, Tell(), Whole)
            if shard := self.shards.get(lease):
                self._tell_on(shard, shard.take(whole))
        except (MediaRefused, Moved):
            pass  # with the next renewal again, if it is still there
        finally:
            del self._asked[lease]

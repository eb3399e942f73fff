"""A node among several: its way to Redis, the others, and what goes between them. Built by `server/app` where there is a
`PLENUM_REDIS_URL`; everything works without, on one node, and costs nothing then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rooms import messages as m
from server.cluster.counts import Counts
from server.cluster.node import Nodes
from server.cluster.redis import RedisLink
from server.cluster.redis_bus import RedisBus, watch
from server.cluster.shared import Shared
from server.hub import Hub
from server.signals import Tallies
from server.streams import Streams

if TYPE_CHECKING:
    from server.services import Services

START_SECONDS: Final = 3.0  # to find Redis and oneself before the doors open; without Redis they open all the same

CONNECTIONS: Final = "connections"  # kinds of shared facts: how many somebody has; who is in a session, and visible;
PRESENT: Final = "present"
PUBLISHES: Final = "publishes"  # whose software sends into a session; which recordings are made where
RECORDS: Final = "records"


class Cluster:
    """`link` and `nodes` are for whatever else nodes have to tell one another."""

    def __init__(self, url: str) -> None:
        self.link = RedisLink(url)
        self.nodes = Nodes(self.link)
        self.bus = RedisBus(self.link, self.nodes)
        self.shared = Shared(self.link, self.nodes)
        self.counts = Counts(self.link, self.nodes)

    def connect(self, services: Services, tallies: Tallies) -> None:
        """Who hears of what. After everything on this node is connected."""
        hub, presence, shared = services.hub, services.presence, self.shared
        self.counts.connect(services.ballots, tallies)
        self.bus.connect(services.streams)
        self.nodes.on_turn.append(partial(_tell_delay, hub))
        hub.elsewhere = lambda person_id: sum(shared.elsewhere(CONNECTIONS, "", person_id))
        hub.on_count = lambda person_id, count: shared.put(CONNECTIONS, "", person_id, count or None)
        presence.elsewhere = partial(shared.others, PRESENT)
        presence.on_person = partial(shared.put, PRESENT)
        shared.on_change[PRESENT] = presence.on_change

    def work(self, streams: Streams) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What goes on all the time."""
        return self.link.run, self.nodes.run, partial(watch, streams, self.nodes), self.counts.run

    async def find_others(self, hub: Hub) -> None:
        """Waits a moment for Redis, so that whoever comes first need not be told that news are late."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while not self.nodes.is_well:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        _tell_delay(hub, self.nodes.is_well)

    async def close(self) -> None:
        """Says goodbye."""
        self.shared.stop()
        self.counts.stop()
        await self.nodes.leave()
        await self.link.close()


def _tell_delay(hub: Hub, well: bool) -> None:
    """Pages say that updates are late, and no longer."""
    hub.signal(m.UpdatesSignal(m.CONFERENCE, delayed=not well))
    if well:
        hub.forget_signal(m.CONFERENCE, m.UpdatesSignal)

"""A node among several: its way to Redis, the others, and what goes between them. Built by `server/app` where there is a
`PLENUM_REDIS_URL`; everything works without, on one node, and costs nothing then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from live.control import MediaEngine
from live.processors import default_workers
from rooms import messages as m
from server.cluster.alone import Alone
from server.cluster.counts import Counts
from server.cluster.fence import Fence
from server.cluster.guesses import share_guesses
from server.cluster.media_engine import ClusterEngine
from server.cluster.media_recorder import ClusterRecorder
from server.cluster.muted import share_muted
from server.cluster.node import Nodes
from server.cluster.notes import SharedNotes
from server.cluster.redis import RedisLink
from server.cluster.redis_bus import RedisBus, watch
from server.cluster.shared import Shared
from server.cluster.succession import Succession
from server.hand_over import SPREAD_SECONDS, send_away
from server.hub import Hub
from server.presence import Presence
from server.reactions import Reactions
from server.settings import Settings
from server.signals import Tallies
from server.stagehand import Stagehand
from server.streams import Streams

if TYPE_CHECKING:
    from server.services import Services

SEATS_PER_WORKER: Final = 500  # that a media worker carries well: which node has the least to do is a share of it
START_SECONDS: Final = 3.0  # to find Redis and oneself before the doors open; without Redis they open all the same

GIVE_AWAY_SECONDS: Final = 1.0  # for Redis to hear of it

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
        self.notes = SharedNotes(self.link, self.nodes)
        self.succession = Succession(self.nodes, self.shared)
        self.fence = Fence()
        self.alone = Alone(self.nodes)
        self.media: ClusterEngine | None = None

    def carry(self, settings: Settings, local: MediaEngine) -> ClusterEngine:
        """The media of all nodes, of which `local` carries this one's share. Before `work`."""
        self.media = ClusterEngine(
            local,
            self.link,
            self.nodes.id,
            name=settings.node_name,
            capacity=SEATS_PER_WORKER * (settings.media_workers or default_workers()),
            seats=settings.media_seats,
        )
        self.media.is_cut_off = lambda: self.alone.is_so
        return self.media

    def connect(self, services: Services, tallies: Tallies, reactions: Reactions, stagehand: Stagehand) -> None:
        """Who hears of what. After everything on this node is connected."""
        hub, shared = services.hub, self.shared
        self.counts.connect(services.ballots, tallies)
        share_guesses(self.link, services.guesses)
        share_muted(self.link, self.nodes, services.seats.circles)
        self.bus.connect(services.streams)
        services.streams.several = True
        services.streams.sleeps = self.fence.sleeps
        self.nodes.on_turn.append(partial(_tell_delay, hub))
        self.alone.connect(services.database, services.now)
        self.alone.withdraw = partial(self._withdraw, hub)
        self.succession.catch_up = reactions.catch_up
        reactions.records_elsewhere = lambda recording_id: bool(shared.elsewhere(RECORDS, "", recording_id))
        reactions.on_recording = lambda recording_id, is_here: shared.put(RECORDS, "", recording_id, is_here or None)
        if isinstance(services.recorder, ClusterRecorder):
            services.recorder.on_recording = reactions.on_recording
        self._share_people(hub, services.presence)
        self._share_publishing(services, stagehand)

    def _share_people(self, hub: Hub, presence: Presence) -> None:
        """Who is where, and with how many connections."""
        shared = self.shared
        hub.elsewhere = lambda person_id: sum(shared.elsewhere(CONNECTIONS, "", person_id))
        hub.on_count = lambda person_id, count: shared.put(CONNECTIONS, "", person_id, count or None)
        presence.elsewhere = partial(shared.others, PRESENT)
        presence.on_person = partial(shared.put, PRESENT)
        shared.on_change[PRESENT] = presence.on_change

    def _share_publishing(self, services: Services, stagehand: Stagehand) -> None:
        """Whose software is sending: they are on stage without a page."""
        shared, seats, streams = self.shared, services.seats, services.streams
        look = seats.on_change

        def changed(session_id: str) -> None:
            look(session_id)
            for person_id in {*streams.room(session_id).stage, *shared.own(PUBLISHES, session_id)}:
                is_so = seats.publishes_externally(session_id, person_id)
                shared.put(PUBLISHES, session_id, person_id, is_so or None)

        seats.on_change = changed
        shared.on_change[PUBLISHES] = stagehand.look
        stagehand.is_elsewhere = lambda session_id, person_id: bool(shared.elsewhere(PUBLISHES, session_id, person_id))
        stagehand.knows_all = lambda: shared.is_complete

    def work(self, streams: Streams) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What goes on all the time."""
        return (
            self.link.run,
            self.nodes.run,
            partial(watch, streams, self.nodes),
            self.counts.run,
            self.succession.run,
            self.fence.run,
            self.alone.run,
            self.alone.follow,
        )

    def begin(self, stack: AsyncExitStack) -> None:
        """Takes part in carrying media. After `work` has begun."""
        if self.media is not None:
            self.media.begin()
            stack.push_async_callback(self.media.stop)

    async def give_rooms_away(self) -> None:
        """This node is about to end: its media goes to others while it still carries whoever is here."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_AWAY_SECONDS):
                if self.media is not None:
                    await self.media.drain()

    async def _withdraw(self, hub: Hub) -> None:
        """The others go on without this node: whoever is here offers again and comes back, and finds one of them."""
        if self.media is not None:
            await self.media.give_up()
        await send_away(hub, SPREAD_SECONDS)

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

"""Which nodes there are. Each says every second that it lives, and hears itself say so: that is how it knows whether others
hear it. One that has not been heard for `LIFE_SECONDS` is dead to the others until it is heard again.

The same beat is a key with a time to live (`node:ID`), for whoever wants to look from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from server.cluster.redis import AWAY, RedisLink

BEAT_SECONDS: Final = 1.0
UNWELL_SECONDS: Final = 3.0  # without hearing oneself: announcements are late or lost
LIFE_SECONDS: Final = 5.0  # without hearing another
CHANNEL: Final = "beats"

_log = structlog.get_logger("nodes")


class Beat(msgspec.Struct, frozen=True):
    """A node lives. `about`: what parts of it want others to know (`Nodes.tell_with`), by part. `leaves`: it is ending."""

    node: str
    number: int
    about: dict[str, msgspec.Raw]
    leaves: bool = False


class Nodes:
    """This node and the others. Callbacks are synchronous: `on_join`, `on_beat` and `on_death` with another node's id,
    `on_turn` with whether this node is well."""

    def __init__(self, link: RedisLink, clock: Callable[[], float] = time.monotonic, node_id: str | None = None) -> None:
        self.id = node_id or secrets.token_hex(4)
        self.on_join: list[Callable[[str], None]] = []
        self.on_beat: list[Callable[[str], None]] = []
        self.on_death: list[Callable[[str], None]] = []
        self.on_turn: list[Callable[[bool], None]] = []
        self._link = link
        self._clock = clock
        self._tell_with: dict[str, Callable[[], Any]] = {}
        self._number = 0
        self._heard_self_at: float | None = None
        self._well_since: float | None = None
        self._others: dict[str, tuple[float, Beat]] = {}  # when last heard, and what
        self._hurry = asyncio.Event()  # set: somebody is waiting to hear a beat
        link.on(CHANNEL, self._hear)
        link.on_subscribed.append(self._hurry.set)

    # --- asking

    @property
    def is_well(self) -> bool:
        """Whether what this node tells is heard, and it hears what others tell."""
        return self._heard_self_at is not None and self._clock() - self._heard_self_at < UNWELL_SECONDS

    @property
    def knows_all(self) -> bool:
        """True once it has been well for so long that every other node that lives has been heard."""
        return self.is_well and self._well_since is not None and self._clock() - self._well_since >= LIFE_SECONDS

    @property
    def others(self) -> frozenset[str]:
        """The other nodes that live."""
        return frozenset(self._others)

    @property
    def living(self) -> frozenset[str]:
        """All that live, this one included."""
        return self.others | {self.id}

    @property
    def is_eldest(self) -> bool:
        """True for exactly one of those who know of one another: for what one of them is to do."""
        return min(self.living) == self.id

    def about(self, node: str, part: str) -> msgspec.Raw | None:
        """What a part of another node last told with its beat, as msgpack; None: nothing, or the node is dead."""
        heard = self._others.get(node)
        return heard[1].about.get(part) if heard is not None else None

    def tell_with(self, part: str, value: Callable[[], Any]) -> None:
        """`value()` goes with every beat."""
        self._tell_with[part] = value

    # --- living

    async def run(self) -> None:
        """Beats until it is cancelled."""
        while True:
            self.look()
            with contextlib.suppress(*AWAY):
                await self.beat()
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._hurry.wait()

    async def leave(self) -> None:
        """Says goodbye, so that nobody waits for this node to be dead."""
        with contextlib.suppress(*AWAY):
            await self._link.publish(CHANNEL, self._encoded(leaves=True))
            await self._link.client.delete(self._link.key("node", self.id))

    async def beat(self) -> None:
        """Raises one of `AWAY`."""
        message = self._encoded()
        async with self._link.client.pipeline(transaction=False) as pipeline:
            pipeline.set(self._link.key("node", self.id), message, px=int(LIFE_SECONDS * 1000))
            pipeline.publish(self._link.key(CHANNEL), message)
            await pipeline.execute()

    def look(self) -> None:
        """Notes who has died, and how this node is."""
        now = self._clock()
        if not self.is_well:
            self._turn(well=False)
            return
        if self._well_since is None or now - self._well_since < LIFE_SECONDS:
            return  # silence may have been our own
        for node in [node for node, (at, _) in self._others.items() if now - at > LIFE_SECONDS]:
            self._bury(node)

    def _encoded(self, *, leaves: bool = False) -> bytes:
        self._number += 1
        about = {part: msgspec.Raw(msgspec.msgpack.encode(value())) for part, value in self._tell_with.items()}
        return msgspec.msgpack.encode(Beat(self.id, self._number, about, leaves))

    def _hear(self, message: bytes) -> None:
        beat = msgspec.msgpack.decode(message, type=Beat)
        now = self._clock()
        if beat.node == self.id:
            if not self.is_well:
                self._turn(well=False)  # it was not even running to notice
            self._heard_self_at = now
            self._turn(well=True)
        elif beat.leaves:
            self._bury(beat.node)
        else:
            is_new = beat.node not in self._others
            self._others[beat.node] = now, beat
            if is_new:
                _log.info("another node is there", node=beat.node)
                self._hurry.set()  # who comes knows at once who is here
                for joined in self.on_join:
                    joined(beat.node)
            for heard in self.on_beat:
                heard(beat.node)

    def _bury(self, node: str) -> None:
        if self._others.pop(node, None) is not None:
            _log.warning("another node is gone", node=node)
            for died in self.on_death:
                died(node)

    def _turn(self, *, well: bool) -> None:
        if well == (self._well_since is not None):
            return
        self._well_since = self._clock() if well else None
        for turned in self.on_turn:
            turned(well)

"""What each node knows of those whom it serves, known to all: who is where, how many connections somebody has. A node's
facts are told by that node alone, and gone when it is gone. Nothing of it is kept in Redis, so nothing is lost with it.

A node numbers what it tells. Who misses a number asks for all of that node's facts, and what a beat says shows whether
anything is missing. Bounded by the people there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from server.cluster.node import Nodes
from server.cluster.redis import RedisLink

CHANNEL: Final = "shared"
PART: Final = "shared"  # of a beat
COALESCE_SECONDS: Final = 0.2

Fact = tuple[str, str, str, int | None]  # kind, scope, key, value; None: no longer so
Facts = dict[str, dict[str, dict[str, int]]]  # by kind, scope, key


class Changed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Facts of a node's that have changed. `number` is the one before plus one."""

    node: str
    number: int
    facts: Sequence[Fact]


class All(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """All facts of a node's, as of `number`."""

    node: str
    number: int
    facts: Sequence[Fact]


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Somebody wants all facts of a node's."""

    node: str


_messages: Final = msgspec.msgpack.Decoder(Changed | All | Ask)


class Shared:
    """`put` own facts, ask for others'. `on_change[kind](scope)` tells that others' facts of a kind have changed."""

    def __init__(self, link: RedisLink, nodes: Nodes) -> None:
        self._link = link
        self._nodes = nodes
        self.on_change: dict[str, Callable[[str], None]] = {}
        self._own: Facts = {}
        self._number = 0
        self._untold: dict[tuple[str, str, str], int | None] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._others: dict[str, tuple[int, Facts]] = {}  # by node: its last number, its facts
        self._behind: dict[str, int] = {}  # nodes of which something was missing at the last beat, and the number it said
        link.on(CHANNEL, self._hear)
        nodes.tell_with(PART, lambda: self._number)
        nodes.on_death.append(self._forget)
        nodes.on_beat.append(self._compare)

    # --- asking

    def others(self, kind: str, scope: str) -> Iterable[dict[str, int]]:
        """The facts of every other node, by key."""
        for _, facts in self._others.values():
            if found := facts.get(kind, {}).get(scope):
                yield found

    def elsewhere(self, kind: str, scope: str, key: str) -> list[int]:
        """One fact, from every other node that has it."""
        return [found[key] for found in self.others(kind, scope) if key in found]

    def own(self, kind: str, scope: str) -> dict[str, int]:
        """This node's facts, by key."""
        return self._own.get(kind, {}).get(scope, {})

    @property
    def is_complete(self) -> bool:
        """True if all that live are known, and all that they know."""
        return self._nodes.knows_all and all(
            node in self._others and node not in self._behind for node in self._nodes.others
        )

    # --- telling

    def put(self, kind: str, scope: str, key: str, value: int | None) -> None:
        """A fact of this node's; None: no longer."""
        keys = self._own.setdefault(kind, {}).setdefault(scope, {})
        told = None if value is None else int(value)
        if keys.get(key) == told:
            return
        if told is None:
            del keys[key]
        else:
            keys[key] = told
        self._untold[kind, scope, key] = told
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._tell)

    def stop(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    def _tell(self) -> None:
        self._telling = None
        untold, self._untold = self._untold, {}
        self._number += 1
        facts = [(*place, value) for place, value in untold.items()]
        self._link.tell(CHANNEL, msgspec.msgpack.encode(Changed(self._nodes.id, self._number, facts)))

    def _tell_all(self) -> None:
        facts = [
            (kind, scope, key, value)
            for kind, scopes in self._own.items()
            for scope, keys in scopes.items()
            for key, value in keys.items()
        ]
        self._link.tell(CHANNEL, msgspec.msgpack.encode(All(self._nodes.id, self._number, facts)))

    # --- hearing

    def _hear(self, encoded: bytes) -> None:
        message = _messages.decode(encoded)
        if isinstance(message, Ask):
            if message.node == self._nodes.id:
                self._tell_all()
        elif message.node == self._nodes.id:
            return
        elif isinstance(message, All):
            self._take_all(message)
        else:
            self._take(message)

    def _take(self, message: Changed) -> None:
        known = self._others.get(message.node)
        if known is None or message.number != known[0] + 1:
            return  # the next beat shows whether something is missing
        self._others[message.node] = message.number, known[1]
        if message.number >= self._behind.get(message.node, 0):
            self._behind.pop(message.node, None)
        self._apply(known[1], message.facts)

    def _take_all(self, message: All) -> None:
        known = self._others.get(message.node)
        if message.node not in self._nodes.others or (known is not None and known[0] >= message.number):
            return
        facts: Facts = {}
        self._others[message.node] = message.number, facts
        self._behind.pop(message.node, None)
        before = known[1] if known is not None else {}
        self._apply(facts, message.facts)
        self._tell_changes(before)

    def _apply(self, facts: Facts, news: Iterable[Fact]) -> None:
        changed = set()
        for kind, scope, key, value in news:
            keys = facts.setdefault(kind, {}).setdefault(scope, {})
            if value is None:
                keys.pop(key, None)
            else:
                keys[key] = value
            changed.add((kind, scope))
        self._call(changed)

    def _compare(self, node: str) -> None:
        """With what a node's beat says it has told. A beat may overtake what was told before it, so only what is still
        missing at the next beat is asked for."""
        told = self._nodes.about(node, PART)
        number = msgspec.msgpack.decode(told, type=int) if told is not None else 0
        known = self._others.get(node)
        if known is not None and known[0] >= number:
            self._behind.pop(node, None)
            return
        if known is None or known[0] < self._behind.get(node, 0):
            self._link.tell(CHANNEL, msgspec.msgpack.encode(Ask(node)))
        self._behind[node] = number

    def _forget(self, node: str) -> None:
        self._behind.pop(node, None)
        known = self._others.pop(node, None)
        if known is not None:
            self._tell_changes(known[1])

    def _tell_changes(self, facts: Facts) -> None:
        self._call({(kind, scope) for kind, scopes in facts.items() for scope in scopes})

    def _call(self, changed: set[tuple[str, str]]) -> None:
        for kind, scope in changed:
            if (listener := self.on_change.get(kind)) is not None:
                listener(scope)

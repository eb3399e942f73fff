"""The bus: tells those who follow that something durable has happened. In memory; `cluster/redis_bus` tells other nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.journal import Entry

Listener = Callable[[Entry], None]


class MemoryBus:
    """Calls every listener, in the order they subscribed, for every entry, in the order of the journal."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._own_listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """To all entries, wherever they were written."""
        self._listeners.append(listener)

    def subscribe_own(self, listener: Listener) -> None:
        """To those that were written here: for what one node is to do about each. Called after all other listeners."""
        self._own_listeners.append(listener)

    def announce(self, entries: Sequence[Entry]) -> None:
        """Tells everybody, on every node, of entries that were written here. Call only after they are durable."""
        for entry in entries:
            for listener in (*self._listeners, *self._own_listeners):
                listener(entry)

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Tells those on this node of entries that were written on another."""
        for entry in entries:
            for listener in self._listeners:
                listener(entry)

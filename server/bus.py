"""The bus: tells those who follow that something durable has happened. In memory; one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.journal import Entry

Listener = Callable[[Entry], None]


class MemoryBus:
    """Calls every listener, in the order they subscribed, for every entry, in the order of the journal."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def announce(self, entries: Sequence[Entry]) -> None:
        """Tells everybody, on every node, of entries that were written here. Call only after they are durable."""
        self.deliver(entries)

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Tells those on this node of entries, wherever they were written."""
        for entry in entries:
            for listener in self._listeners:
                listener(entry)

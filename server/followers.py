"""Who follows a stream, sorted by how they are reached. `server/hub.py` decides what they hear.

A message to everybody is one loop over the transports of those who keep up. That loop is what a broadcast costs, so it looks
at nothing but the transport; whoever falls behind leaves it at that moment (`FrameWriter.on_turn`) and is looked at closely.
"""

from __future__ import annotations

import secrets
from asyncio import Transport
from collections.abc import Callable, Sequence

from rooms import messages as m
from rooms.access import is_staff
from server.outbox import Frame, Outbox


class Connection:
    """One tab. `client` is the id it gave itself; `id` is ours. `ask_again` says who is signed in there by now: None after
    the link was withdrawn."""

    __slots__ = ("actor", "ask_again", "client", "closing", "follows", "id", "outbox", "visible")

    def __init__(self, actor: m.Actor, outbox: Outbox, ask_again: Callable[[], m.Actor | None]) -> None:
        self.ask_again = ask_again
        self.id = secrets.token_hex(8)
        self.client = ""
        self.actor = actor
        self.outbox = outbox
        self.follows: set[str] = set()
        self.visible = True
        self.closing = False


class Followers:
    """The followers of one stream. `staff` are those of them who hear more than the hall."""

    def __init__(self) -> None:
        self.staff: dict[str, Connection] = {}
        self._all: dict[str, Connection] = {}
        self._prompt: dict[str, Transport] = {}  # of those who keep up
        self._others: dict[str, Connection] = {}  # those who do not, or whose server offers no `FrameWriter`

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, connection: Connection) -> bool:
        return connection.id in self._all

    def add(self, connection: Connection) -> None:
        self._all[connection.id] = connection
        if is_staff(connection.actor):
            self.staff[connection.id] = connection
        self.sort(connection)

    def discard(self, connection: Connection) -> None:
        self._all.pop(connection.id, None)
        self.staff.pop(connection.id, None)
        self._prompt.pop(connection.id, None)
        self._others.pop(connection.id, None)

    def sort(self, connection: Connection) -> None:
        """Looks again whether a follower keeps up."""
        writer = connection.outbox.writer
        if writer is not None and writer.is_open and not writer.is_behind:
            self._others.pop(connection.id, None)
            self._prompt[connection.id] = writer.transport
        else:
            self._prompt.pop(connection.id, None)
            self._others[connection.id] = connection

    def tell(self, frames: Sequence[Frame], most: int) -> list[Connection]:
        """Frames for everybody, in one write each; returns those who are behind by more than `most` bytes and did not get
        all of them."""
        wire = b"".join(frame.wire for frame in frames)
        others = list(self._others.values())  # copies, as writing may move somebody from one to the other
        for transport in list(self._prompt.values()):
            if not transport.is_closing():
                transport.write(wire)
        return [other for other in others if not all(other.outbox.offer(frame, most) for frame in frames)]

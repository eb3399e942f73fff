"""Who follows a stream, sorted by how they are reached. `server/hub.py` decides what they hear.

A message to everybody goes past the transports of those for whom nothing waits there, all at once (`server/ring.py`); where
that cannot be, it is one loop over the transports of those who keep up. This is what a broadcast costs, so nothing is asked
about each of them then: whoever's state changes is sorted anew at that moment (`FrameWriter.on_turn`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence

from rooms import messages as m
from rooms.access import is_staff
from server.frame_writer import FrameWriter
from server.outbox import Frame, Outbox
from server.ring import Ring


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

    def __init__(self, ring: Ring | None = None) -> None:
        self.staff: dict[str, Connection] = {}
        self._ring = ring
        self._all: dict[str, Connection] = {}
        # each of them is in one of these
        self._clear: dict[str, int] = {}  # for whom nothing waits, to be reached by the ring: their descriptors
        self._prompt: dict[str, FrameWriter] = {}  # who keep up
        self._others: dict[str, Connection] = {}  # who do not, or whose server offers no `FrameWriter`

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, connection: Connection) -> bool:
        return connection.id in self._all

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all.values()))

    def add(self, connection: Connection) -> None:
        self._all[connection.id] = connection
        if is_staff(connection.actor):
            self.staff[connection.id] = connection
        self.sort(connection)

    def discard(self, connection: Connection) -> None:
        self._all.pop(connection.id, None)
        self.staff.pop(connection.id, None)
        self._take_out(connection)

    def sort(self, connection: Connection) -> None:
        """Looks again how a follower is reached. To be called as soon as their writer turned: a moment later the descriptor
        may be somebody else's."""
        self._take_out(connection)
        writer = connection.outbox.writer
        if writer is None or not writer.is_open or writer.is_behind:
            self._others[connection.id] = connection
        elif writer.is_clear and self._ring is not None:
            self._clear[connection.id] = writer.fd
        else:
            self._prompt[connection.id] = writer

    def _take_out(self, connection: Connection) -> None:
        self._clear.pop(connection.id, None)
        self._prompt.pop(connection.id, None)
        self._others.pop(connection.id, None)

    def tell(self, frames: Sequence[Frame], most: int) -> list[Connection]:
        """Frames for everybody, in one write each; returns those who are behind by more than `most` bytes and did not get
        all of them."""
        wire = b"".join(frame.wire for frame in frames)
        if self._ring is not None:
            for writer in list(self._prompt.values()):
                writer.look()
        others, prompt = list(self._others.values()), list(self._prompt.values())  # writing may move somebody
        if self._ring is not None:
            self._send_by(self._ring, wire)
        for writer in prompt:
            if not writer.transport.is_closing():
                writer.transport.write(wire)
        return [other for other in others if not all(other.outbox.offer(frame, most) for frame in frames)]

    def _send_by(self, ring: Ring, wire: bytes) -> None:
        """To those for whom nothing waits. What a socket does not take, its transport gets, which also notices by itself if
        the connection is broken."""
        ids = list(self._clear)
        for index, taken in ring.send(list(self._clear.values()), wire):
            writer = self._all[ids[index]].outbox.writer
            if writer is not None:
                writer.write(wire[taken:])

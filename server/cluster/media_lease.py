"""How long this node may believe that the rooms it holds are its own. Pure: the clock is the caller's, monotonic seconds.
Neighbour: `media_register`, the one place where who holds what is decided.

A node has a lease, and holds rooms under it, each with a number that only grows from holder to holder (its epoch). The lease
is good for its length from when a renewal that went well *began*, which is never longer than Redis keeps it. A node that was
paused for longer finds it no longer good, and serves nothing before Redis has said what is still its own.

With Redis away nobody can be given a room, and when it is back nobody is for the length of a lease (its calm), in which
those who hold rooms say so. So each try that fails prolongs the lease as a renewal would, if there was no pause between.
"""

from __future__ import annotations

import math


class Lease:
    """`seconds`: its length. `life`: which lease of this node's it is; none is ever taken up again once it has ended.
    `holds`: rooms and their epochs. `generation`: of Redis' memory, in which they were said to be ours."""

    def __init__(self, node: str, seconds: float) -> None:
        self.node, self.seconds = node, seconds
        self.life = 1
        self.generation = 0
        self.holds: dict[str, int] = {}
        self._good_until = -math.inf

    @property
    def id(self) -> str:
        return f"{self.node}.{self.life}"

    def is_good(self, now: float) -> bool:
        return now < self._good_until

    def serves(self, room: str, now: float) -> bool:
        """Whether this node may act for a room."""
        return room in self.holds and self.is_good(now)

    def renewed(self, began: float) -> None:
        """Redis said, asked at `began`, that the lease and all that is held under it are ours."""
        self._good_until = max(self._good_until, began + self.seconds)

    def failed(self, began: float) -> None:
        """Redis did not answer a try that began then."""
        if self.is_good(began):
            self.renewed(began)

    def took(self, room: str, epoch: int, generation: int) -> bool:
        """Redis said that a room is ours. False: in a memory that it has lost since, so it must be asked again."""
        if generation != self.generation:
            return False
        self.holds[room] = epoch
        return True

    def end(self) -> dict[str, int]:
        """Redis said that it is over. Returns what was held; what follows is another lease."""
        given_up, self.holds = self.holds, {}
        self.life += 1
        self.generation = 0
        self._good_until = -math.inf
        return given_up

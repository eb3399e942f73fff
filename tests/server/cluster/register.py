"""The register's rules once more, in Python, with a clock that is set: for tests of what nodes conclude from it. That Redis
runs the same is a test of its own (`test_media_register`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.cluster.media_register import Home, Reclaim, Renewal


@dataclass
class Memory:
    """What Redis has. Times are milliseconds."""

    length: int
    leases: dict[str, int] = field(default_factory=dict)
    homes: dict[str, Home] = field(default_factory=dict)
    loads: dict[str, float] = field(default_factory=dict)
    about: dict[str, bytes] = field(default_factory=dict)
    pulse: int = 0
    generation: int = 0
    calm_until: int = 0
    epoch: int = 0

    def flush(self) -> None:
        self.leases, self.homes, self.loads, self.about = {}, {}, {}, {}
        self.pulse = self.generation = self.calm_until = self.epoch = 0

    def renew(self, now: int, lease: str, load: float, about: bytes, *, is_new: bool, rejoins: bool) -> Renewal:
        calm = self._begin(now)
        if lease not in self.leases and not (is_new or (rejoins and calm)):
            return Renewal(False, self.generation, False, {})
        self.leases[lease] = now + self.length
        self.loads[lease], self.about[lease] = load, about
        return Renewal(True, self.generation, calm, dict(self.about))

    def reclaim(self, now: int, lease: str, holds: Mapping[str, int]) -> Reclaim:
        calm = self._begin(now)
        if lease not in self.leases:
            return Reclaim(False, self.generation, frozenset())
        self.leases[lease] = now + self.length
        lost = set()
        for room, epoch in holds.items():
            self.epoch = max(self.epoch, epoch)
            home = self.homes.get(room)
            if home is None or (calm and home.epoch < epoch):
                self.homes[room] = Home(lease, epoch)
            elif home != Home(lease, epoch):
                lost.add(room)
        return Reclaim(True, self.generation, frozenset(lost))

    def place(self, now: int, lease: str, room: str, weight: float) -> tuple[Home | None, int]:
        calm = self._begin(now)
        home = self.homes.get(room)
        if home is not None and home.lease != lease:
            return home, self.generation
        if home is None and calm:
            return None, self.generation
        if home is not None:
            best = lease
        elif self.loads:
            best = min(self.loads, key=lambda each: (self.loads[each], each != lease, each))
            self.loads[best] += weight
        else:
            return None, self.generation
        self.epoch = max(self.epoch + 1, now)
        self.homes[room] = Home(best, self.epoch)
        return self.homes[room], self.generation

    def release(self, now: int, lease: str, holds: Mapping[str, int]) -> None:
        self._begin(now)
        for room, epoch in holds.items():
            if self.homes.get(room) == Home(lease, epoch):
                del self.homes[room]

    def leave(self, now: int, lease: str) -> None:
        self._begin(now)
        self._forget({lease})

    def _begin(self, now: int) -> bool:
        """Returns whether it is calm."""
        if now - self.pulse > self.length / 2 or now < self.pulse or not self.generation:
            self.generation = max(self.generation + 1, now)
            self.calm_until = now + self.length
            self.homes = {}
            self.leases = dict.fromkeys(self.leases, now + self.length)
        self.pulse = now
        if now < self.calm_until:
            return True
        self._forget({lease for lease, until in self.leases.items() if until <= now})
        return False

    def _forget(self, over: set[str]) -> None:
        for lease in over:
            self.leases.pop(lease, None)
            self.loads.pop(lease, None)
            self.about.pop(lease, None)
        self.homes = {room: home for room, home in self.homes.items() if home.lease not in over}

"""What a round takes place in: a conference, its database on a disk of its own, and nodes that reach it by relays."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bench import plenum, setups
from bench.chaos.disk import Rationed, Small
from bench.chaos.history import Death, History
from bench.chaos.nemesis import Place
from bench.chaos.nodes import HEARTBEAT, Node
from bench.chaos.relay import Relay
from bench.chaos.schedule import KINDS, Topology
from bench.postgres import PostgresServer
from bench.redis import RedisServer

DISK_MEGABYTES: Final = {"sqlite": 48, "postgres": 256}


@dataclass(frozen=True)
class Setting:
    """What is played. `database`: "sqlite" or "postgres". `may_mount`: disks of its own, which get full.
    `only`: kinds of faults. `redis_cut`: seconds without Redis, 0: as chance has it."""

    seed: int
    seconds: float
    database: str
    nodes: int
    people: int
    may_mount: bool = False
    only: frozenset[str] = frozenset(KINDS)
    redis_cut: float = 0.0


@dataclass
class Built:
    """`database`: how to reach it past all relays. `cookies`: of each person, by number."""

    place: Place = field(default_factory=Place)
    topology: Topology = field(default_factory=Topology)
    database: Path | str = ""
    cookies: list[str] = field(default_factory=list)


class Redis(RedisServer):
    """As a `Service` of the nemesis."""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, how: Literal["fast", "immediate"]) -> None:
        """It keeps nothing, so both are the same."""
        self.kill()

    def flush(self) -> None:
        self.command("FLUSHALL")


async def build(setting: Setting, folder: Path, history: History, stack: AsyncExitStack) -> Built:
    """Everything but the nodes is running; `stack` ends all of it, nodes first."""
    built = Built()
    place = built.place
    if setting.may_mount:
        place.disk = disk = Small(folder / "disk", DISK_MEGABYTES[setting.database])
        stack.callback(disk.leave)
    secret = secrets.token_hex(32)
    environment = {
        "PLENUM_SECRET": secret,
        "PLENUM_HEARTBEAT_SECONDS": str(HEARTBEAT),
        "PLENUM_MEDIA_PORT": "0",
        "PLENUM_MEDIA_WORKERS": "1",
        "PLENUM_PUBLIC_ADDRESSES": "127.0.0.1",
        "PLENUM_LOG_LEVEL": "warning",
    }
    home = folder / "disk"
    home.mkdir(exist_ok=True)
    url = ""
    if setting.database == "postgres":
        postgres = PostgresServer(parent=home, max_wal_size="64MB", min_wal_size="32MB")
        await asyncio.to_thread(postgres.__enter__)
        stack.callback(postgres.__exit__, None, None, None)
        url = postgres.create("plenum")
        place.postgres = postgres
    if setting.nodes > 1:
        place.redis = redis = Redis()
        await asyncio.to_thread(redis.__enter__)
        stack.callback(redis.__exit__, None, None, None)
    directories = _directories(folder, setting)
    conference = setups.Place(directories[0], url, secret=secret)
    built.cookies = await asyncio.to_thread(plenum.prepare, conference, setting.people)
    built.database = plenum.settings(conference).database
    for number, directory in enumerate(directories):
        (directory / "conference.toml").write_text(plenum.PROGRAMME)
        own = dict(environment)
        if place.postgres is not None:
            relay = await _relay(postgres.port, place.postgres_relays, stack)
            own["PLENUM_DATABASE_URL"] = f"postgresql://plenum@127.0.0.1:{relay.port}/plenum"
        if place.redis is not None:
            relay = await _relay(redis.port, place.redis_relays, stack)
            own["PLENUM_REDIS_URL"] = f"redis://127.0.0.1:{relay.port}/0"
        node = Node(number, directory, own, folder / f"node-{number}.log", _deaths(history))
        stack.push_async_callback(node.close)
        place.nodes.append(node)
    if place.disk is None and setting.database == "sqlite":
        place.disk = Rationed(lambda: [node.pid for node in place.nodes if node.pid is not None])
    built.topology = Topology(
        setting.nodes, has_postgres=place.postgres is not None, has_redis=place.redis is not None, can_fill=bool(place.disk)
    )
    return built


async def _relay(port: int, relays: list[Relay], stack: AsyncExitStack) -> Relay:
    """One more wire to a port."""
    relay = Relay(port)
    await relay.open()
    stack.push_async_callback(relay.close)
    relays.append(relay)
    return relay


def _directories(folder: Path, setting: Setting) -> list[Path]:
    """One for each node. SQLite's is on the disk that gets full."""
    parent = folder / "disk" if setting.database == "sqlite" else folder
    directories = [parent / f"node-{number}" for number in range(setting.nodes)]
    for directory in directories:
        directory.mkdir()
    return directories


def _deaths(history: History) -> Callable[[int, int], None]:
    def note(number: int, status: int) -> None:
        history.deaths.append(Death(time.time(), number, said_goodbye=status in (0, -signal.SIGTERM)))

    return note

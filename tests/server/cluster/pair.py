"""Two nodes of one conference: in this process, on one real PostgreSQL and one real Redis."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from server.cluster.cluster import Cluster
from tests.fakes import FakeSeconds
from tests.server.running import PATIENCE_SECONDS, Client, Running, running, until

SECRET = "one secret for all nodes of a test"


class Pair(NamedTuple):
    """Any of them serves anybody."""

    a: Running
    b: Running

    async def together(self) -> None:
        """Waits until they know everything of each other."""
        await until(lambda: all(cluster_of(node).shared.is_complete for node in self))

    async def go_live(self) -> None:
        """Takes the first session live, and waits until both know."""
        await self.a.go_live()
        await until(
            lambda: all(
                "s1" in (runs := node.services.streams.conference.runs) and runs["s1"].phase == "live" for node in self
            )
        )

    async def apart(self) -> None:
        """Waits until both have noticed that they do not hear each other."""
        await until(lambda: not any(cluster_of(node).nodes.is_well for node in self))

    async def well(self) -> None:
        """Waits until both hear each other."""
        await until(lambda: all(cluster_of(node).nodes.is_well for node in self))


def cluster_of(node: Running) -> Cluster:
    assert node.services.cluster is not None
    return node.services.cluster


def fence_of(node: Running) -> FakeSeconds:
    """The clock of a node's fence, which stands still from now on."""
    fence, clock = cluster_of(node).fence, FakeSeconds()
    fence.clock, fence._awake_at, fence._woke_at = clock, clock.now, -math.inf  # whatever it slept through by the real one
    return clock


def several(database_url: str, redis_url: str) -> dict[str, Any]:
    """The settings of a node among several."""
    return {"database_url": database_url, "redis_url": redis_url, "secret": SECRET}


@asynccontextmanager
async def pair(directory: Path, database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Pair]:
    """Two nodes, each with a directory of its own, that know each other."""
    settings |= several(database_url, redis_url)
    folders = [directory / name for name in "ab"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr("server.ballots.STALE_SECONDS", PATIENCE_SECONDS)  # as a busy machine has to be granted
        async with running(folders[0], **settings) as a, running(folders[1], **settings) as b:
            both = Pair(a, b)
            await until(lambda: all(cluster_of(node).nodes.others for node in both))
            for node in both:  # a busy machine may stop both for longer than a fence bears
                fence_of(node)
            yield both


def seqs(client: Client, stream: str) -> list[int]:
    return [seq for seq, _ in client.events(stream)]

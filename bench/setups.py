"""What Plenum's server is measured on: one process with SQLite, one with PostgreSQL, or two nodes with PostgreSQL and Redis.
Each run has databases of its own, which end with it."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.postgres import PostgresServer
from bench.redis import RedisServer

SETUPS: Final = {"sqlite": "SQLite", "postgres": "PostgreSQL", "nodes": "PostgreSQL and Redis, two nodes"}


@dataclass(frozen=True)
class Place:
    """Where a conference of Plenum's is. With `redis_url` there may be several nodes, which need the `secret`."""

    directory: Path
    database_url: str = ""
    redis_url: str = ""
    secret: str = ""
    nodes: int = 1


@contextmanager
def placed(setup: str) -> Iterator[Place]:
    """A new place. Raises `LookupError` where PostgreSQL or Redis is missing."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plenum-bench-")))
        if setup == "sqlite":
            yield Place(directory)
            return
        database_url = stack.enter_context(PostgresServer()).create("plenum")
        if setup == "postgres":
            yield Place(directory, database_url)
            return
        redis_url = stack.enter_context(RedisServer()).url()
        yield Place(directory, database_url, redis_url, secrets.token_hex(32), nodes=2)


def setups(text: str) -> list[str]:
    """An option's value: names of setups, comma-separated."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or set(names) - set(SETUPS):
        raise argparse.ArgumentTypeError(f"takes {', '.join(SETUPS)}, comma-separated, not {text!r}")
    return names


def sizes(text: str) -> list[int]:
    """An option's value: how many people, comma-separated, the fewest first."""
    try:
        counts = sorted(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes numbers, comma-separated, not {text!r}") from None
    if counts[0] < 1:
        raise argparse.ArgumentTypeError("nobody cannot be measured")
    return counts

"""Which of several hosts is the primary now: all are asked at once, so that a silent one keeps nobody from the others.

asyncpg asks one after the other, within one deadline: a first host that lost its power, and does not even refuse, would
use it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg

ONE_AT_MOST: Final = frozenset({"primary", "read-write"})  # `target_session_attrs` that one of several servers has


async def connect(address: str, seconds: float, **options: Any) -> Any:
    """A connection of asyncpg's. `seconds`: for each host. Raises `OSError`, of which `TimeoutError` is one, where no server
    is there or as it is wanted, or what the driver raises."""
    try:
        addresses = hosts_of(address)
        return await _first([asyncpg.connect(each, timeout=seconds, **options) for each in addresses])
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise ConnectionError(str(error)) from error  # standbys alone: one of them will be promoted


def hosts_of(address: str) -> tuple[str, ...]:
    """An address for each host, where only one of them can be meant; else the address as it is."""
    parts = urlsplit(address)
    wanted = parse_qs(parts.query).get("target_session_attrs", [""])[-1]
    user, at, hosts = parts.netloc.rpartition("@")
    if wanted not in ONE_AT_MOST:
        return (address,)
    return tuple(urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(","))


async def _first(attempts: Sequence[Coroutine[Any, Any, Any]]) -> Any:
    """The first connection that is made; the others are given up. Raises an attempt's error if none is."""
    tasks = [asyncio.ensure_future(attempt) for attempt in attempts]
    waiting: set[asyncio.Future[Any]] = set(tasks)
    chosen: asyncio.Future[Any] | None = None
    try:
        while waiting and chosen is None:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            chosen = next((task for task in ended if task.exception() is None), None)
        return (chosen or tasks[0]).result()
    finally:
        for task in tasks:
            if task is not chosen:  # more than one may have ended at once
                task.cancel()
                task.add_done_callback(_hang_up)


def _hang_up(attempt: asyncio.Future[Any]) -> None:
    """It may have come through before it heard that it was too late."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()

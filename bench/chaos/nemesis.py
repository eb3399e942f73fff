"""Breaks things as the schedule says, puts them right again, and writes down when."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, Protocol

from bench.chaos.clock import Clock
from bench.chaos.disk import Disk
from bench.chaos.history import Happened, History
from bench.chaos.nodes import Node
from bench.chaos.relay import Mode, Relay
from bench.chaos.schedule import Fault, Kind

WORKING_SECONDS: Final = 60.0  # what a service may take to start

Work = Callable[[Fault], Coroutine[Any, Any, None]]


class Service(Protocol):
    """PostgreSQL or Redis: a process of ours."""

    @property
    def pid(self) -> int: ...

    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self, how: Literal["fast", "immediate"]) -> None: ...


class RedisService(Service, Protocol):
    def flush(self) -> None: ...


@dataclass
class Place:
    """What there is. Relays: one for each node, by its number."""

    nodes: list[Node] = field(default_factory=list)
    postgres: Service | None = None
    redis: RedisService | None = None
    postgres_relays: list[Relay] = field(default_factory=list)
    redis_relays: list[Relay] = field(default_factory=list)
    disk: Disk | None = None


class Nemesis:
    """`await run(lanes)`, then `await heal()`. Stops the clock while every node is about to start."""

    def __init__(self, place: Place, history: History, clock: Clock, say: Callable[[str], None]) -> None:
        self._place = place
        self._history = history
        self._clock = clock
        self._say = say
        self._starting: dict[int, asyncio.Task[None]] = {}
        relayed: dict[str, Mode] = {"cut": "cut", "hush": "hushed"}
        self._works: dict[Kind, Work] = {
            "kill node": self._kill_node,
            "end node": self._end_node,
            "stop node": self._stop_node,
            "flush redis": self._flush_redis,
            "fill disk": self._fill_disk,
        }
        for name in ("postgres", "redis"):
            for verb, mode in relayed.items():
                self._works[f"{verb} {name}"] = partial(self._turn, name, mode)  # type: ignore[index]
            self._works[f"kill {name}"] = partial(self._restart, name, "immediate")  # type: ignore[index]
            self._works[f"restart {name}"] = partial(self._restart, name, "fast")  # type: ignore[index]
            self._works[f"stop {name}"] = partial(self._stop_service, name)  # type: ignore[index]

    async def run(self, lanes: Iterable[Sequence[Fault]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._run_lane(lane))
        finally:
            await asyncio.gather(*self._starting.values(), return_exceptions=True)

    async def heal(self) -> None:
        """Everything works again, or `history.wrong` says what does not."""
        place = self._place
        if place.disk is not None:
            place.disk.free()
        for relay in (*place.postgres_relays, *place.redis_relays):
            relay.turn("through")
        for service in filter(None, (place.postgres, place.redis)):
            await self._revive(service)
        for node in place.nodes:
            node.thaw()
            node.start()
        for node in place.nodes:
            if not await node.up():
                self._history.wrong.append(f"node {node.number} does not work again")

    async def _run_lane(self, lane: Sequence[Fault]) -> None:
        for fault in lane:
            await self._clock.until(fault.at)
            happened = Happened(fault.kind, fault.target, time.time())
            self._history.faults.append(happened)
            self._say(f"{self._clock.now:6.2f} s  {fault.kind}" + (f" {fault.target}" if fault.target >= 0 else ""))
            try:
                await self._works[fault.kind](fault)
            finally:
                happened.over = time.time()

    # --- nodes

    async def _kill_node(self, fault: Fault) -> None:
        node = self._place.nodes[fault.target]
        await node.kill()
        await self._start_again(node, fault)

    async def _end_node(self, fault: Fault) -> None:
        node = self._place.nodes[fault.target]
        await node.end()
        await self._start_again(node, fault)

    async def _start_again(self, node: Node, fault: Fault) -> None:
        await asyncio.sleep(fault.seconds)
        node.start()
        self._starting[node.number] = asyncio.create_task(self._await(node))
        if len(self._starting) == len(self._place.nodes):
            self._clock.stop()

    async def _await(self, node: Node) -> None:
        try:
            await node.up()
        finally:
            self._starting.pop(node.number, None)
            self._clock.go()

    async def _stop_node(self, fault: Fault) -> None:
        node = self._place.nodes[fault.target]
        node.freeze()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            node.thaw()

    # --- what they depend on

    def _service(self, name: str) -> Service:
        service = self._place.postgres if name == "postgres" else self._place.redis
        assert service is not None, f"there is no {name}"
        return service

    async def _restart(self, name: str, how: Literal["fast", "immediate"], fault: Fault) -> None:
        service = self._service(name)
        await asyncio.to_thread(service.stop, how)
        await asyncio.sleep(fault.seconds)
        await self._revive(service)

    async def _stop_service(self, name: str, fault: Fault) -> None:
        """Every process of it: PostgreSQL has one for each connection."""
        pids = family(self._service(name).pid)
        _signal_all(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            _signal_all(pids, signal.SIGCONT)

    async def _turn(self, name: str, mode: Mode, fault: Fault) -> None:
        relays = self._place.postgres_relays if name == "postgres" else self._place.redis_relays
        concerned = relays if fault.target < 0 else [relays[fault.target]]
        for relay in concerned:
            relay.turn(mode)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            for relay in concerned:
                relay.turn("through")

    async def _flush_redis(self, fault: Fault) -> None:
        assert self._place.redis is not None
        await asyncio.to_thread(self._place.redis.flush)

    async def _fill_disk(self, fault: Fault) -> None:
        disk = self._place.disk
        assert disk is not None
        try:
            await asyncio.to_thread(disk.fill)
            await asyncio.sleep(fault.seconds)
        finally:
            disk.free()
        if self._place.postgres is not None:  # which dies of it where it cannot write its log
            await self._revive(self._place.postgres)

    async def _revive(self, service: Service) -> None:
        give_up_at = time.monotonic() + WORKING_SECONDS
        while not service.is_running:
            try:
                await asyncio.to_thread(service.stop, "immediate")  # tidies up after one that died by itself
                await asyncio.to_thread(service.start)
            except RuntimeError as error:
                if time.monotonic() > give_up_at:
                    self._history.wrong.append(f"a service does not start: {error}")
                    return
                await asyncio.sleep(0.2)


def family(pid: int) -> list[int]:
    """A process and its children, their parent first, so that it starts no more of them."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid, *map(int, file.read().split())]
    except OSError:
        return [pid]


def _signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

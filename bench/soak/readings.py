"""What a server and its workers hold now, and whether it grows: from /proc and from /metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.measures import resident_kib

# What /metrics counts, by the name it has here.
COUNTED: Final = {
    "plenum_connections": "connections",
    "plenum_seats": "seats",
    "plenum_tasks": "tasks",
    "plenum_media_worker_peers": "peers",
    "plenum_media_worker_rooms": "rooms",
    "plenum_media_worker_tasks": "tasks",
    "plenum_media_worker_tcp_connections": "tcp",
}
SLACK: Final = {"fds": 4}  # of the process itself, opened when they are first needed (the database's, for one)
STEADY: Final = ("connections", "seats", "tasks", "peers", "rooms", "tcp", "fds")  # what comes back to where it began


@dataclass(frozen=True)
class Reading:
    """`figures`: by process and name ("server tasks", "worker 0 rss_kib")."""

    second: float
    figures: Mapping[str, float]

    def total(self, name: str) -> float:
        """Of all processes."""
        return sum(value for key, value in self.figures.items() if key.split()[-1] == name)


class Gauge:
    """Reads a server: its process, and its workers' by their names."""

    def __init__(self, http: httpx.AsyncClient, token: str, pids: Mapping[str, int]) -> None:
        self._http, self._token, self._pids = http, token, pids

    async def read(self, second: float) -> Reading:
        reply = await self._http.get("/metrics", headers={"Authorization": f"Bearer {self._token}"})
        reply.raise_for_status()
        figures = dict(_counted(reply.text))
        for process, pid in self._pids.items():
            figures |= {f"{process} {name}": value for name, value in held(pid).items()}
        return Reading(second, figures)


def held(pid: int) -> dict[str, float]:
    """What the system says that a process holds."""
    root = Path(f"/proc/{pid}")
    return {"rss_kib": resident_kib(pid), "fds": len(os.listdir(root / "fd")), "threads": len(os.listdir(root / "task"))}


def workers_of(pid: int) -> dict[str, int]:
    """The media workers of a server, by name."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    commands = {child: Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in children}
    return {f"worker {_index(command)}": child for child, command in commands.items() if "live.worker" in command}


def _index(command: Sequence[str]) -> str:
    return next((word.partition("=")[2] for word in command if word.startswith("--index=")), "0")


def _counted(text: str) -> dict[str, float]:
    figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if name := COUNTED.get(sample.name):
                worker = sample.labels.get("worker")
                figures[f"worker {worker} {name}" if worker is not None else f"server {name}"] = sample.value
    return figures


def still_there(before: Reading, after: Reading) -> dict[str, float]:
    """What there is more of than before, of that which has to come back to where it began."""
    return {
        name: more
        for name in STEADY
        if (more := after.total(name) - before.total(name)) > SLACK.get(name, 0) * len(_processes(after))
    }


def _processes(reading: Reading) -> set[str]:
    return {key.rpartition(" ")[0] for key in reading.figures if key.endswith(" fds")}


def slopes(readings: Sequence[Reading]) -> dict[str, float]:
    """By how much each figure grew a second (least squares); 0 for fewer than three readings."""
    return {key: _slope([(each.second, each.figures.get(key, 0.0)) for each in readings]) for key in readings[-1].figures}


def _slope(points: Sequence[tuple[float, float]]) -> float:
    if len(points) < 3:
        return 0.0
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0

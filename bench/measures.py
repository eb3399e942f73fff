"""What is read off the operating system: CPU time and memory of a process, and the limits of our own. Linux."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of all threads of another process, to the nanosecond.

    The clock id of a process is what clock_getcpuclockid(3) computes on Linux; /proc/PID/stat counts in steps of 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def raise_file_limit(wanted: int) -> None:
    """Lets this process and its children open `wanted` files. Exits with one line if the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(
            f"at most {hard} open files are allowed, {wanted} are needed: see `ulimit -Hn`, or use --connections"
        )
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

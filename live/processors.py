"""How many media workers there are where nobody says: as many as processors. Neighbour: `engine`."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Final

MOST_WORKERS: Final = 64


def default_workers() -> int:
    """One for each processor that this process may use. They speak to each other as Linux alone allows."""
    if sys.platform != "linux":
        return 1
    return max(1, min(MOST_WORKERS, len(os.sched_getaffinity(0)), _quota(Path("/sys/fs/cgroup/cpu.max"))))


def _quota(path: Path) -> int:
    """How many processors' worth of time a container gets (cgroup v2, `cpu.max`)."""
    try:
        most, period = path.read_text().split()
        return math.ceil(int(most) / int(period))
    except (OSError, ValueError):  # no limit is "max"
        return MOST_WORKERS

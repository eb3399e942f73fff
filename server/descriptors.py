"""Open files: each connection is one. Shells and services often start programs with 1,024, but let them have more."""

from __future__ import annotations

import resource
from typing import Final

RESERVE: Final = 1024  # database, files that are being sent, media workers


def make_room(connections: int) -> int:
    """Raises this process's limit (and so its children's) as far as is needed and the system lets it. Returns how many
    connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if granted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return min(connections, max(granted - RESERVE, granted // 2))

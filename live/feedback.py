"""What peers tell of their clocks and of how well they receive. Pure. Neighbours: `peer` feeds it, `slot` uses the clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from live import rtcp

MAX_SOURCES: Final = 32
LATELY: Final = 5.0  # seconds
DRIFT: Final = 0.0005  # seconds per report that a smaller offset may rise: clocks wander, routes change


def clock_offset(known: float | None, remote: float, local: float) -> float:
    """Returns how far this machine's clock is ahead of a publisher's, by its sender reports: the least difference seen
    is the one that waited least on the way."""
    sample = local - remote
    return sample if known is None or sample < known or sample - known > 1.0 else min(sample, known + DRIFT)


def round_trip(block: rtcp.ReportBlock, ntp: int) -> float:
    """Seconds from our sender report to the viewer and back (RFC 3550, 6.4.1), at `ntp`; 0 where the block does not tell."""
    if not block.last_sr:
        return 0.0
    units = (ntp >> 16) - block.last_sr - block.delay & 0xFFFFFFFF
    return units / 65536 if units < 30 << 16 else 0.0


class ViewerReports:
    """The newest report block for each of our sources, and when it came."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[rtcp.ReportBlock, float]] = {}

    def take_blocks(self, blocks: Iterable[rtcp.ReportBlock], now: float) -> None:
        for block in blocks:
            if block.ssrc in self._blocks or len(self._blocks) < MAX_SOURCES:
                self._blocks[block.ssrc] = block, now

    def fraction_lost(self, now: float) -> float:
        """Of the source that arrives worst, by what was reported lately."""
        lately = (block.fraction_lost for block, at in self._blocks.values() if now - at < LATELY)
        return round(max(lately, default=0) / 256, 3)

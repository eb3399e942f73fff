"""A rota: what is to be done for each of many once a period, spread evenly over it, so that ten thousand who came at the
same moment are not all due at the same moment ever after."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

ItemT = TypeVar("ItemT")


class Rota(Generic[ItemT]):
    """Each item's turn comes once in every `period` seconds, for the first time within a period of `add`. Turns are `step`
    seconds apart: the shares into which the items are dealt are as even as arrivals and departures leave them."""

    def __init__(self, period: float, step: float) -> None:
        self._step: Final = step
        self._shares: tuple[set[ItemT], ...] = tuple(set() for _ in range(max(1, int(period / step + 1e-9))))
        self._share_of: dict[ItemT, set[ItemT]] = {}
        self._turn: int | None = None  # the last that was given out

    def add(self, item: ItemT) -> None:
        share = min(self._shares, key=len)
        share.add(item)
        self._share_of[item] = share

    def discard(self, item: ItemT) -> None:
        share = self._share_of.pop(item, None)
        if share is not None:
            share.discard(item)

    def due(self, now: float) -> list[ItemT]:
        """Whose turn has come since the last call. Everybody's, if that was a period ago or more, if there was none, or if
        the clock has been set back."""
        turn, last, count = int(now // self._step), self._turn, len(self._shares)
        self._turn = turn
        if last is None or turn < last or turn - last >= count:
            return list(self._share_of)
        return [item for passed in range(last + 1, turn + 1) for item in self._shares[passed % count]]

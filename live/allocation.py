"""Which layer of each picture a viewer gets, within the estimate of its path. Pure. Neighbours: `bandwidth` estimates,
`peer` asks and acts.

Sound is reserved first and never given up for pictures. Then every picture that is shown gets its lowest layer, then better
ones, both in the order of priority, and no better one than its tile can show. What fits no more is left out, never frozen.
Down at once; up only with a margin, and not soon after a step down. The last picture that is left goes only if the estimate
stays too low for it, and comes back soon: giving it up costs a key frame. Rates are bit/s, heights device pixels, times
seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

SCREEN, SPEAKER, OTHER = 3, 2, 1  # priorities: what is shared; who speaks, and the programme; everybody else
MARGIN: Final = 0.85  # of the budget may be taken by a step up
NEARLY: Final = 1.05  # an estimate so near to all that is wanted is no longer probed: what is left of the margin will do
SHARP_ENOUGH: Final = 0.75  # of the tile's height: a layer that has it serves the tile
BEARABLE: Final = 0.7  # of a single layer's rate: with this much left it is tried as a whole
PATIENCE: Final = 3.0  # seconds with less than that until a single layer is paused
LAST_PATIENCE: Final = 1.5  # seconds that the last picture's lowest layer is kept although there is less than it needs
RETURN: Final = 2.0  # seconds until a picture that was left out may have its lowest layer; doubled while it does not last
LONGEST_RETURN: Final = 16.0
HOLD: Final = 5.0  # seconds after a step down without a step up; doubled while steps up do not last
LONGEST_HOLD: Final = 40.0
LASTING: Final = 10.0  # seconds that a step up has to last
SETTLED: Final = 60.0  # seconds without a step down that make up for all before
STEP: Final = 1.0  # seconds between steps up: the path shows only then what the last one did


class Layer(NamedTuple):
    """`bitrate` as measured over a second or more; `height` 0: not known."""

    name: str
    bitrate: float
    height: int = 0


class Demand:
    """A slot that has a picture. `height` of its tile, 0: not shown. `layers` that flow now, the lowest first. `best`: index
    of the best one that the tile can show, -1: none."""

    __slots__ = ("best", "height", "layers", "priority")

    def __init__(self, height: int, layers: tuple[Layer, ...], priority: int = OTHER) -> None:
        self.height, self.layers, self.priority = height, layers, priority
        self.best = len(layers) - 1 if height else -1
        for index in range(self.best):
            if layers[index].height and layers[index].height >= SHARP_ENOUGH * height:
                self.best = index
                break

    def cost(self, index: int, left: float) -> float:
        """bit/s that a layer takes. A single layer is tried where it has nearly enough, and then takes what is left."""
        bitrate = self.layers[index].bitrate
        return min(bitrate, max(left, BEARABLE * bitrate)) if len(self.layers) == 1 else bitrate

    def index(self, name: str) -> int:
        """Index of a layer; -1 if it does not flow, or is none."""
        for index, layer in enumerate(self.layers):
            if layer.name == name:
                return index
        return -1


def allocate(
    budget: float,
    demands: Mapping[str, Demand],
    current: Mapping[str, str],
    *,
    may_rise: bool = True,
    may_return: bool = False,
) -> dict[str, str]:
    """Returns a layer's name for each slot, "": none. `budget` is without sound; the layers together never take more, where
    a single layer counts as what is left for it. A slot that is not in `current` is new: its lowest layer is no step up.
    `may_return`: who has none may get the lowest one even while nothing else may rise."""
    order = sorted(demands, key=lambda slot: (-demands[slot].priority, -demands[slot].height, slot))
    had = {slot: demands[slot].index(current[slot]) if slot in current else 0 for slot in demands}
    least = 0 if may_return else -1
    most = {slot: demand.best if may_rise else min(demand.best, max(had[slot], least)) for slot, demand in demands.items()}
    choice = dict.fromkeys(demands, -1)
    left = budget

    def take(slot: str, index: int) -> bool:
        nonlocal left
        margin = (1 - MARGIN) * budget if index > had[slot] else 0.0
        before = demands[slot].layers[choice[slot]].bitrate if choice[slot] >= 0 else 0.0
        cost = demands[slot].cost(index, left) - before
        if cost > left - margin:
            return False
        choice[slot], left = index, left - cost
        return True

    for slot in order:  # everybody's lowest layer before anybody's better one
        if most[slot] >= 0:
            take(slot, 0)
    for slot in order:
        if choice[slot] == 0:
            any(take(slot, index) for index in range(most[slot], 0, -1))
    return {slot: demands[slot].layers[index].name if index >= 0 else "" for slot, index in choice.items()}


class Allocator:
    """One viewer's choice and its memory. bit/s, with sound: `taken` is what the choice takes, `wanted` the estimate that
    everything shown would need. `paused` are the slots that are shown and get nothing, for want of bandwidth."""

    __slots__ = (
        "_down_at",
        "_hold",
        "_left_at",
        "_return",
        "_returned_at",
        "_short_since",
        "_shown",
        "_up_at",
        "choice",
        "paused",
        "taken",
        "wanted",
    )

    def __init__(self) -> None:
        self.choice: dict[str, str] = {}
        self.paused: frozenset[str] = frozenset()
        self.wanted = self.taken = 0.0
        self._shown: frozenset[str] = frozenset()
        self._short_since: dict[str, float] = {}  # since when a single layer has had less than it needs
        self._down_at = self._up_at = float("-inf")
        self._hold = HOLD
        self._left_at = self._returned_at = float("-inf")  # when a picture was left out last, and when one came back
        self._return = RETURN

    def choose(self, estimate: float, audio: float, demands: Mapping[str, Demand], now: float) -> dict[str, str]:
        """Returns a layer's name for each slot, "": none. `audio` is what sound takes. To be called when what is shown or
        sent changes, when the estimate falls below `taken`, and once a second."""
        current = {
            slot: name
            for slot, name in self.choice.items()
            if slot in self._shown and slot in demands and (not name or demands[slot].index(name) >= 0)
        }
        shown = {slot: demand.layers[demand.best] for slot, demand in demands.items() if demand.best >= 0}
        self.wanted = audio + sum(layer.bitrate for layer in shown.values()) / MARGIN
        may_rise = now - self._down_at >= self._hold and now - self._up_at >= STEP
        if may_rise and NEARLY * estimate >= self.wanted:  # the way it mostly is
            chosen = {slot: shown[slot].name if slot in shown else "" for slot in demands}
        else:
            may_return = now - self._left_at >= self._return
            chosen = allocate(estimate - audio, demands, current, may_rise=may_rise, may_return=may_return)
        self._bear(chosen, current, demands, estimate - audio, now)
        self._remember(chosen, current, demands, now)
        self.choice, self._shown = chosen, frozenset(shown)
        self.paused = frozenset(slot for slot in shown if not chosen[slot])
        self.taken = audio + sum(
            demands[slot].layers[demands[slot].index(chosen[slot])].bitrate for slot in shown if chosen[slot]
        )
        return chosen

    def _bear(
        self,
        chosen: dict[str, str],
        current: Mapping[str, str],
        demands: Mapping[str, Demand],
        budget: float,
        now: float,
    ) -> None:
        """A single layer is all or nothing: it is paused only after `PATIENCE`; and of several the lowest one only after
        `LAST_PATIENCE`, where no other picture is left and there is half of what it needs."""
        had = [slot for slot, name in current.items() if name and demands[slot].best >= 0]
        last = max(had, key=lambda slot: (demands[slot].priority, demands[slot].height), default="")
        if any(chosen.values()) or (last and budget < demands[last].layers[0].bitrate / 2):
            last = ""
        for slot in current:
            is_single = slot in had and len(demands[slot].layers) == 1
            if slot not in had or chosen[slot] or not (is_single or slot == last):
                self._short_since.pop(slot, None)
            elif now - self._short_since.setdefault(slot, now) < (PATIENCE if is_single else LAST_PATIENCE):
                chosen[slot] = demands[slot].layers[0].name

    def _remember(
        self, chosen: dict[str, str], current: Mapping[str, str], demands: Mapping[str, Demand], now: float
    ) -> None:
        """Notes steps up and down; those because a tile changed are none."""
        steps = [
            demands[slot].index(chosen[slot]) - min(demands[slot].index(name), demands[slot].best)
            for slot, name in current.items()
            if demands[slot].best >= 0
        ]
        self._remember_pauses(chosen, current, demands, now)
        if any(step < 0 for step in steps):
            lasted = now - self._up_at >= LASTING
            if now - self._down_at > SETTLED:
                self._hold = HOLD
            if not lasted:
                self._hold = min(2 * self._hold, LONGEST_HOLD)
            self._down_at = now
        elif any(step > 0 for step in steps):
            self._up_at = now

    def _remember_pauses(
        self, chosen: Mapping[str, str], current: Mapping[str, str], demands: Mapping[str, Demand], now: float
    ) -> None:
        """Notes pictures that are left out, and those that come back."""
        shown = [(bool(name), bool(chosen[slot])) for slot, name in current.items() if demands[slot].best >= 0]
        if (True, False) in shown:
            lasted = now - self._returned_at >= LASTING
            self._return = RETURN if lasted else min(2 * self._return, LONGEST_RETURN)
            self._left_at = now
        elif (False, True) in shown:
            self._returned_at = now

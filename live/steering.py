"""Which layer of each picture one viewer gets: by the estimate of its network, the size of its tiles and who speaks; and the
padding that finds out whether the network takes more. Neighbours: `downlink` owns it and hands it the viewer's feedback,
`bandwidth` estimates, `allocation` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zlib import crc32

from live.allocation import OTHER, SCREEN, SPEAKER, Allocator, Demand, Layer
from live.answer import PROGRAMME
from live.bandwidth import Estimator
from live.estimate import FixedEstimate, NumberedEstimate
from live.group import Viewer, fan_out
from live.limits import Budget
from live.outlet import Outlet
from live.slot import Slot
from live.switchboard import Switchboard
from live.track import Track
from live.transport_cc import TransportFeedback

DECIDE_INTERVAL: Final = 1.0  # seconds; sooner where something changed
FULL_HEIGHT: Final = 4320  # for a viewer that never said how large it shows what
TRIAL: Final = 2.0  # seconds in which a new picture without layers may flow unasked: it is the best probe there is
VIEWS, VIEWS_AT_ONCE = 0.5, 6.0  # a second, and at once: how often a viewer may change what it shows how large
ASSUMED: Final = (150_000.0, 500_000.0, 1_700_000.0)  # bit/s of layers not measured yet, the lowest first
TOO_MUCH: Final = 2.0  # of the estimate: while that flows, a lower layer's key frame does not get through, and sound waits
LOSSY: Final = 0.01  # a share lost, from which on sound is sent twice
LOSSY_FOR: Final = 30.0  # seconds after the last such report
ROOM_FOR_RED: Final = 120_000  # bit/s: where there is less, one more copy of three voices would be what fills the path
UNDECIDED: Final = "undecided"  # no layer's name: a slot then gives the lowest


class Steering:
    """One viewer's. `outlets` by slot name; `estimator`: the compiled helper's, if it serves the viewer."""

    def __init__(
        self,
        viewer: Viewer,
        room: Switchboard,
        outlets: Mapping[str, Outlet],
        *,
        numbered: bool,
        estimator: NumberedEstimate | None = None,
    ) -> None:
        self._viewer, self._room = viewer, room
        self._pictures = [(room.slots[name], outlet) for name, outlet in outlets.items() if not room.slots[name].is_audio]
        self._sounds = [(room.slots[name], outlet) for name, outlet in outlets.items() if room.slots[name].is_audio]
        self._estimator: NumberedEstimate | None = (estimator or Estimator()) if numbered else None
        self.estimate: NumberedEstimate | FixedEstimate = self._estimator or FixedEstimate()
        if self._estimator is not None:
            viewer.sizes, viewer.times = self._estimator.sizes, self._estimator.times
        self.allocator = Allocator()
        self._heights: dict[str, int] = {}
        self._asked: dict[str, int] = {}  # heights that wait to be taken up
        self._view_budget = Budget(VIEWS, VIEWS_AT_ONCE)
        self._due = float("-inf")  # the next decision, if nothing changes
        self._lead = DECIDE_INTERVAL * (crc32(viewer.label.encode()) % 100) / 100  # different for each viewer
        self._lossy_until = float("-inf")
        self._seen: dict[str, tuple[object, float]] = {}  # by slot: whose picture is shown there, since when
        self._sources: list[object] = []  # of the pictures, at the last decision
        for _, outlet in self._pictures:
            outlet.choice = UNDECIDED

    # --- what is heard ---

    def view(self, heights: dict[str, int], now: float) -> None:
        """The viewer shows slots at these heights, 0: not at all."""
        names = {slot.name for slot, _ in self._pictures}
        self._asked |= {name: max(0, height) for name, height in heights.items() if name in names}
        self._resize(now)

    def _resize(self, now: float) -> None:
        """Takes up what the viewer asked for: a few times at once, as every change may cost all others a key frame."""
        if self._asked and self._view_budget.take(1, now):
            self._heights |= self._asked
            self._asked = {}
            self.decide(now)

    def acknowledge(self, feedback: TransportFeedback, now: float) -> bool:
        """Returns whether it ended an outage."""
        if self._estimator is None:
            return False
        was_silenced = self._estimator.is_silenced
        self._estimator.number(self._viewer.next_number - 1 & 0xFFFF)
        self._estimator.acknowledge(feedback, now)
        self.heed(now, is_overspent=self._estimator.is_overspent(now))
        return was_silenced and not self._estimator.is_silenced

    def heed(self, now: float, *, is_overspent: bool, padding: int | None = None) -> None:
        """What follows from feedback. `padding`: octets that the helper has decided on."""
        if is_overspent:
            self.decide(now)
        if self._estimator is not None:
            self._pad(padding if padding is not None else self._estimator.probe(now), now)

    def lose(self, fraction: float, now: float) -> None:
        """The viewer reports that so much was lost: who loses packets gets sound twice."""
        if fraction >= LOSSY:
            self._lossy_until = now + LOSSY_FOR
        has_red = now < self._lossy_until and self.estimate.estimate >= ROOM_FOR_RED
        for slot, outlet in self._sounds:
            slot.repeat(outlet, has_red=has_red)

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        if not self._pictures:
            return
        if self._estimator is not None and now - self._estimator.told_at > 0.15:
            self._estimator.number(self._viewer.next_number - 1 & 0xFFFF)
            self._pad(self._estimator.probe(now), now)
        if self._asked:
            self._resize(now)
        if [slot.source for slot, _ in self._pictures] != self._sources:
            self.decide(now)
            self._due -= self._lead  # it changed for the whole room, which shall not go on in step
        elif now >= self._due:
            self.decide(now)

    def _is_new(self, slot: Slot) -> bool:
        """Another publisher than at the last decision."""
        seen = self._seen.get(slot.name)
        return slot.source is not (seen[0] if seen else None)

    # --- what follows ---

    def decide(self, now: float) -> None:
        """Chooses the layers."""
        self._due = now + DECIDE_INTERVAL
        self._sources = [slot.source for slot, _ in self._pictures]
        demands: dict[str, Demand] = {}
        for slot, outlet in self._pictures:
            if self._is_new(slot):
                self._seen[slot.name] = slot.source, now
            if slot.can_get(self._viewer, outlet) and slot.layers:
                demands[slot.name] = self._demand(slot, now)
        audio = sum(outlet.seat.track.reception.bitrate for _, outlet in self._sounds if outlet.seat)
        choice = self.allocator.choose(self.estimate.estimate, audio, demands, now)
        self.estimate.wanted = self.allocator.wanted
        if self._estimator is not None:
            self._estimator.spend(self.allocator.taken, now)
        for slot, outlet in self._pictures:
            if slot.name in choice:
                slot.choose(outlet, choice[slot.name], now)
        if self._flowing() > TOO_MUCH * self.estimate.estimate:
            for slot, outlet in self._pictures:
                slot.stand(outlet)

    def _flowing(self) -> float:
        """bit/s of the pictures that are sent now, among them those that wait for the key frame of a lower layer."""
        return sum(outlet.seat.track.reception.bitrate for _, outlet in self._pictures if outlet.seat)

    def _demand(self, slot: Slot, now: float) -> Demand:
        """The same for all viewers of a room who show the slot as large."""
        height = self._heights.get(slot.name, FULL_HEIGHT)
        is_trial = len(slot.layers) == 1 and now - self._seen[slot.name][1] < TRIAL
        known = self._room.demands
        key = slot.name, height, is_trial
        if key not in known:
            known[key] = demand(slot, height, self._room.speaker, is_trial=is_trial)
        return known[key]

    def _pad(self, octets: int, now: float) -> None:
        """Sends as much padding as the estimator asks for, where retransmissions are agreed: padding among the pictures' own
        numbers would part viewers who are alike."""
        if octets <= 0 or not self._pictures:
            return
        outlets = [outlet for _, outlet in self._pictures if outlet.repair_ssrc]
        outlet = next((outlet for outlet in outlets if outlet.seat is not None), outlets[0] if outlets else None)
        if outlet is not None:
            for packet, number_at in outlet.padding(octets, now):
                fan_out(packet, number_at, (self._viewer,), now)


def demand(slot: Slot, height: int, speaker: str, *, is_trial: bool) -> Demand:
    """What a viewer would like of a slot's picture. `is_trial`: it costs next to nothing."""
    layers = tuple(_layer(track, index, len(slot.layers)) for index, track in enumerate(slot.layers))
    if is_trial:
        layers = tuple(layer._replace(bitrate=min(layer.bitrate, 1.0)) for layer in layers)
    source = slot.source
    if source is not None and source.use == "screen":
        return Demand(height, layers, SCREEN)
    speaks = slot.name == PROGRAMME or (source is not None and source.label == speaker)
    return Demand(height, layers, SPEAKER if speaks else OTHER)


def _layer(track: Track, index: int, count: int) -> Layer:
    assumed = ASSUMED[min(index, 2)] if count > 1 else 0.0
    return Layer(track.layer, track.reception.bitrate or assumed, track.height)

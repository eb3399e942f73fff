"""A receive slot of a room: one continuous RTP stream for each viewer, whoever feeds it and on whichever layer. A viewer
negotiates once, and never notices that publisher or layer changed.

The slot decides who sits on which rung (a layer of the source); `rung` sends, `outlet` keeps each viewer's numbers going on.
Pictures change over at the next key frame of where a viewer goes, sound at once.
"""

from __future__ import annotations

import random

from live.control import SlotStatistics
from live.group import Viewer, fan_out
from live.limits import Budget
from live.outlet import Outlet
from live.rung import Rung
from live.source import Source
from live.track import Track


class Slot:
    """`source` feeds it, for each viewer from its next key frame on; whoever fed it before goes on until then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_audio = name.startswith(("audio", "sound"))
        self.ssrc = random.randrange(1, 1 << 32)
        self.repair_ssrc = random.randrange(1, 1 << 32)
        self.source: Source | None = None
        self.outlets: dict[Viewer, Outlet] = {}
        self.switches = self.resent = 0
        self._layers: tuple[Track, ...] = ()  # of the source, the lowest first
        self._rungs: dict[Track, Rung] = {}
        self._targets: dict[Outlet, Rung] = {}  # where each sits or waits to
        self._gone = [0, 0]  # packets and octets of rungs that are no more

    @property
    def ssrcs(self) -> tuple[int, int]:
        """Of the stream, and of its retransmissions."""
        return self.ssrc, self.repair_ssrc

    @property
    def layers(self) -> tuple[Track, ...]:
        """What the source sends now, the lowest layer first."""
        return self._layers

    # --- who feeds it ---

    def want(self, source: Source | None, now: float) -> None:
        """Decides who feeds the slot."""
        if source is self.source:
            return
        self.source = source
        self._layers = source.layers() if source else ()
        self.switches += source is not None
        self._assign(list(self.outlets.values()), now)

    def forget(self, track: Track, now: float) -> None:
        """The track ended, at once."""
        if (rung := self._rungs.get(track)) is None:
            return
        homeless = [
            outlet for outlet in self.outlets.values() if self._targets.get(outlet) is rung or outlet in rung.outlets
        ]
        for outlet in homeless:
            self._unseat(outlet)
            self._retarget(outlet, None)
        self._remove(track)
        if self.source is not None:
            self._layers = tuple(layer for layer in self._layers if layer is not track)
            self._assign(homeless, now)

    def refresh(self, now: float) -> None:
        """Layers may have come or stopped."""
        if self.source is not None and (layers := self.source.layers()) != self._layers:
            self._layers = layers
            self._assign(list(self.outlets.values()), now)

    def tick(self, now: float) -> None:
        """Every 100 ms: a key frame that has not come is asked for again."""
        for track, rung in list(self._rungs.items()):
            if rung.is_empty and track not in self._layers:
                self._remove(track)
            elif rung.waiting and not track.key_frame_pending:
                track.request_key_frame(now)

    def _remove(self, track: Track) -> None:
        rung = self._rungs.pop(track)
        track.sinks = tuple(sink for sink in track.sinks if sink is not rung)
        self._gone = [self._gone[0] + rung.packets, self._gone[1] + rung.octets]

    def _rung(self, track: Track) -> Rung:
        rung = self._rungs.get(track)
        if rung is None:
            rung = self._rungs[track] = Rung(track, self.ssrc)
            track.sinks = (*track.sinks, rung)
        return rung

    # --- who gets it ---

    def join(self, outlet: Outlet, now: float) -> None:
        """A viewer can receive from now on; it needs a key frame."""
        self.outlets[outlet.viewer] = outlet
        self._assign([outlet], now)
        if (rung := self._targets.get(outlet)) is not None:
            rung.track.request_key_frame(now)

    def leave(self, viewer: Viewer) -> None:
        outlet = self.outlets.pop(viewer, None)
        if outlet is not None:
            self._retarget(outlet, None)
            if (rung := self._unseat(outlet)) is not None:
                rung.regroup()

    def choose(self, outlet: Outlet, layer: str | None, now: float) -> None:
        """The viewer shall get that layer (a `Track.layer`); "": none; None: the highest."""
        if outlet.choice != layer:
            outlet.choice = layer
            self._assign([outlet], now)

    def stand(self, outlet: Outlet) -> None:
        """Nothing flows to it until the key frame that it waits for, and nothing of what it had is sent again: its path is
        so full that neither would get through."""
        target = self._targets.get(outlet)
        if target is None or outlet not in target.waiting or outlet.seat is None:
            return
        if (rung := self._unseat(outlet)) is not None:
            rung.regroup()
        target.waiting[outlet] = None
        outlet.forget()

    def repeat(self, outlet: Outlet, *, has_red: bool) -> None:
        """The viewer shall get sound with what was sent before, or without."""
        if outlet.has_red != has_red:
            outlet.has_red = has_red
            if (rung := self.rung_of(outlet)) is not None:
                rung.regroup()

    def shows(self, outlet: Outlet) -> str:
        """The layer that flows to a viewer now, "" none."""
        return outlet.seat.track.layer if outlet.seat is not None else ""

    def can_get(self, viewer: Viewer, outlet: Outlet) -> bool:
        """False for one's own picture and voice, and for what cannot be decoded."""
        source = self.source
        return source is not None and outlet.form(source.codec) is not None and not self._is_own(viewer, source)

    def _is_own(self, viewer: Viewer, source: Source) -> bool:
        """Nobody hears their own voice back, on whatever device; nobody sees the picture that the same peer sends."""
        return viewer.owner is source.owner or (self.is_audio and viewer.label == source.label)

    def _assign(self, outlets: list[Outlet], now: float) -> None:
        """Puts viewers where they belong: they wait there for a key frame, and stay where they are until it comes."""
        left: set[Rung] = set()
        for outlet in outlets:
            track = self._track_for(outlet)
            if track is None:
                self._retarget(outlet, None)
                if (rung := self._unseat(outlet)) is not None:
                    left.add(rung)
                continue
            rung = self._rung(track)
            if self._targets.get(outlet) is rung:
                continue
            self._retarget(outlet, rung)
            if outlet not in rung.outlets:
                rung.waiting[outlet] = self._rungs.get(outlet.seat.track) if outlet.seat else None
                if track.reception.packets > 1:  # one that has just started sends a key frame anyway
                    track.request_key_frame(now)
        for rung in left:
            rung.regroup()

    def _track_for(self, outlet: Outlet) -> Track | None:
        layers = self._layers
        if not layers or outlet.choice == "" or not self.can_get(outlet.viewer, outlet):
            return None
        if outlet.choice is None:
            return layers[-1]
        return next((track for track in layers if track.layer == outlet.choice), layers[0])

    def _retarget(self, outlet: Outlet, rung: Rung | None) -> None:
        before = self._targets.pop(outlet, None)
        if before is not None:
            before.waiting.pop(outlet, None)
        if rung is not None:
            self._targets[outlet] = rung

    def _unseat(self, outlet: Outlet) -> Rung | None:
        """Nothing flows to it any more; returns where it sat."""
        rung = self._rungs.get(outlet.seat.track) if outlet.seat else None
        outlet.stand()
        if rung is not None:
            rung.outlets.pop(outlet, None)
        return rung

    # --- feedback ---

    def resend(self, viewer: Viewer, lost: tuple[int, ...], now: float, budgets: tuple[Budget, ...] = ()) -> int:
        """Answers a NACK from the source's newest packets, in the viewer's numbers, as far as all `budgets` go; returns how
        many packets went out. Numbers that are not kept cost the budgets nothing: they are others' too."""
        outlet = self.outlets.get(viewer)
        if outlet is None:
            return 0
        sent = 0
        for number in lost:
            found = outlet.find(number)
            if found is not None and (outlet.may_repeat or outlet.has_repair(found[2])):
                if not all(budget.take(1, now) for budget in budgets):
                    break
                group, media, codec = found
                packet, number_at = group.packet(media, now, outlet.repair(codec))
                fan_out(packet, number_at, (viewer,), now)
                sent += 1
        self.resent += sent
        return sent

    def request_key_frame(self, viewer: Viewer, now: float) -> None:
        """Asks the publisher for one of the layer that the viewer gets."""
        outlet = self.outlets.get(viewer)
        if outlet is not None and outlet.seat is not None:
            outlet.seat.track.request_key_frame(now)

    def rung_of(self, outlet: Outlet) -> Rung | None:
        """Where a viewer sits."""
        return self._rungs.get(outlet.seat.track) if outlet.seat else None

    @property
    def packets(self) -> int:
        return self._gone[0] + sum(rung.packets for rung in self._rungs.values())

    @property
    def octets(self) -> int:
        return self._gone[1] + sum(rung.octets for rung in self._rungs.values())

    def statistics(self) -> SlotStatistics:
        source = self.source.label if self.source else ""
        return SlotStatistics(source, len(self.outlets), self.packets, self.octets, self.switches, self.resent)

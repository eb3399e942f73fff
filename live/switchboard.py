"""A room: its publishers' tracks, its receive slots, and the rules by which the ones feed the others.

The same for every viewer of a room. Sound: the (up to three) publishers, the loudest when there are more. Pictures:
cameras in order of arrival, the active speaker kept among them when there are more than slots. Screen: the newest.
Programme: the screen, else the active speaker's camera, else the first. Sound of the programme: the active speaker's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from live import rtcp
from live.allocation import Demand
from live.answer import PROGRAMME, SOUND
from live.control import (
    AUDIO_SLOTS,
    SCREEN_SLOTS,
    VIDEO_SLOTS,
    ActiveSpeaker,
    Notification,
    RoomKind,
    SlotsChanged,
    SlotStatistics,
)
from live.group import Viewer
from live.limits import Budget, Limits
from live.outlet import Outlet
from live.rung import Rung
from live.slot import Slot
from live.source import Source
from live.speaker import MARGIN, loudest
from live.speaker import ActiveSpeaker as Floor
from live.track import Track

CNAME: Final = b"plenum"
TICKS_PER_MEASUREMENT: Final = 5  # of the sources' bitrates


class Lead(Protocol):
    """What a room's home has decided, in a worker that is not it: which source feeds which slot, and who speaks."""

    @property
    def slots(self) -> Mapping[str, Source]: ...

    @property
    def speaker(self) -> str: ...

    def tick(self, now: float) -> None: ...


class Switchboard:
    """One room's."""

    def __init__(
        self,
        room: str,
        notify: Callable[[Notification], None],
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        kind: RoomKind = "stage",
    ) -> None:
        self.room = room
        self.resend_budget = Budget(limits.resent_in_room)
        self.key_frame_budget = Budget(limits.key_frames_in_room)
        self.epoch = time.time() - time.monotonic()
        self._notify = notify
        self.lead: Lead | None = None  # where another worker is the room's home: what it has decided
        self.on_arranged: Callable[[float], None] = _nobody_asks
        self.slots: dict[str, Slot] = {}
        self._audio = self._make("audio", AUDIO_SLOTS)
        self._video = self._make("video", VIDEO_SLOTS[kind])
        self._screen = self._make("screen", SCREEN_SLOTS)
        for name in (PROGRAMME, SOUND):
            self.slots[name] = Slot(name)
        self.by_ssrc = {slot.ssrc: slot for slot in self.slots.values()}
        self.sources: list[Source] = []  # in order of arrival
        self._floor: Floor[str] = Floor()
        self._spoke_at: dict[str, float] = {}
        self._told: tuple[dict[str, str], dict[str, str]] = {}, {}
        self._told_speaker = ""
        self._ticks = 0
        self.demands: dict[tuple[str, int, bool], Demand] = {}  # until the next `arrange`; by slot, height and trial

    def _make(self, prefix: str, count: int) -> list[Slot]:
        made = [Slot(f"{prefix}{n}") for n in range(count)]
        self.slots.update((slot.name, slot) for slot in made)
        return made

    def wall(self, now: float) -> float:
        """Monotonic seconds as seconds since 1970. Lips and voice are kept together by it, so it must never jump."""
        return now + self.epoch

    @property
    def speaker(self) -> str:
        """The active speaker's label, "" in silence."""
        return self.lead.speaker if self.lead is not None else self._told_speaker

    @property
    def told(self) -> SlotsChanged:
        """Who feeds which slot, as last told."""
        return SlotsChanged(self.room, *self._told)

    # --- publishers ---

    def add_source(self, source: Source) -> None:
        self.sources.append(source)

    def remove_source(self, source: Source, now: float) -> None:
        """The publisher left, or closed its m-line."""
        if source in self.sources:
            self.sources.remove(source)
        self.arrange(now)

    def forget_track(self, track: Track, now: float) -> None:
        """A layer ended, or its source was started anew."""
        for slot in self.slots.values():
            slot.forget(track, now)

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        if self.lead is not None:
            self.lead.tick(now)
            self._arrange_by_lead(self.lead, now)
            self._tick_slots(now)
            return
        self._ticks += 1
        levels: dict[str, float] = {}
        for source in self.sources:
            for track in source.tracks:
                track.tick(now)
                if self._ticks % TICKS_PER_MEASUREMENT == 0:
                    track.reception.measure(now)
            if source.is_audio and source.is_live(now):
                levels[source.label] = max(levels.get(source.label, 0.0), source.loudness)
        speaker = self._floor.update(levels, now) or ""
        if speaker:
            self._spoke_at[speaker] = now
        self.arrange(now)
        self._tick_slots(now)
        if speaker != self._told_speaker:
            self._told_speaker = speaker
            self._notify(ActiveSpeaker(self.room, speaker))

    def _tick_slots(self, now: float) -> None:
        for slot in self.slots.values():
            slot.tick(now)

    def arrange(self, now: float) -> None:
        """Decides who feeds which slot, and tells if that changed."""
        if self.lead is not None:
            self._arrange_by_lead(self.lead, now)
        else:
            self._decide(now)

    def _arrange_by_lead(self, lead: Lead, now: float) -> None:
        self.demands.clear()
        for name, slot in self.slots.items():
            slot.want(lead.slots.get(name), now)
            slot.refresh(now)

    def _decide(self, now: float) -> None:
        self.demands.clear()
        live = [source for source in self.sources if source.is_live(now)]
        microphones = [source for source in live if source.is_audio]
        cameras = [source for source in live if source.use == "camera"]
        screens = [source for source in live if source.use == "screen"]
        self._arrange_audio(microphones, now)
        self._place(self._video, self._choose_cameras(cameras), now)
        self._place(self._screen, screens[-len(self._screen) :], now)
        self._arrange_programme(cameras, screens, microphones, now)
        for slot in self.slots.values():
            slot.refresh(now)
        mapping = {name: slot.source.label if slot.source else "" for name, slot in self.slots.items()}
        codecs: dict[str, str] = {
            name: slot.source.codec for name, slot in self.slots.items() if slot.source and not slot.is_audio
        }
        if (mapping, codecs) != self._told:
            self._told = mapping, codecs
            self._notify(SlotsChanged(self.room, mapping, codecs))
        self.on_arranged(now)

    def _arrange_audio(self, microphones: list[Source], now: float) -> None:
        if len(microphones) > AUDIO_SLOTS:
            holding = {slot.source for slot in self._audio if slot.source}
            chosen = loudest({source: source.loudness for source in microphones}, holding, AUDIO_SLOTS)
            microphones = [source for source in microphones if source in chosen]
        self._place(self._audio, microphones, now)

    def _choose_cameras(self, cameras: list[Source]) -> list[Source]:
        """The slots' holders and then the others in order of arrival; an active speaker takes the place of whoever
        among the holders has been silent for longest."""
        if len(cameras) <= len(self._video):
            return cameras
        holding = [slot.source for slot in self._video if slot.source in cameras]
        chosen = [source for source in holding if source is not None]
        chosen += [source for source in cameras if source not in chosen][: len(self._video) - len(chosen)]
        speaking = next((source for source in cameras if source.label == self._floor.last), None)
        if speaking is not None and speaking not in chosen:
            quietest = min(reversed(chosen), key=lambda source: self._spoke_at.get(source.label, 0.0))
            chosen[chosen.index(quietest)] = speaking
        return chosen

    def _place(self, slots: list[Slot], sources: list[Source], now: float) -> None:
        """Gives each source a slot; whoever has one keeps it."""
        waiting = [source for source in sources if all(slot.source is not source for slot in slots)]
        for slot in slots:
            if slot.source not in sources:
                slot.want(waiting.pop(0) if waiting else None, now)

    def _arrange_programme(
        self, cameras: list[Source], screens: list[Source], microphones: list[Source], now: float
    ) -> None:
        picture, sound = self.slots[PROGRAMME], self.slots[SOUND]
        speaker = self._floor.last
        picture.want(_prefer(screens[-1:] or cameras, speaker, picture.source), now)
        sound.want(_prefer(microphones, speaker, sound.source), now)

    # --- viewers ---

    def join(self, slot_name: str, outlet: Outlet, now: float) -> None:
        self.slots[slot_name].join(outlet, now)

    def leave(self, viewer: Viewer) -> None:
        for slot in self.slots.values():
            slot.leave(viewer)

    def statistics(self) -> dict[str, SlotStatistics]:
        return {name: slot.statistics() for name, slot in self.slots.items()}

    def reports(self, now: float) -> Reports:
        return Reports(self, now)


class Reports:
    """The sender reports of one moment, each with the canonical name behind it: made once for all viewers alike."""

    def __init__(self, board: Switchboard, now: float) -> None:
        self._slots, self._now, self._wall = board.slots, now, board.wall(now)
        self._made: dict[tuple[Rung, int], bytes] = {}

    def of(self, slot_name: str, outlet: Outlet) -> bytes:
        """A compound packet, b"" while nothing flows to that viewer in that slot."""
        slot = self._slots[slot_name]
        rung = slot.rung_of(outlet)
        if rung is None or outlet.seat is None:
            return b""
        shift = outlet.seat.numbers.timestamp
        made = self._made.get((rung, shift))
        if made is None:
            report = rung.sender_report(shift, self._now, self._wall)
            name = rtcp.SourceDescription(((slot.ssrc, CNAME),))
            made = self._made[rung, shift] = bytes(report) + bytes(name) if report else b""
        return made


def _nobody_asks(now: float) -> None:
    """No other worker has viewers of the room."""


def _prefer(sources: list[Source], label: str | None, current: Source | None) -> Source | None:
    """The label's, its loudest where it has several; else the one there is now, else the first."""
    theirs = [source for source in sources if source.label == label]
    if theirs:
        return current if current in theirs and not current.is_audio else max(theirs, key=_loudness_kept(current))
    return current if current in sources else (sources[0] if sources else None)


def _loudness_kept(current: Source | None) -> Callable[[Source], float]:
    return lambda source: source.loudness + (MARGIN if source is current else 0.0)

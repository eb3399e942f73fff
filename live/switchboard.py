"""A room: its publishers' tracks, its receive slots, and the rules by which the ones feed the others.

The same for every viewer of a room. Sound: the (up to three) publishers, the loudest when there are more. Pictures:
cameras in order of arrival, the active speaker kept among them when there are more than four. Screen: the newest.
Programme: the screen, else the active speaker's camera, else the first. Sound of the programme: the active speaker's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from live import rtcp
from live.answer import PROGRAMME, SOUND
from live.control import AUDIO_SLOTS, SCREEN_SLOTS, VIDEO_SLOTS, ActiveSpeaker, Notification, SlotsChanged, SlotStatistics
from live.slot import Outlet, Slot, Viewer
from live.speaker import ActiveSpeaker as Floor
from live.speaker import loudest
from live.track import Track

CNAME: Final = b"plenum"
SLOT_NAMES: Final = (
    *(f"audio{n}" for n in range(AUDIO_SLOTS)),
    *(f"video{n}" for n in range(VIDEO_SLOTS)),
    *(f"screen{n}" for n in range(SCREEN_SLOTS)),
    PROGRAMME,
    SOUND,
)


class Switchboard:
    """One room's."""

    def __init__(self, room: str, notify: Callable[[Notification], None]) -> None:
        self.room = room
        self._epoch = time.time() - time.monotonic()
        self._notify = notify
        self.slots = {name: Slot(name) for name in SLOT_NAMES}
        self.by_ssrc = {slot.ssrc: slot for slot in self.slots.values()}
        self._audio = [self.slots[f"audio{n}"] for n in range(AUDIO_SLOTS)]
        self._video = [self.slots[f"video{n}"] for n in range(VIDEO_SLOTS)]
        self._screen = [self.slots[f"screen{n}"] for n in range(SCREEN_SLOTS)]
        self.tracks: list[Track] = []  # in order of arrival
        self._floor: Floor[str] = Floor()
        self._spoke_at: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._told_speaker = ""

    def wall(self, now: float) -> float:
        """Monotonic seconds as seconds since 1970. Lips and voice are kept together by it, so it must never jump."""
        return now + self._epoch

    # --- publishers ---

    def add_track(self, track: Track) -> None:
        self.tracks.append(track)

    def remove_track(self, track: Track, now: float) -> None:
        """The publisher left, or its source was replaced."""
        if track in self.tracks:
            self.tracks.remove(track)
        for slot in track.slots:
            slot.forget(track)
        self.arrange(now)

    def tick(self, now: float) -> None:
        """Every 100 ms."""
        for track in self.tracks:
            track.tick(now)
        levels: dict[str, float] = {}
        for track in self.tracks:
            if track.is_audio and track.is_live(now):
                levels[track.label] = max(levels.get(track.label, 0.0), track.loudness)
        speaker = self._floor.update(levels, now) or ""
        if speaker:
            self._spoke_at[speaker] = now
        self.arrange(now)
        for slot in self.slots.values():
            slot.tick(now)
        if speaker != self._told_speaker:
            self._told_speaker = speaker
            self._notify(ActiveSpeaker(self.room, speaker))

    def arrange(self, now: float) -> None:
        """Decides who feeds which slot, and tells if that changed."""
        live = [track for track in self.tracks if track.is_live(now)]
        microphones = [track for track in live if track.is_audio]
        cameras = [track for track in live if track.use == "camera"]
        screens = [track for track in live if track.use == "screen"]
        self._arrange_audio(microphones, now)
        self._place(self._video, self._choose_cameras(cameras), now)
        self._place(self._screen, screens[-len(self._screen) :], now)
        self._arrange_programme(cameras, screens, microphones, now)
        mapping = {name: slot.wanted.label if slot.wanted else "" for name, slot in self.slots.items()}
        if mapping != self._told:
            self._told = mapping
            self._notify(SlotsChanged(self.room, mapping))

    def _arrange_audio(self, microphones: list[Track], now: float) -> None:
        if len(microphones) > AUDIO_SLOTS:
            holding = {slot.wanted for slot in self._audio if slot.wanted}
            chosen = loudest({track: track.loudness for track in microphones}, holding, AUDIO_SLOTS)
            microphones = [track for track in microphones if track in chosen]
        self._place(self._audio, microphones, now)

    def _choose_cameras(self, cameras: list[Track]) -> list[Track]:
        """The slots' holders and then the others in order of arrival; an active speaker takes the place of whoever
        among the holders has been silent for longest."""
        if len(cameras) <= VIDEO_SLOTS:
            return cameras
        holding = [slot.wanted for slot in self._video if slot.wanted in cameras]
        chosen = [track for track in holding if track is not None]
        chosen += [track for track in cameras if track not in chosen][: VIDEO_SLOTS - len(chosen)]
        speaking = next((track for track in cameras if track.label == self._floor.last), None)
        if speaking is not None and speaking not in chosen:
            quietest = min(reversed(chosen), key=lambda track: self._spoke_at.get(track.label, 0.0))
            chosen[chosen.index(quietest)] = speaking
        return chosen

    def _place(self, slots: list[Slot], tracks: list[Track], now: float) -> None:
        """Gives each track a slot; whoever has one keeps it."""
        waiting = [track for track in tracks if all(slot.wanted is not track for slot in slots)]
        for slot in slots:
            if slot.wanted not in tracks:
                slot.want(waiting.pop(0) if waiting else None, now)

    def _arrange_programme(self, cameras: list[Track], screens: list[Track], microphones: list[Track], now: float) -> None:
        picture, sound = self.slots[PROGRAMME], self.slots[SOUND]
        speaker = self._floor.last
        picture.want(_prefer(screens[-1:] or cameras, speaker, picture.wanted), now)
        sound.want(_prefer(microphones, speaker, sound.wanted), now)

    # --- viewers ---

    def join(self, slot_name: str, outlet: Outlet, now: float) -> None:
        self.slots[slot_name].join(outlet, now)

    def leave(self, viewer: Viewer) -> None:
        for slot in self.slots.values():
            slot.leave(viewer)

    def statistics(self) -> dict[str, SlotStatistics]:
        return {name: slot.statistics() for name, slot in self.slots.items()}

    def reports(self, now: float) -> dict[str, bytes]:
        """For every slot that is fed, by name: its sender report and canonical name, a compound packet."""
        found = {}
        for name, slot in self.slots.items():
            if report := slot.sender_report(now, self.wall(now)):
                found[name] = bytes(report) + bytes(rtcp.SourceDescription(((slot.ssrc, CNAME),)))
        return found


def _prefer(tracks: list[Track], label: str | None, current: Track | None) -> Track | None:
    """The label's track, else the one there is now, else the first."""
    for track in tracks:
        if track.label == label:
            return track
    return current if current in tracks else (tracks[0] if tracks else None)

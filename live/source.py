"""A source: one publisher's m-line, with all the layers it sends of it (simulcast, RFC 8853). What the switchboard gives a
place. Neighbours: `track` is one layer, `uplink` makes sources, `slot` is fed by them.
"""

from __future__ import annotations

from typing import Final

from live.agreement import Sending
from live.track import Track

LAYER_SILENT_AFTER: Final = 1.0  # seconds: the publisher's bandwidth ended it


class Source:
    """`owner` is the peer that sends it, `label` whose it is."""

    __slots__ = ("codec", "is_audio", "label", "mid", "owner", "tracks", "use")

    def __init__(self, owner: object, label: str, sending: Sending) -> None:
        self.owner, self.label = owner, label
        self.mid, self.use, self.codec = sending.mid, sending.use, sending.codec
        self.is_audio = sending.codec == "opus"
        self.tracks: tuple[Track, ...] = ()

    def add(self, track: Track) -> None:
        """A layer more; one of the same name is replaced."""
        self.tracks = (*(each for each in self.tracks if each.rid != track.rid), track)

    def remove(self, track: Track) -> None:
        self.tracks = tuple(each for each in self.tracks if each is not track)

    def is_live(self, now: float) -> bool:
        return any(track.is_live(now) for track in self.tracks)

    @property
    def loudness(self) -> float:
        return self.tracks[0].loudness if self.tracks else 0.0

    def layers(self) -> tuple[Track, ...]:
        """Those that flow, the lowest first. A camera that is off sends a picture a second: a layer has stopped when the
        others go on without it."""
        newest = max((track.arrived_at for track in self.tracks), default=0.0)
        flowing = [track for track in self.tracks if track.arrived_at >= newest - LAYER_SILENT_AFTER]
        if len(flowing) < 2:
            return tuple(flowing)
        if all(track.height for track in flowing) and len({track.height for track in flowing}) > 1:
            return tuple(sorted(flowing, key=lambda track: track.height))
        return tuple(sorted(flowing, key=lambda track: track.reception.bitrate))

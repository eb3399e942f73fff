"""Media clocks on one axis: where a timestamp of a stream lies in the recording, in seconds since it began.

A stream's first arrival anchors it. Sender reports (RFC 3550, 6.4.1) then say how picture and sound relate: the sound is
the axis, for it must not be stretched, and the picture is moved to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JUMP: Final = 1.0  # seconds between where a timestamp claims to be and its arrival, beyond which it is a new beginning
LARGEST_CORRECTION: Final = 0.6  # seconds; a report that moves the picture further is not believed


@dataclass
class MediaClock:
    """Timestamps of one stream, unwrapped, `rate` a second."""

    rate: int
    offset: float | None = None  # recording time of timestamp 0
    ntp: float | None = None  # the sender's wall clock at timestamp 0

    def place(self, timestamp: int, arrival: float) -> float:
        """Seconds of `timestamp` in the recording. One that is more than `JUMP` off (another source feeds the stream without
        continuing its time; the sender's clock drifted for hours) is placed by its arrival, and so are those that follow."""
        since_zero = timestamp / self.rate
        if self.offset is None or abs(since_zero + self.offset - arrival) > JUMP:
            self.offset, self.ntp = arrival - since_zero, None
        return since_zero + self.offset

    def report(self, ntp: float, timestamp: int) -> None:
        """A sender report: `timestamp` was at `ntp`."""
        self.ntp = ntp - timestamp / self.rate


def align(picture: MediaClock, sound: MediaClock) -> float:
    """Moves `picture` so that it fits `sound` as their sender says. Returns by how many seconds; 0 where not known."""
    if None in (picture.offset, picture.ntp, sound.offset, sound.ntp):
        return 0.0
    assert picture.offset is not None and picture.ntp is not None and sound.offset is not None and sound.ntp is not None
    shift = picture.ntp + sound.offset - sound.ntp - picture.offset
    if abs(shift) > LARGEST_CORRECTION:
        return 0.0
    picture.offset += shift
    return shift

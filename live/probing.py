"""Trying whether a path takes more, with padding: for a quarter of a second as much as the next step would be. Pure.
Neighbour: `bandwidth` decides when, stops it at the first sign of a queue, and believes what came through.

A probe that fails makes the next one wait twice as long; what all probes send is a bounded share of the estimate.
"""

from __future__ import annotations

from typing import Final

DURATION: Final = 0.25  # seconds
FIRST_BURST: Final = 0.02  # seconds' worth of padding that begins a probe
LARGEST_BURST: Final = 0.1  # seconds' worth in each later one, however late it is asked for
PATIENCE: Final = 0.25  # seconds and a round trip: then what has not come does not come
AS_FAST: Final = 0.85  # of the rate sent must arrive, or a queue grew
MOST_LOST: Final = 0.15  # of the packets
SHARE: Final = 0.05  # of the estimate may be padding, once a probe has failed
PAUSE: Final = 0.8  # seconds between probes that succeed: time for a layer to change over, with its key frame
SHORTEST: Final = 3.0  # seconds to wait after a failure
LONGEST: Final = 10.0  # and after many
WRONG: Final = 2.0  # seconds after a probe in which overuse shows that it was wrong


class Probing:
    """One path's probes. `is_running` from the first padding to the verdict; `next_at`: no probe before."""

    __slots__ = (
        "_arrived",
        "_asked_at",
        "_came",
        "_from",
        "_lost",
        "_media",
        "_octets",
        "_padding",
        "_sent",
        "_sent_from",
        "_started_at",
        "ended_at",
        "failures",
        "is_running",
        "next_at",
        "target",
    )

    def __init__(self) -> None:
        self.is_running = False
        self.next_at = 0.0
        self.ended_at = float("-inf")
        self.failures = 0
        self.target = self._media = 0.0
        self._started_at = self._asked_at = 0.0
        self._padding = 0  # octets of this probe
        self._octets = 0  # that came, without the first window's
        self._sent = self._arrived = 0.0  # the newest window's last packet
        self._sent_from = self._from = 0.0  # the first window's last packet, 0: it has not come
        self._came = self._lost = 0  # packets told of meanwhile

    def begin(self, target: float, media: float, now: float) -> int:
        """Begins a probe at `target` bit/s in all, `media` of which flows anyway. Returns octets of padding to send."""
        self.is_running = True
        self.target, self._media = target, media
        self._started_at, self._asked_at = now, now - FIRST_BURST
        self._padding = self._octets = self._came = self._lost = 0
        self._from = 0.0
        return self.padding(now)

    def padding(self, now: float) -> int:
        """Returns octets of padding to send now."""
        if now - self._started_at > DURATION:
            return 0
        lasted = min(now - self._asked_at, LARGEST_BURST)
        self._asked_at = now
        octets = int(max(0.0, self.target - self._media) * lasted / 8)
        self._padding += octets
        return octets

    def came(self, sent_first: float, sent_last: float, arrived: float, octets: int) -> None:
        """A window of packets came: sent from `sent_first` to `sent_last`, the last one's arrival by the viewer's clock."""
        if sent_first < self._started_at or sent_first > self._started_at + DURATION:
            return
        if not self._from:
            self._sent_from, self._from = sent_last, arrived
        else:
            self._octets += octets
        self._sent, self._arrived = sent_last, arrived

    def rate(self) -> float:
        """Returns what came through, in bit/s; 0 while too little came to say."""
        lasted = self._arrived - self._from
        return self._octets * 8 / lasted if self._from and lasted > 0.08 else 0.0

    def told(self, came: int, lost: int) -> None:
        self._came += came
        self._lost += lost

    def is_over(self, now: float, rtt: float) -> bool:
        return now - self._started_at > DURATION + PATIENCE + rtt or self._sent > self._started_at + 0.95 * DURATION

    def has_passed(self, estimate: float) -> bool:
        """Whether all went through as fast as it was sent, and was more than `estimate`."""
        sending, arriving = self._sent - self._sent_from, self._arrived - self._from
        return (
            self.rate() > 1.05 * estimate
            and sending >= AS_FAST * arriving
            and self._lost <= MOST_LOST * (self._came + self._lost)
        )

    def end(self, now: float, estimate: float, *, failed: bool) -> None:
        """The verdict, and the estimate after it, decide when the next probe may be."""
        self.stop(now)
        if failed:
            self.failures = min(self.failures + 1, 8)
            self.next_at = now + min(SHORTEST * 2 ** (self.failures - 1), LONGEST)
        else:
            self.failures //= 2
            self.next_at = now + (max(PAUSE, self._padding * 8 / (SHARE * estimate)) if self.failures else PAUSE)

    def stop(self, now: float) -> None:
        self.is_running, self.ended_at = False, now

    def wait(self, now: float) -> None:
        """The path was full without a probe: none for a while. If a probe had just won that, it was wrong."""
        if not self.is_running and now - self._started_at < WRONG and self.failures < 8:
            self.failures += 1
        self.next_at = max(self.next_at, now + SHORTEST)

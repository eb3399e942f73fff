"""How the delay towards a viewer moves: the delay-based half of congestion control (draft-ietf-rmcat-gcc-02, 5.3 and 5.4).
Pure. Neighbour: `bandwidth` feeds it from transport-wide feedback.

A line is laid through the delays of the last moments (least squares, older ones weigh less); where it rises faster than an
adaptive threshold, a queue is growing: more is sent than the path takes. Delays are one-way and by two clocks, so only their
differences count. All times are seconds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MEMORY: Final = 0.3  # how long a delay weighs in the line: about the draft's window of twenty groups
HORIZON: Final = 0.24  # the trend is the delay gained in this time, so that the draft's threshold (12.5 ms) holds
PAUSE: Final = 1.0  # without a packet: the line begins anew
POINTS: Final = 3.0  # weight of points before the line says anything
PERSISTENCE: Final = 2  # points in a row above the threshold that make it overuse
START, LEAST, MOST = 0.0125, 0.006, 0.6  # the threshold, seconds of trend
UPWARD: Final = 10.0  # how fast the threshold follows a larger trend, per second: or jitter would look like a queue for ever
DOWNWARD: Final = 0.18  # and a smaller one
SPIKE: Final = 0.015  # above the threshold: a larger trend does not move it
STANDING: Final = 0.1  # seconds of queue that are too much even if they do not grow
STUBBORN: Final = 2.5  # seconds that it stands, however little we send: it is another's, and this much is put up with
TOLERANCE: Final = 20.0  # seconds that this is remembered
MOST_STANDING: Final = 0.6  # and never more than this
BASELINE: Final = 10.0  # the least delay of the last ten to twenty seconds is the path's own, the rest is queue


class Signal(IntEnum):
    """What the delay says of the path."""

    UNDERUSE = -1  # a queue drains
    NORMAL = 0
    OVERUSE = 1  # a queue grows


class DelayTrend:
    """`queue` is how long packets seem to wait now, `queue_limit` from where that is too long; `signal` what they mean."""

    __slots__ = (
        "_above",
        "_at",
        "_base",
        "_base_at",
        "_base_before",
        "_n",
        "_standing_since",
        "_x",
        "_xx",
        "_xy",
        "_y",
        "queue",
        "queue_limit",
        "signal",
        "threshold",
        "trend",
    )

    def __init__(self) -> None:
        self.signal = Signal.NORMAL
        self.queue = self.trend = 0.0
        self.threshold = START
        self.queue_limit = STANDING
        self._above = 0
        self._at = float("-inf")
        self._standing_since = float("inf")
        self._base = self._base_before = float("inf")
        self._base_at = float("-inf")
        self._n = self._x = self._y = self._xx = self._xy = 0.0  # weighted sums; x is time before `_at`, y above `_base`

    def add(self, at: float, delay: float) -> None:
        """A packet sent at `at` was under way for `delay`."""
        step = at - self._at
        if not 0 < step < PAUSE:
            if -PAUSE < step <= 0:
                return  # overtaken
            self._begin()
            step = 0.0
        self._at = at
        self._follow_base(at, delay)
        slope = self._slope(step, delay)
        if self._n >= POINTS:
            self._judge(slope * HORIZON, step)

    def _begin(self) -> None:
        self._n = self._x = self._y = self._xx = self._xy = 0.0
        self._above = 0
        self.trend = 0.0
        self.signal = Signal.NORMAL

    def _follow_base(self, at: float, delay: float) -> None:
        if not 0 <= at - self._base_at < BASELINE:
            stale = not 0 <= at - self._base_at < 2 * BASELINE
            self._base_before = delay if stale else self._base
            self._base, self._base_at = delay, at
        elif delay < self._base:
            self._base = delay
        self.queue = delay - min(self._base, self._base_before)

    def _slope(self, step: float, delay: float) -> float:
        """Adds a point to the line; returns its slope. The origin moves along to the newest point."""
        keep = max(0.0, 1 - step / MEMORY)
        n, x, y = self._n * keep, self._x * keep, self._y * keep
        xx = (self._xx - 2 * step * self._x + step * step * self._n) * keep
        xy = (self._xy - step * self._y) * keep
        x -= step * n
        self._n, self._x, self._y, self._xx, self._xy = n + 1, x, y + delay, xx, xy
        spread = (n + 1) * xx - x * x
        return ((n + 1) * xy - x * (y + delay)) / spread if spread > 1e-9 else 0.0

    def _judge(self, trend: float, step: float) -> None:
        stands = self._stands(step, drains=trend < -self.threshold)
        if trend > self.threshold or stands:
            self._above += 1
            goes_on = self._above >= PERSISTENCE and (stands or trend >= 0.9 * self.trend)
            self.signal = Signal.OVERUSE if goes_on else Signal.NORMAL
        else:
            self._above = 0
            self.signal = Signal.UNDERUSE if trend < -self.threshold else Signal.NORMAL
        self.trend = trend
        size = abs(trend)
        if size - self.threshold <= SPIKE:
            rate = UPWARD if size > self.threshold else DOWNWARD
            moved = self.threshold + rate * min(step, 0.1) * (size - self.threshold)
            self.threshold = min(max(moved, LEAST), MOST)

    def _stands(self, step: float, *, drains: bool) -> bool:
        """Whether a queue stands that is too long. One that our sending less does not shorten is somebody else's."""
        if self.queue < self.queue_limit:
            self._standing_since = float("inf")
            self.queue_limit -= (self.queue_limit - STANDING) * min(1.0, step / TOLERANCE)
            return False
        if drains:
            self._standing_since = self._at
            return False
        self._standing_since = min(self._standing_since, self._at)
        if self._at - self._standing_since > STUBBORN:
            self.queue_limit = min(MOST_STANDING, 1.25 * self.queue)
        return True

"""Attendance: who was in which session from when to when, merged over tabs, devices and reconnects.

The server writes one `Stretch` for each stretch of one connection's presence. Everything the board, the exports and a
participant's own page say about presence is derived from them here. Neighbour: `evaluation`, what people thought of it.
All times are Unix seconds in UTC; periods are half-open, so that whoever leaves as another comes is never counted twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from msgspec import Struct

# A shorter absence counts as presence. The last heartbeat before a server is killed may be 15 s old, a restart takes some
# seconds, browsers come back with a back-off of up to 5 s, and a town hall's network may be away for longer than any of
# these: four heartbeats cover them together. Whoever is away for longer was away, and no minute of it is invented.
RECONNECT_GRACE: Final = 60.0
MINUTE: Final = 60.0


class Stretch(Struct, frozen=True):
    """One connection's presence in one session, with its tab visible or in the background all along."""

    person_id: str
    session_id: str
    from_at: float
    seen_at: float
    visible: bool


class Period(Struct, frozen=True):
    """When a session was live. `ended_at` is now, or when somebody was last seen, while it still runs."""

    live_at: float
    ended_at: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended_at - self.live_at)


class Span(Struct, frozen=True):
    """A person's merged presence: not more than one span covers any moment. Visible in at least one tab, or in none."""

    from_at: float
    to_at: float
    visible: bool

    @property
    def seconds(self) -> float:
        return self.to_at - self.from_at


class Presence(Struct, frozen=True):
    """One person in one session. Time in the background only counts as presence too; it is told apart."""

    person_id: str
    session_id: str
    spans: tuple[Span, ...]

    @property
    def seconds(self) -> float:
        return sum(span.seconds for span in self.spans)

    @property
    def background_seconds(self) -> float:
        """Seconds in which every tab of theirs was in the background."""
        return sum(span.seconds for span in self.spans if not span.visible)

    @property
    def visible_seconds(self) -> float:
        return sum(span.seconds for span in self.spans if span.visible)

    @property
    def from_at(self) -> float:
        return self.spans[0].from_at

    @property
    def to_at(self) -> float:
        return self.spans[-1].to_at


class CurvePoint(NamedTuple):
    """The moment within one minute of the session at which most people were there at once."""

    minute: int  # 0 is the session's first
    present: int
    background: int  # of them, those in background tabs only


class Summary(Struct, frozen=True):
    """A session's attendance. People are counted once, however often they came."""

    people: int
    median_seconds: float  # 0 while nobody has been there
    background_seconds: float  # of all people's presence together
    total_seconds: float
    peak: int  # most people at once
    curve: tuple[CurvePoint, ...]


def merge(stretches: Iterable[Stretch], period: Period, grace: float = RECONNECT_GRACE) -> list[Presence]:
    """One presence for each person seen in the session while it was live, sorted by person. All `stretches` are of one
    session. A moment counts as visible if any of the person's tabs was; an absence of at most `grace` seconds goes on
    as it was before. Somebody seen only for a moment is there with no spans of any length."""
    mine: dict[str, list[Stretch]] = defaultdict(list)
    for stretch in stretches:
        mine[stretch.person_id].append(stretch)
    merged = []
    for person_id, own in sorted(mine.items()):
        if spans := _clip(_spans(own, grace), period):
            merged.append(Presence(person_id, own[0].session_id, tuple(spans)))
    return merged


def summarise(presences: Sequence[Presence], period: Period, *, running: bool = False) -> Summary:
    """The figures of one session. A running session's last, unfinished minute is left out of the curve: heartbeats that
    are still due would make it look as if people were leaving."""
    changes = _changes(presences)
    minutes = int(period.seconds // MINUTE) if running else -int(-period.seconds // MINUTE)
    curve = _curve(changes, period.live_at, minutes)
    return Summary(
        people=len(presences),
        median_seconds=median([p.seconds for p in presences]) if presences else 0.0,
        background_seconds=sum(p.background_seconds for p in presences),
        total_seconds=sum(p.seconds for p in presences),
        peak=_peak(changes),
        curve=curve,
    )


def stretches_of(presence: Presence) -> list[Stretch]:
    """The presence written as stretches again: merging them gives the same presence."""
    return [Stretch(presence.person_id, presence.session_id, s.from_at, s.to_at, s.visible) for s in presence.spans]


def _spans(stretches: Sequence[Stretch], grace: float) -> list[Span]:
    """A sweep over everything that begins or ends, one person's stretches in one session."""
    edges: list[tuple[float, int, bool]] = []
    for stretch in stretches:
        edges.append((stretch.from_at, 1, stretch.visible))
        edges.append((max(stretch.from_at, stretch.seen_at), -1, stretch.visible))
    edges.sort(key=lambda edge: (edge[0], -edge[1], not edge[2]))  # openings first, so that what touches is joined
    spans: list[Span] = []
    open_visible = open_background = 0
    for (at, step, visible), following in pairwise([*edges, edges[-1]]):
        if visible:
            open_visible += step
        else:
            open_background += step
        until = following[0]
        if open_visible or open_background:
            _extend(spans, at, until, visible=open_visible > 0)
        elif spans and 0 < until - at <= grace:
            _extend(spans, at, until, visible=spans[-1].visible)
    return spans


def _extend(spans: list[Span], from_at: float, to_at: float, *, visible: bool) -> None:
    """Adds a span, grown together with the one before if they touch and are alike, or if one of them is but a moment."""
    if spans and spans[-1].to_at == from_at:
        last = spans[-1]
        if last.visible == visible or from_at == to_at:
            spans[-1] = Span(last.from_at, to_at, last.visible)
            return
        if last.from_at == last.to_at:
            spans.pop()
            _extend(spans, from_at, to_at, visible=visible)
            return
    spans.append(Span(from_at, to_at, visible))


def _clip(spans: Iterable[Span], period: Period) -> list[Span]:
    clipped = []
    for span in spans:
        from_at, to_at = max(span.from_at, period.live_at), min(span.to_at, period.ended_at)
        if from_at < to_at or (from_at == to_at == span.from_at == span.to_at):
            clipped.append(Span(from_at, to_at, span.visible))
    return clipped


def _changes(presences: Iterable[Presence]) -> list[tuple[float, int, int]]:
    """(moment, change of people present, change of people in the background), one entry a moment, sorted."""
    changes: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for presence in presences:
        for span in presence.spans:
            for at, step in ((span.from_at, 1), (span.to_at, -1)):
                changes[at][0] += step
                changes[at][1] += 0 if span.visible else step
    return [(at, present, background) for at, (present, background) in sorted(changes.items())]


def _peak(changes: Iterable[tuple[float, int, int]]) -> int:
    peak = present = 0
    for _, step, _ in changes:
        present += step
        peak = max(peak, present)
    return peak


def _curve(changes: Sequence[tuple[float, int, int]], live_at: float, minutes: int) -> tuple[CurvePoint, ...]:
    points = []
    present = background = index = 0
    for minute in range(minutes):
        best = (present, background)  # as the minute before left it; replaced below if this minute begins with a change
        begins, ends = live_at + minute * MINUTE, live_at + (minute + 1) * MINUTE
        while index < len(changes) and changes[index][0] < ends:
            at, step, background_step = changes[index]
            present, background = present + step, background + background_step
            best = (present, background) if at <= begins else max(best, (present, background), key=lambda pair: pair[0])
            index += 1
        points.append(CurvePoint(minute, *best))
    return tuple(points)

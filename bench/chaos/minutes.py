"""Attendance: what is written down covers everybody's certain presence, and nothing that is not possible, to the heartbeat.

A node that dies takes with it what it has not written: the time since the last heartbeat, and if the database was away then,
the time since it went. Nothing else may be missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.chaos.history import History, Stay
from bench.chaos.nodes import HEARTBEAT
from rooms.attendance import Stretch
from server.database.outage import PATIENCE

Spans = list[tuple[float, float]]

# Seconds that a stretch takes to be on the disk, beside the heartbeat; and how late a server may notice what we did.
SETTLING = 1.5
SLACK = HEARTBEAT
MOMENT = 0.25  # less is no minute of anybody's: what lies between an end and its being noticed


def check(history: History, attendance: Sequence[Stretch]) -> list[str]:
    """What is missing, and what is too much, for each person."""
    written: dict[str, Spans] = defaultdict(list)
    for stretch in attendance:
        written[stretch.person_id].append((stretch.from_at, stretch.seen_at))
    stays: dict[str, list[Stay]] = defaultdict(list)
    for record in history.records:
        stays[record.actor.person_id] += record.stays
    wrong = []
    for person_id in sorted(written.keys() | stays.keys()):
        there = join(written[person_id])
        certain = join((stay.sure_from, stay.sure_to) for stay in stays[person_id] if 0 < stay.sure_from < stay.sure_to)
        for begin, end in subtract(subtract(certain, there), excused(history, stays[person_id])):
            if end - begin > MOMENT + history.lag:
                wrong.append(
                    f"{person_id} was there for {end - begin:.3f} s from {begin % 1000:.3f} that are not written down"
                )
        for begin, end in subtract(there, possible(history, stays[person_id])):
            if end - begin > MOMENT + history.lag:
                wrong.append(
                    f"{person_id} was not there for {end - begin:.3f} s from {begin % 1000:.3f} that are written down"
                )
    return wrong


def excused(history: History, stays: Iterable[Stay]) -> Spans:
    """What the nodes that died under somebody's connection may have taken with them."""
    own = list(stays)
    outages = [(fault.began, fault.over or fault.began) for fault in history.faults if takes_nothing(fault.kind)]
    spans = []
    late = SLACK + history.lag
    unwritten = HEARTBEAT + SETTLING + history.lag
    for death in history.deaths:
        if not any(stay.node == death.node and stay.asked_at <= death.at <= stay.sure_to + late for stay in own):
            continue
        since = death.at if death.said_goodbye else death.at - unwritten
        for began, over in sorted(outages, reverse=True):
            if began <= death.at and over >= since:
                since = min(since, began - unwritten)
        spans.append((since, death.at + late))
    return join(spans)


def possible(history: History, stays: Iterable[Stay]) -> Spans:
    """From the first attempt until the server must have noticed the end: a frozen one notices when it goes on, and one that
    waits for its database when it has it again, or has given up."""
    late = SLACK + history.lag
    frozen = [(f.target, f.began, f.over) for f in history.faults if f.kind == "stop node"]
    spans = []
    for stay in stays:
        end = stay.gone_by
        for node, began, over in frozen:
            if node == stay.node and began <= end + late and over >= end:
                end = over
        if any(f.kind.endswith("postgres") and f.began <= end + late and f.over + PATIENCE >= end for f in history.faults):
            end += PATIENCE
        spans.append((stay.asked_at, end + late))
    return join(spans)


def takes_nothing(kind: str) -> bool:
    """True for faults while which nothing can be written."""
    return kind.endswith("postgres") or kind == "fill disk"


def join(spans: Iterable[tuple[float, float]]) -> Spans:
    """Sorted, and without overlaps."""
    joined: Spans = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def subtract(spans: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> Spans:
    """What of `spans` is in none of `others`; both are joined."""
    left: Spans = []
    for begin, end in spans:
        at = begin
        for other_begin, other_end in others:
            if other_end <= at or other_begin >= end:
                continue
            if other_begin > at:
                left.append((at, other_begin))
            at = other_end
        if at < end:
            left.append((at, end))
    return left

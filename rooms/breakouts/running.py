"""While a round runs: its time, what moderators tell all rooms, who is barred."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.breakouts.seats import check_running, end_of, open_rooms, running_room
from rooms.breakouts.sketch import Sketch
from rooms.errors import Refused
from rooms.text import check_text

COUNTDOWN: Final = timedelta(seconds=60)
NEWS_LENGTH: Final = 500


def close(sketch: Sketch, *, at_once: bool) -> None:
    """At once, or with a countdown for every room that would last longer."""
    state, now = sketch.state, sketch.now
    check_running(state)
    if at_once:
        sketch.do(m.BreakoutsClosed(tuple(room.id for room in open_rooms(state)), now, is_over=True))
        return
    end = now + COUNTDOWN
    for room in open_rooms(state):
        if room.ends_at is not None and room.ends_at > end:
            sketch.do(m.BreakoutEndSet(replace(room, ends_at=end)))
    if state.ends_at is None or state.ends_at > end:
        sketch.do(m.BreakoutsEndSet(end))


def close_due(sketch: Sketch) -> None:
    """Rooms whose time is over. With the last of them the round is over, and whatever is left of it."""
    state, now = sketch.state, sketch.now
    if state.phase != "running":
        return
    rooms = open_rooms(state)
    due = [room for room in rooms if (end := end_of(state, room)) is not None and end <= now]
    lasting = [room for room in rooms if room not in due and not room.is_pair]
    if state.ends_at is not None and state.ends_at <= now and not lasting:
        sketch.do(m.BreakoutsClosed(tuple(room.id for room in rooms), now, is_over=True))
        return
    for room in due:
        if room.is_pair:
            sketch.do(m.BreakoutEnded(replace(room, closed_at=now, help_since=None)))
    if closing := tuple(room.id for room in due if not room.is_pair):
        sketch.do(m.BreakoutsClosed(closing, now, is_over=False))


def extend(sketch: Sketch, minutes: int, room_id: str) -> None:
    """One room, or all that there are, those with an end of their own too."""
    state, now = sketch.state, sketch.now
    check_running(state)
    change = timedelta(minutes=minutes)
    if room_id:
        room = running_room(state, room_id)
        end = _changed(end_of(state, room), change, now)
        if end != end_of(state, room):
            sketch.do(m.BreakoutEndSet(replace(room, ends_at=end)))
        return
    round_end = _changed(state.ends_at, change, now)
    for room in open_rooms(state):
        if room.ends_at is not None and not room.is_pair:
            sketch.do(m.BreakoutEndSet(replace(room, ends_at=_changed(room.ends_at, change, now))))
    if round_end != state.ends_at:
        sketch.do(m.BreakoutsEndSet(round_end))


def tell(sketch: Sketch, author_id: str, text: str) -> None:
    check_running(sketch.state)
    news = m.BreakoutNews(author_id, check_text(text, most=NEWS_LENGTH, lines=True), sketch.now)
    sketch.do(m.BreakoutsTold(news))


def speak(sketch: Sketch, person_id: str, *, on: bool) -> None:
    if on:
        check_running(sketch.state)
    speaker = person_id if on else ""
    if speaker != sketch.state.speaking:
        sketch.do(m.BreakoutsSpeaking(speaker))


def bar(sketch: Sketch, person_id: str) -> None:
    """Out of the room they sit in, and into none again."""
    sketch.go_out(person_id, is_moved=False)
    if person_id not in sketch.state.barred:
        sketch.do(m.BreakoutBarred(person_id))


def unbar(sketch: Sketch, person_id: str) -> None:
    if person_id in sketch.state.barred:
        sketch.do(m.BreakoutUnbarred(person_id))


def _changed(end: datetime | None, change: timedelta, now: datetime) -> datetime:
    """An end moved: never so that less is left than the countdown takes, unless less was left before."""
    if end is None:
        raise Refused("illegal_step")
    return max(end + change, min(end, now + COUNTDOWN))

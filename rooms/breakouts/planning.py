"""Before a round: topics that people choose from, the draft, and the opening."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.breakouts.seats import lasting_rooms, next_number
from rooms.breakouts.sketch import Sketch
from rooms.errors import Refused
from rooms.text import check_text

OPEN_WAYS: Final = frozenset({"chosen", "tables"})  # ways whose rooms anybody may come into by themselves
MOST_ROOMS: Final = 2000  # of a session, in all its rounds, less pairs that have ended
TITLE_LENGTH: Final = 80


def ask_topics(sketch: Sketch, topics: Sequence[str]) -> None:
    asked = tuple(dict.fromkeys(check_text(topic, most=TITLE_LENGTH) for topic in topics))
    if asked != sketch.state.topics:
        sketch.do(m.BreakoutsTopicsAsked(asked))


def wish(sketch: Sketch, person_id: str, topics: Sequence[str]) -> None:
    chosen = tuple(dict.fromkeys(topics))
    if not set(chosen) <= set(sketch.state.topics):
        raise Refused("unknown_option")
    if chosen != sketch.state.topic_choices.get(person_id, ()):
        sketch.do(m.BreakoutsWished(person_id, chosen))


def offer(sketch: Sketch, person_id: str, *, on: bool) -> None:
    if on != (person_id in sketch.state.willing):
        sketch.do(m.BreakoutsOffered(person_id, on))


def plan(sketch: Sketch, command: m.BreakoutsPlan) -> None:
    state = sketch.state
    if command.after is not None and command.after != state.number:
        raise Refused("rooms_running" if state.phase == "running" else "illegal_step")
    rooms = _checked_rooms(command.rooms)
    later = tuple(_checked_round(later) for later in command.later)
    draft = m.BreakoutsDraft(_checked_plan(command.plan, _seated(rooms)), rooms, later)
    if draft != state.draft:
        sketch.do(m.BreakoutsPlanned(draft))


def discard(sketch: Sketch) -> None:
    if sketch.state.draft is not None:
        sketch.do(m.BreakoutsDiscarded())


def open_round(sketch: Sketch, rooms: Sequence[m.DraftRoom] | None) -> None:
    """Opens the draft's rooms, or `rooms` instead, which the server has made of them. The round planned after it, if any,
    becomes the draft."""
    state, now = sketch.state, sketch.now
    if state.phase == "running":
        raise Refused("rooms_running")
    if state.draft is None:
        raise Refused("illegal_step")
    plan = state.draft.plan
    opened = list(_opened(state, plan.way, _checked_rooms(state.draft.rooms if rooms is None else rooms)))
    if not opened and plan.way != "pairs":
        raise Refused("nobody_here")
    if len(lasting_rooms(state)) + len(opened) > MOST_ROOMS:
        raise Refused("too_many", most=MOST_ROOMS)
    sketch.do(
        m.BreakoutsOpened(
            number=state.number + 1,
            way=plan.way,
            at=now,
            ends_at=now + timedelta(minutes=plan.minutes) if plan.minutes else None,
            places_late=plan.places_late and plan.way not in OPEN_WAYS and plan.way != "pairs",
            pairs=plan.way == "pairs" or (plan.pairs and plan.way == "tables"),
            sound=plan.sound,
            rooms=tuple(replace(room, people=(), facilitator="") for room in opened),
        )
    )
    for room in opened:
        if room.people:
            sketch.do(m.BreakoutSeated(room))


def _opened(state: m.BreakoutsState, way: m.BreakoutWay, rooms: Sequence[m.DraftRoom]) -> Iterator[m.BreakoutRoom]:
    """The rooms of a new round. Those without anybody stay closed, unless people choose for themselves."""
    first, barred, number = next_number(state), set(state.barred), 0
    for draft in rooms:
        people = tuple(person for person in draft.people if person not in barred)
        if not people and way not in OPEN_WAYS:
            continue
        yield m.BreakoutRoom(
            id=f"b{first + number}",
            number=number + 1,
            title=draft.title,
            topic=draft.topic,
            capacity=draft.capacity,
            is_open=way in OPEN_WAYS,
            round=state.number + 1,
            people=people,
            facilitator=draft.facilitator if draft.facilitator in people else "",
        )
        number += 1


def _checked_plan(plan: m.BreakoutPlan, seated: Collection[str]) -> m.BreakoutPlan:
    """Nobody is left out who is `seated`."""
    if len({wish.rule for wish in plan.wishes}) != len(plan.wishes):
        raise Refused("bad_rooms")
    topics = tuple(dict.fromkeys(check_text(topic, most=TITLE_LENGTH) for topic in plan.topics))
    return replace(plan, topics=topics, left_out=_left_out(plan.left_out, seated))


def _checked_round(later: m.DraftRound) -> m.DraftRound:
    rooms = _checked_rooms(later.rooms)
    return replace(later, rooms=rooms, left_out=_left_out(later.left_out, _seated(rooms)))


def _seated(rooms: Iterable[m.DraftRoom]) -> set[str]:
    return {person for room in rooms for person in room.people}


def _left_out(people: Iterable[str], seated: Collection[str]) -> tuple[str, ...]:
    return tuple(person for person in dict.fromkeys(people) if person not in seated)


def _checked_rooms(rooms: Sequence[m.DraftRoom]) -> tuple[m.DraftRoom, ...]:
    """Nobody sits in two rooms or twice in one, no room holds too many, and who facilitates or is fixed is there."""
    people = [person for room in rooms for person in room.people]
    if len(set(people)) != len(people) or any(len(room.people) > room.capacity for room in rooms):
        raise Refused("bad_rooms")
    return tuple(
        replace(
            room,
            title=check_text(room.title, most=TITLE_LENGTH) if room.title.strip() else "",
            topic=check_text(room.topic, most=TITLE_LENGTH) if room.topic.strip() else "",
            facilitator=room.facilitator if room.facilitator in room.people else "",
            fixed=tuple(person for person in room.people if person in room.fixed),
        )
        for room in rooms
    )

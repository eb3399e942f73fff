"""What events make of the state of breakout rooms, and what each may see of it.

For every event e that an actor hears, redact(apply(s, e)) = apply(redact(s), e); for every other, redact(apply(s, e)) =
redact(s). A redacted state says for whom (`reader`), so that leaving a room can close its door behind one.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec.structs import replace

from rooms import messages as m
from rooms.access import is_moderator

State = m.BreakoutsState
ItemT = TypeVar("ItemT")

MOST_MET: Final = 5000  # pairs of which nothing else is kept; the oldest may meet again


def redact(state: State, actor: m.Actor) -> State:
    """What `actor` may see."""
    if is_moderator(actor):
        return state
    reader = actor.person_id
    seen = {room.id: own for room in state.rooms.values() if (own := _seen(room, reader)) is not None}
    return replace(
        state,
        reader=reader,
        rooms=seen,
        draft=None,
        topic_choices={key: topics for key, topics in state.topic_choices.items() if key == reader},
        plan=None,
        willing=tuple(person for person in state.willing if person == reader),
        waiting=tuple(person for person in state.waiting if person == reader),
        outside={key: room_id for key, room_id in state.outside.items() if key == reader},
        barred=tuple(person for person in state.barred if person == reader),
        met=(),
    )


def apply(state: State, event: m.BreakoutsEvent) -> State:
    """The state after `event`."""
    match event:
        case m.BreakoutsTopicsAsked(topics):
            return replace(state, topics=topics, topic_choices=_kept_choices(state, topics))
        case m.BreakoutsWished(person_id, topics):
            others = _without(state.topic_choices, person_id)
            return replace(state, topic_choices={**others, person_id: topics} if topics else others)
        case m.BreakoutsOffered(person_id, willing):
            offering = tuple(person for person in state.willing if person != person_id)
            return replace(state, willing=(*offering, person_id) if willing else offering)
        case m.BreakoutsPlanned(draft):
            return replace(state, draft=draft)
        case m.BreakoutsDiscarded():
            return replace(state, draft=None)
        case m.BreakoutsOpened():
            return _opened(state, event)
        case m.BreakoutEntered(room, person_id):
            return _with_room(_no_longer_outside(state, person_id), room)
        case m.BreakoutPaired(room):
            for person_id in room.people:
                state = _no_longer_outside(state, person_id)
            return _with_room(state, room)
        case m.BreakoutLeft(room, person_id, is_moved, way_back):
            stays = not is_moved and state.reader in ("", person_id)
            return _with_room(replace(state, outside={**state.outside, person_id: way_back}) if stays else state, room)
        case m.BreakoutForgotten(room):
            return _forgotten(state, room)
        case m.BreakoutsClosed():
            return _closed(state, event)
        case m.BreakoutsEndSet(ends_at):
            return replace(state, ends_at=ends_at)
        case m.BreakoutsTold(news):
            return replace(state, news=news)
        case m.BreakoutsSpeaking(person_id):
            return replace(state, speaking=person_id)
        case m.BreakoutsNotesShown(showing):
            return replace(state, showing=showing)
        case m.BreakoutsWaiting(person_id, waits):
            waiting = tuple(person for person in state.waiting if person != person_id)
            return replace(state, waiting=(*waiting, person_id) if waits else waiting)
        case m.BreakoutBarred(person_id):
            waiting = tuple(person for person in state.waiting if person != person_id)
            return replace(state, barred=(*state.barred, person_id), waiting=waiting)
        case m.BreakoutUnbarred(person_id):
            return replace(state, barred=tuple(person for person in state.barred if person != person_id))
        case _:  # what else happens in a room
            return _with_room(state, event.room)


def _seen(room: m.BreakoutRoom, reader: str) -> m.BreakoutRoom | None:
    """A room as `reader` sees it; None: not at all."""
    if not reader or reader in room.people:
        return room
    if room.is_pair or room.closed_at is not None:
        return None
    return m.BreakoutRoom(
        room.id, room.number, room.title, room.topic, room.capacity, room.is_open, room.is_pair, room.round
    )


def _with_room(state: State, room: m.BreakoutRoom) -> State:
    seen = _seen(room, state.reader)
    return replace(state, rooms=_without(state.rooms, room.id) if seen is None else {**state.rooms, room.id: seen})


def _opened(state: State, event: m.BreakoutsOpened) -> State:
    return replace(
        state,
        phase="running",
        number=event.number,
        way=event.way,
        started_at=event.at,
        ends_at=event.ends_at,
        places_late=event.places_late,
        pairs=event.pairs,
        sound=event.sound,
        rooms={**state.rooms, **{room.id: room for room in event.rooms}},
        plan=state.draft.plan if state.draft is not None else None,
        draft=_draft_after(state.draft),
        waiting=(),
        outside={},
        news=None,
        speaking="",
        showing=None,
    )


def _draft_after(draft: m.BreakoutsDraft | None) -> m.BreakoutsDraft | None:
    """What is planned once `draft`'s first round is opened."""
    if draft is None or not draft.later:
        return None
    first, *others = draft.later
    plan = replace(draft.plan, rounds=len(draft.later), left_out=first.left_out)
    return m.BreakoutsDraft(plan, first.rooms, tuple(others))


def _closed(state: State, event: m.BreakoutsClosed) -> State:
    closing = set(event.room_ids)
    after = [replace(room, closed_at=event.at) if key in closing else room for key, room in state.rooms.items()]
    rooms = {room.id: seen for room in after if (seen := _seen(room, state.reader)) is not None}
    if event.is_over:
        return replace(state, phase="over", ends_at=event.at, rooms=rooms, waiting=(), news=None, speaking="")
    return replace(state, rooms=rooms)


def _forgotten(state: State, room: m.BreakoutRoom) -> State:
    others = (people for people in state.met if people != room.people)
    met = () if state.reader else (*others, room.people)[-MOST_MET:]
    return replace(state, rooms=_without(state.rooms, room.id), met=met)


def _no_longer_outside(state: State, person_id: str) -> State:
    waiting = tuple(person for person in state.waiting if person != person_id)
    return replace(state, outside=_without(state.outside, person_id), waiting=waiting)


def _kept_choices(state: State, topics: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What people chose of the topics that there still are."""
    kept = {key: tuple(topic for topic in chosen if topic in topics) for key, chosen in state.topic_choices.items()}
    return {key: chosen for key, chosen in kept.items() if chosen}


def _without(items: dict[str, ItemT], key: str) -> dict[str, ItemT]:
    return {other: item for other, item in items.items() if other != key}

"""Whom states and events mention, so that names can be joined when they are sent: the journal itself knows ids only."""

from __future__ import annotations

from rooms import messages as m


def people_in_event(event: m.Event) -> frozenset[str]:
    """The ids of those whose names a reader of `event` needs."""
    match event:
        case m.StageEntered(person_id):
            return frozenset({person_id})
        case m.QuestionAsked(question) | m.QuestionPublished(question):
            return frozenset({question.author_id} - {""})
        case m.RecordingStarted(_, by):
            return frozenset({by})
        case m.BreakoutsPlanned(draft):
            return _in_draft(draft)
        case m.BreakoutsTold(news):
            return frozenset({news.author_id})
    if isinstance(event, m.BreakoutsEvent):
        room = getattr(event, "room", None)
        named = {getattr(event, "person_id", ""), getattr(event, "by", "")} - {""}
        return frozenset(named) | (_in_room(room) if isinstance(room, m.BreakoutRoom) else frozenset())
    return frozenset()


def people_in_state(state: m.State) -> frozenset[str]:
    """The ids of those whose names a reader of `state` needs; take a redacted one, and it tells no more than that."""
    if isinstance(state, m.ConferenceState):
        return frozenset()
    if isinstance(state, m.BreakoutsState):
        return _in_breakouts(state)
    return (
        frozenset(state.stage)
        | {q.author_id for q in state.questions.values() if q.author_id}
        | {r.started_by for r in state.recordings.values()}
    )


def _in_breakouts(state: m.BreakoutsState) -> frozenset[str]:
    found = {*state.topic_choices, *state.willing, *state.waiting, *state.outside, *state.barred, state.speaking}
    if state.news is not None:
        found.add(state.news.author_id)
    for room in state.rooms.values():
        found |= _in_room(room)
    return frozenset(found - {""}) | (_in_draft(state.draft) if state.draft is not None else frozenset())


def _in_room(room: m.BreakoutRoom) -> frozenset[str]:
    return frozenset((*room.people, *room.visitors))


def _in_draft(draft: m.BreakoutsDraft) -> frozenset[str]:
    rooms = (*draft.rooms, *(room for later in draft.later for room in later.rooms))
    sets = (*draft.plan.together, *draft.plan.apart, *(room.people for room in rooms))
    return frozenset(person for people in sets for person in people)

"""Whom states and events mention, so that names can be joined when they are sent: the journal itself knows ids only."""

from __future__ import annotations

from rooms import messages as m


def people_in_event(event: m.Event) -> frozenset[str]:
    """The ids of those whose names a reader of `event` needs."""
    match event:
        case m.StageEntered(person_id):
            return frozenset({person_id})
        case m.QuestionAsked(question) | m.QuestionPublished(question):
            return frozenset({question.author_id})
        case m.RecordingStarted(_, by):
            return frozenset({by})
    return frozenset()


def people_in_state(state: m.State) -> frozenset[str]:
    """The ids of those whose names a reader of `state` needs; take a redacted one, and it tells no more than that."""
    if isinstance(state, m.ConferenceState):
        return frozenset()
    return (
        frozenset(state.stage)
        | {q.author_id for q in state.questions.values()}
        | {r.started_by for r in state.recordings.values()}
    )

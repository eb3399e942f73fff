"""Questions from the hall: pending → published → answered, or dismissed. Votes are rows (`server/ballots.py`)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused
from rooms.numbering import next_id
from rooms.text import check_text

Questions = dict[str, m.Question]
Command = m.QuestionAsk | m.QuestionPublish | m.QuestionDismiss | m.QuestionMarkAnswered
Event = m.QuestionAsked | m.QuestionPublished | m.QuestionDismissed | m.QuestionAnswered

MOST_QUESTIONS: Final = 2000
MOST_PENDING_EACH: Final = 5
TEXT_LENGTH: Final = 500


def decide(
    questions: Questions, session_id: str, phase: m.Phase, actor: m.Actor, command: Command, now: datetime
) -> list[Event]:
    """What a participant's or moderator's command makes happen."""
    match command:
        case m.QuestionAsk(text):
            return [_ask(questions, session_id, phase, actor, text, now)]
        case m.QuestionPublish(question_id):
            question = _with_status(questions, question_id, "pending", "dismissed")
            return [m.QuestionPublished(replace(question, status="published", published_at=now))]
        case m.QuestionDismiss(question_id):
            question = _with_status(questions, question_id, "pending", "published")
            return [m.QuestionDismissed(question_id, question.author_id, question.published_at is not None)]
        case m.QuestionMarkAnswered(question_id):
            _with_status(questions, question_id, "published")
            return [m.QuestionAnswered(question_id)]


def apply(questions: Questions, event: Event) -> Questions:
    """The questions after `event`."""
    match event:
        case m.QuestionAsked(question) | m.QuestionPublished(question):
            return {**questions, question.id: question}
        case m.QuestionDismissed(question_id):
            return {**questions, question_id: replace(questions[question_id], status="dismissed")}
        case m.QuestionAnswered(question_id):
            return {**questions, question_id: replace(questions[question_id], status="answered")}


def redact(questions: Questions, person_id: str) -> Questions:
    """What one of the hall may see: what has been published, and what they asked themselves."""
    return {
        key: question
        for key, question in questions.items()
        if question.published_at is not None or question.author_id == person_id
    }


def check_vote(questions: Questions, phase: m.Phase, question_id: str) -> m.Question:
    """Returns the question if it takes votes now: while the session is live. One that is not published does not exist for
    the hall."""
    _check_live(phase)
    question = questions.get(question_id)
    if question is None or question.published_at is None:
        raise Refused("not_found")
    if question.status != "published":
        raise Refused("illegal_step", status=question.status)
    return question


def _ask(questions: Questions, session_id: str, phase: m.Phase, actor: m.Actor, text: str, now: datetime) -> m.QuestionAsked:
    _check_live(phase)
    pending = sum(1 for q in questions.values() if q.author_id == actor.person_id and q.status == "pending")
    if pending >= MOST_PENDING_EACH or len(questions) >= MOST_QUESTIONS:
        raise Refused("too_many", most=MOST_PENDING_EACH)
    checked = check_text(text, most=TEXT_LENGTH, lines=True)
    return m.QuestionAsked(m.Question(next_id(session_id, "q", questions), actor.person_id, checked, asked_at=now))


def _check_live(phase: m.Phase) -> None:
    """What the hall says about questions, it says while the session is live."""
    if phase != "live":
        raise Refused("session_ended" if phase == "ended" else "session_not_open")


def _with_status(questions: Questions, question_id: str, *allowed: m.QuestionStatus) -> m.Question:
    question = questions.get(question_id)
    if question is None:
        raise Refused("not_found")
    if question.status not in allowed:
        raise Refused("illegal_step", status=question.status)
    return question

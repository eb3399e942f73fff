"""Questions from the hall."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rooms import messages as m
from rooms import questions, room
from rooms.errors import Refused
from tests.rooms import day

ASK = m.QuestionAsk("Hur gör ni?")


def step(state: m.RoomState, actor: m.Actor, command: m.RoomCommand, phase: m.Phase = "live") -> m.RoomState:
    for event in room.decide(state, day.context(phase), actor, command, day.NOON):
        state = room.apply(state, event)
    return state


def refusal(state: m.RoomState, actor: m.Actor, command: m.RoomCommand, phase: m.Phase = "live") -> str:
    with pytest.raises(Refused) as caught:
        step(state, actor, command, phase)
    return caught.value.code


ASKED = step(m.RoomState(), day.ANNA, ASK)
PUBLISHED = step(ASKED, day.MONA, m.QuestionPublish("s1-q1"))


def test_a_new_question_is_seen_by_its_author_and_the_moderators_only() -> None:
    assert "s1-q1" in room.redact(ASKED, day.ANNA).questions
    assert "s1-q1" in room.redact(ASKED, day.MONA).questions
    assert "s1-q1" not in room.redact(ASKED, day.BO).questions
    assert "s1-q1" not in room.redact(ASKED, day.BRITT).questions


def test_a_published_question_is_seen_by_all_and_takes_votes() -> None:
    assert room.redact(PUBLISHED, day.BO).questions["s1-q1"].text == "Hur gör ni?"
    room.check_row(PUBLISHED, day.context(), day.BO, m.QuestionVote("s1-q1", up=True))


def test_a_pending_question_does_not_exist_for_voters() -> None:
    with pytest.raises(Refused, match="not_found"):
        room.check_row(ASKED, day.context(), day.BO, m.QuestionVote("s1-q1", up=True))


def test_an_answered_question_takes_no_more_votes() -> None:
    state = step(PUBLISHED, day.MONA, m.QuestionMarkAnswered("s1-q1"))
    with pytest.raises(Refused, match="illegal_step"):
        room.check_row(state, day.context(), day.BO, m.QuestionVote("s1-q1", up=True))


@pytest.mark.parametrize(
    ("phase", "code"), [("planned", "session_not_open"), ("backstage", "session_not_open"), ("ended", "session_ended")]
)
@pytest.mark.parametrize("up", [True, False])
def test_votes_are_cast_and_taken_back_while_the_session_is_live(phase: m.Phase, code: str, up: bool) -> None:
    with pytest.raises(Refused) as caught:
        room.check_row(PUBLISHED, day.context(phase), day.BO, m.QuestionVote("s1-q1", up=up))
    assert caught.value.code == code


def test_a_dismissed_question_can_be_published_after_all() -> None:
    state = step(ASKED, day.MONA, m.QuestionDismiss("s1-q1"))
    assert step(state, day.MONA, m.QuestionPublish("s1-q1")).questions["s1-q1"].status == "published"


def test_nobody_piles_up_pending_questions() -> None:
    state = m.RoomState()
    for _ in range(questions.MOST_PENDING_EACH):
        state = step(state, day.ANNA, ASK)
    assert refusal(state, day.ANNA, ASK) == "too_many"
    step(state, day.BO, ASK)


def test_a_session_holds_so_many_questions_and_no_more() -> None:
    one = next(iter(ASKED.questions.values()))
    full = m.RoomState(questions={f"s1-q{n}": replace(one, status="published") for n in range(questions.MOST_QUESTIONS)})
    assert refusal(full, day.BO, ASK) == "too_many"


@pytest.mark.parametrize(("phase", "code"), [("planned", "session_not_open"), ("ended", "session_ended")])
def test_questions_are_asked_while_the_session_is_live(phase: m.Phase, code: str) -> None:
    assert refusal(m.RoomState(), day.ANNA, ASK, phase) == code


def test_html_is_text_like_any_other() -> None:
    text = "<script>alert(1)</script>"
    assert step(m.RoomState(), day.ANNA, m.QuestionAsk(text)).questions["s1-q1"].text == text


@pytest.mark.parametrize(
    "command", [m.QuestionPublish("s1-q9"), m.QuestionDismiss("s1-q9"), m.QuestionMarkAnswered("s1-q9")]
)
def test_an_unknown_question_does_not_exist(command: m.RoomCommand) -> None:
    assert refusal(PUBLISHED, day.MONA, command) == "not_found"

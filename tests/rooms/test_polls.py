"""Single-choice polls."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms import room
from rooms.errors import Refused
from rooms.polls import MOST_POLLS
from tests.rooms import day

DRAFT = m.PollDraft("Ska vi?", ("Ja", "Nej"), anonymous=False)


def after(*commands: m.RoomCommand, phase: m.Phase = "live") -> m.RoomState:
    state = m.RoomState()
    for command in commands:
        actor = m.SYSTEM if isinstance(command, m.PollCount) else day.MONA
        for event in room.decide(state, day.context(phase), actor, command, day.NOON):
            state = room.apply(state, event)
    return state


def refusal(state: m.RoomState, command: m.RoomCommand, phase: m.Phase = "live") -> str:
    with pytest.raises(Refused) as caught:
        room.decide(state, day.context(phase), day.MONA, command, day.NOON)
    return caught.value.code


def test_a_poll_is_drafted_opened_closed_counted_and_shown() -> None:
    state = after(DRAFT, m.PollOpen("s1-p1"), m.PollClose("s1-p1"), m.PollCount("s1-p1", (3, 1)), m.PollShow("s1-p1"))
    poll = state.polls["s1-p1"]
    assert (poll.phase, poll.counts) == ("shown", (3, 1))


def test_a_session_holds_so_many_polls_and_no_more() -> None:
    full = after(*[DRAFT] * MOST_POLLS)
    assert len(full.polls) == MOST_POLLS and refusal(full, DRAFT) == "too_many"


def test_results_cannot_be_shown_before_they_are_counted() -> None:
    assert refusal(after(DRAFT, m.PollOpen("s1-p1"), m.PollClose("s1-p1")), m.PollShow("s1-p1")) == "try_again"


def test_the_hall_does_not_see_a_count_before_it_is_shown() -> None:
    state = after(DRAFT, m.PollOpen("s1-p1"), m.PollClose("s1-p1"), m.PollCount("s1-p1", (3, 1)))
    assert room.redact(state, day.ANNA).polls["s1-p1"].counts is None
    assert room.redact(state, day.BRITT).polls["s1-p1"].counts == (3, 1)


@pytest.mark.parametrize(("counts", "told"), [((0, 0), ()), ((1, 0), ()), ((1, 1), ()), ((2, 1), (2, 1)), ((3, 0), (3, 0))])
def test_an_anonymous_poll_tells_nothing_before_enough_have_answered(counts: tuple[int, ...], told: tuple[int, ...]) -> None:
    draft = m.PollDraft("Ska vi?", ("Ja", "Nej"), anonymous=True)
    state = after(draft, m.PollOpen("s1-p1"), m.PollClose("s1-p1"), m.PollCount("s1-p1", counts), m.PollShow("s1-p1"))
    assert state.polls["s1-p1"].counts == told
    for actor in day.EVERYONE:
        assert room.redact(state, actor).polls["s1-p1"].counts == told


def test_a_named_poll_tells_every_answer() -> None:
    state = after(DRAFT, m.PollOpen("s1-p1"), m.PollClose("s1-p1"), m.PollCount("s1-p1", (1, 0)))
    assert state.polls["s1-p1"].counts == (1, 0)


@pytest.mark.parametrize("options", [("Ja",), ("Ja", "Ja"), ("Ja", " Ja ")])
def test_a_poll_needs_different_options(options: tuple[str, ...]) -> None:
    assert refusal(m.RoomState(), m.PollDraft("Ska vi?", options, anonymous=True)) == "bad_options"


@pytest.mark.parametrize("title", ["", "  ", "x" * 301, "a\x00b", "a\u202eb", "a\nb"])
def test_a_title_is_checked(title: str) -> None:
    assert refusal(m.RoomState(), m.PollDraft(title, ("Ja", "Nej"), anonymous=True)) == "bad_text"


def test_a_poll_opens_only_while_the_session_is_live() -> None:
    assert refusal(after(DRAFT), m.PollOpen("s1-p1"), phase="backstage") == "not_live"


def test_an_opened_poll_cannot_be_discarded() -> None:
    assert refusal(after(DRAFT, m.PollOpen("s1-p1")), m.PollDiscard("s1-p1")) == "poll_locked"


def test_ids_go_on_counting_after_a_draft_was_discarded() -> None:
    assert [*after(DRAFT, DRAFT, m.PollDiscard("s1-p1"), DRAFT).polls] == ["s1-p2", "s1-p3"]


@pytest.mark.parametrize(
    ("commands", "answer", "code"),
    [
        ([DRAFT], m.PollAnswer("s1-p1", 0), "poll_not_open"),
        ([DRAFT, m.PollOpen("s1-p1")], m.PollAnswer("s1-p1", 2), "unknown_option"),
        ([DRAFT, m.PollOpen("s1-p1"), m.PollClose("s1-p1")], m.PollAnswer("s1-p1", 0), "poll_closed"),
        ([], m.PollAnswer("s1-p9", 0), "not_found"),
    ],
)
def test_an_answer_is_refused_with_the_reason(commands: list[m.RoomCommand], answer: m.PollAnswer, code: str) -> None:
    with pytest.raises(Refused) as caught:
        room.check_row(after(*commands), day.context(), day.ANNA, answer)
    assert caught.value.code == code


def test_an_answer_to_an_open_poll_is_taken() -> None:
    poll = room.check_row(after(DRAFT, m.PollOpen("s1-p1")), day.context(), day.ANNA, m.PollAnswer("s1-p1", 1))
    assert poll.id == "s1-p1"

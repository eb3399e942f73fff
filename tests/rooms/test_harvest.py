"""What breakout rooms bring home: gathered, grouped, shown, voted on as questions."""

from __future__ import annotations

import pytest

from rooms import harvest, room
from rooms import messages as m
from rooms.errors import Refused
from tests.rooms import day

POINTS = (
    m.HarvestPoint("b1-0", "b1", "Anställ ihop"),
    m.HarvestPoint("b1-1", "b1", "Dela jurist"),
    m.HarvestPoint("b2-0", "b2", "En jurist för flera"),
)


def step(state: m.RoomState, command: m.RoomCommand, phase: m.Phase = "live", actor: m.Actor = day.MONA) -> m.RoomState:
    for event in room.decide(state, day.context(phase), actor, command, day.NOON):
        state = room.apply(state, event)
    return state


def held(state: m.RoomState) -> m.Harvest:
    assert state.harvest is not None
    return state.harvest


def sheaf(group_id: str, title: str, *points: str) -> m.HarvestSheaf:
    return m.HarvestSheaf(group_id, title, points)


GATHERED = step(m.RoomState(), m.HarvestGather(POINTS))
GROUPED = step(GATHERED, m.HarvestArrange((sheaf("s1-g2", "Jurister", "b1-1", "b2-0"), sheaf("s1-g1", "", "b1-0"))))


def test_every_point_is_a_group_of_its_own_until_somebody_groups_them() -> None:
    assert [(g.id, g.title, g.points) for g in held(GATHERED).groups] == [
        ("s1-g1", "", ("b1-0",)),
        ("s1-g2", "", ("b1-1",)),
        ("s1-g3", "", ("b2-0",)),
    ]


def test_gathering_again_takes_in_what_is_new_and_leaves_the_groups() -> None:
    again = step(GROUPED, m.HarvestGather((*POINTS, m.HarvestPoint("b3-0", "b3", "Nytt"))))
    assert held(again).groups[:2] == held(GROUPED).groups
    assert held(again).groups[2].points == ("b3-0",)
    assert step(again, m.HarvestGather(POINTS)) == again
    changed = step(GROUPED, m.HarvestGather((m.HarvestPoint("b1-0", "b1", "Anställ tillsammans"),)))
    assert held(changed).points["b1-0"].text == "Anställ tillsammans"
    assert held(changed).groups == held(GROUPED).groups


def test_a_point_can_be_left_out_and_stays_out_when_points_are_gathered_again() -> None:
    less = step(GATHERED, m.HarvestArrange((sheaf("s1-g1", "", "b1-0"),)))
    assert [g.points for g in held(step(less, m.HarvestGather(POINTS))).groups] == [("b1-0",)]


@pytest.mark.parametrize(
    "groups",
    [
        (sheaf("s1-g9", "", "b1-0"),),
        (sheaf("", "", "b9-0"),),
        (sheaf("", "", "b1-0"), sheaf("", "", "b1-0")),
        (sheaf("s1-g1", "", "b1-0"), sheaf("s1-g1", "", "b1-1")),
    ],
    ids=["unknown group", "unknown point", "a point twice", "a group twice"],
)
def test_groups_that_do_not_add_up_are_refused(groups: tuple[m.HarvestSheaf, ...]) -> None:
    with pytest.raises(Refused, match="not_found"):
        step(GATHERED, m.HarvestArrange(groups))


def test_the_hall_sees_nothing_before_it_is_shown() -> None:
    assert room.redact(GROUPED, day.ANNA).harvest is None
    assert room.redact(GROUPED, day.BRITT).harvest == GROUPED.harvest
    shown = step(GROUPED, m.HarvestShow())
    assert room.redact(shown, day.ANNA).harvest == shown.harvest


def test_groups_become_questions_of_nobodys_that_everybody_can_vote_for() -> None:
    state = step(GROUPED, m.HarvestVote())
    texts = {q.id: (q.author_id, q.text, q.status) for q in state.questions.values()}
    assert texts == {"s1-q1": ("", "Jurister", "published"), "s1-q2": ("", "Anställ ihop", "published")}
    assert [g.question_id for g in held(state).groups] == ["s1-q1", "s1-q2"] and held(state).shown
    room.check_row(state, day.context(), day.ANNA, m.QuestionVote("s1-q1", up=True))
    assert step(state, m.HarvestVote()) == state


def test_what_is_voted_on_keeps_its_question_whatever_is_grouped_afterwards() -> None:
    state = step(GROUPED, m.HarvestVote())
    state = step(state, m.HarvestArrange((sheaf("s1-g1", "Allt", "b1-0", "b1-1", "b2-0"),)))
    assert [(g.id, g.question_id, g.points) for g in held(state).groups] == [
        ("s1-g1", "s1-q2", ("b1-0", "b1-1", "b2-0")),
        ("s1-g2", "s1-q1", ()),
    ]


def test_several_points_without_a_title_are_one_question_with_all_of_them() -> None:
    state = step(GATHERED, m.HarvestArrange((sheaf("", "", "b1-1", "b2-0"),)))
    (question,) = step(state, m.HarvestVote()).questions.values()
    assert question.text == "Dela jurist; En jurist för flera"


@pytest.mark.parametrize(("phase", "code"), [("backstage", "not_live"), ("ended", "session_ended")])
def test_votes_are_asked_for_while_the_session_is_live(phase: m.Phase, code: str) -> None:
    with pytest.raises(Refused, match=code):
        step(GROUPED, m.HarvestVote(), phase)


def test_a_session_holds_so_many_points_and_no_more() -> None:
    many = tuple(m.HarvestPoint(f"b{n}-0", f"b{n}", "x") for n in range(harvest.MOST_POINTS + 1))
    with pytest.raises(Refused, match="too_many"):
        step(m.RoomState(), m.HarvestGather(many))


def test_only_moderators_gather() -> None:
    for command in (m.HarvestGather(POINTS), m.HarvestArrange(()), m.HarvestShow(), m.HarvestVote()):
        with pytest.raises(Refused, match="forbidden"):
            step(GATHERED, command, actor=day.ANNA)

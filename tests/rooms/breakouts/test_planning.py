"""Before a round."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms.errors import Refused
from tests.rooms.breakouts.scene import Rooms


def test_a_draft_is_the_next_rounds_while_one_runs() -> None:
    rooms = Rooms().open(("a", "b"))
    assert rooms.do(m.BreakoutsPlan(m.BreakoutPlan(), (m.DraftRoom(people=("a", "c")),))) == ["breakouts.planned"]
    assert rooms.phase == "running" and rooms.state.draft is not None
    with pytest.raises(Refused, match="rooms_running"):
        rooms.do(m.BreakoutsOpen())
    rooms.do(m.BreakoutsClose(at_once=True))
    rooms.do(m.BreakoutsOpen())
    assert (rooms.state.number, rooms.seat("a"), rooms.seat("b")) == (2, "b2", "")  # ids are never given again
    assert rooms.state.rooms["b1"].people == ("a", "b") and rooms.state.draft is None


@pytest.mark.parametrize(
    "rooms",
    [
        (m.DraftRoom(people=("a", "b")), m.DraftRoom(people=("b", "c"))),
        (m.DraftRoom(people=("a", "a")),),
        (m.DraftRoom(people=("a", "b", "c"), capacity=2),),
    ],
)
def test_nobody_is_planned_into_two_rooms_and_none_is_too_full(rooms: tuple[m.DraftRoom, ...]) -> None:
    with pytest.raises(Refused, match="bad_rooms"):
        Rooms().do(m.BreakoutsPlan(m.BreakoutPlan(), rooms))


def test_rooms_are_planned_before_a_session_and_opened_in_one_that_is_live_and_no_break() -> None:
    plan = m.BreakoutsPlan(m.BreakoutPlan(), (m.DraftRoom(people=("a", "b")),))
    rooms = Rooms()
    assert rooms.do(plan, phase="planned") == ["breakouts.planned"]
    with pytest.raises(Refused, match="not_live"):
        rooms.do(m.BreakoutsOpen(), phase="backstage")
    with pytest.raises(Refused, match="illegal_step"):
        rooms.do(m.BreakoutsOpen(), kind="break")
    with pytest.raises(Refused, match="session_ended"):
        rooms.do(plan, phase="ended")
    assert rooms.do(m.BreakoutsOpen(), kind="breakouts") == ["breakouts.opened", "breakout.seated"]


def test_rooms_without_anybody_are_not_opened_but_for_those_that_people_choose() -> None:
    rooms = Rooms().open(("a", "b"), (), ("c", "d"))
    assert [room.number for room in rooms.state.rooms.values()] == [1, 2] and rooms.seat("c") == "b2"
    assert list(Rooms().open((), (), way="tables", minutes=0).state.rooms) == ["b1", "b2"]
    with pytest.raises(Refused, match="nobody_here"):
        Rooms().open(())
    assert Rooms().open(way="pairs", minutes=0).state.pairs


def test_topics_are_chosen_of_those_that_are_asked_for() -> None:
    rooms = Rooms()
    rooms.do(m.BreakoutsAskTopics(("Skola", "Vård", "Skola")))
    assert rooms.state.topics == ("Skola", "Vård")
    rooms.do(m.BreakoutsWish(("Vård", "Skola")), "a")
    with pytest.raises(Refused, match="unknown_option"):
        rooms.do(m.BreakoutsWish(("Annat",)), "a")
    rooms.do(m.BreakoutsAskTopics(("Skola",)))
    assert rooms.state.topic_choices == {"a": ("Skola",)}


def test_who_is_barred_is_in_no_room_that_is_opened() -> None:
    rooms = Rooms()
    rooms.do(m.BreakoutBar("a"))
    rooms.open(("a", "b", "c"))
    assert rooms.seat("a") == "" and rooms.state.rooms["b1"].people == ("b", "c")


def test_a_title_that_cannot_be_shown_is_refused() -> None:
    with pytest.raises(Refused, match="bad_text"):
        Rooms().do(m.BreakoutsPlan(m.BreakoutPlan(), (m.DraftRoom("a\u202eb", people=("a",)),)))

"""What happens in a room."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms.errors import Refused
from tests.rooms.breakouts.scene import Rooms


@pytest.fixture
def rooms() -> Rooms:
    return Rooms().open(("a", "b", "c"), ("d", "e"))


def test_help_is_asked_for_once_and_answered_or_withdrawn(rooms: Rooms) -> None:
    assert rooms.do(m.BreakoutAskHelp(), "a") == ["breakout.help_asked"]
    asked = rooms.state.rooms["b1"].help_since
    rooms.wait(seconds=5)
    assert rooms.do(m.BreakoutAskHelp(), "b") == [] and rooms.state.rooms["b1"].help_since == asked
    assert rooms.do(m.BreakoutAnswerHelp("b1")) == ["breakout.help_answered"]
    rooms.do(m.BreakoutAskHelp(), "b")
    assert rooms.do(m.BreakoutWithdrawHelp(), "c") == ["breakout.help_answered"]
    with pytest.raises(Refused, match="not_in_room"):
        rooms.do(m.BreakoutAskHelp(), "x")


def test_a_moderator_visits_one_room_at_a_time_and_none_they_sit_in(rooms: Rooms) -> None:
    rooms.do(m.BreakoutVisit("b1"))
    rooms.do(m.BreakoutVisit("b2"))
    assert (rooms.state.rooms["b1"].visitors, rooms.state.rooms["b2"].visitors) == ((), ("mona",))
    rooms.do(m.BreakoutMove("mona", "b2"))
    assert rooms.state.rooms["b2"].visitors == () and rooms.do(m.BreakoutVisit("b2")) == []


def test_only_the_facilitator_leads_once_there_is_one(rooms: Rooms) -> None:
    assert rooms.do(m.BreakoutMute("a"), "b") == ["breakout.muted"]
    rooms.do(m.BreakoutAppoint("b1", "c"))
    for command in (m.BreakoutMute("a"), m.BreakoutSetPoints(("Ja",)), m.BreakoutShowNotes(True)):
        with pytest.raises(Refused, match="forbidden"):
            rooms.do(command, "b")
        assert rooms.do(command, "c")
    with pytest.raises(Refused, match="not_in_room"):
        rooms.do(m.BreakoutMute("d"), "c")
    with pytest.raises(Refused, match="not_in_room"):
        rooms.do(m.BreakoutAppoint("b1", "d"))
    rooms.do(m.BreakoutLeave(), "c")
    assert rooms.state.rooms["b1"].facilitator == "" and rooms.do(m.BreakoutMute("a"), "b")


def test_points_and_staying_in_touch_are_for_afterwards_too(rooms: Rooms) -> None:
    rooms.do(m.BreakoutsClose(at_once=True))
    assert rooms.do(m.BreakoutSetPoints(("Ett", " ", "Två"), "b1"), "a") == ["breakout.points_set"]
    assert rooms.state.rooms["b1"].points == ("Ett", "Två")
    rooms.do(m.BreakoutTouch(True, "b1"), "a")
    rooms.do(m.BreakoutTouch(True, "b1"), "b")
    rooms.do(m.BreakoutTouch(False, "b1"), "a")
    assert rooms.state.rooms["b1"].in_touch == ("b",)
    for room_id in ("b2", "b9"):
        with pytest.raises(Refused, match="not_in_room"):
            rooms.do(m.BreakoutTouch(True, room_id), "a")
    with pytest.raises(Refused, match="not_in_room"):
        rooms.do(m.BreakoutTouch(True, "b1"))  # moderators see it, and are no part of it


def test_one_rooms_notes_are_on_the_stage_at_a_time(rooms: Rooms) -> None:
    rooms.do(m.BreakoutShowNotes(True), "a")
    rooms.do(m.BreakoutShowNotes(True), "d")
    assert rooms.state.showing is not None and rooms.state.showing.room_id == "b2"
    assert rooms.state.showing.number == 2
    assert rooms.do(m.BreakoutShowNotes(False), "a") == []
    rooms.do(m.BreakoutShowNotes(False, "b2"))
    assert rooms.state.showing is None


def test_a_room_without_a_title_is_shown_by_its_number_in_the_round() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    rooms.do(m.BreakoutsClose(at_once=True))
    rooms.open(("a", "c"), ("b", "d"))
    rooms.do(m.BreakoutShowNotes(True), "b")
    assert rooms.state.showing == m.BreakoutShowing("b4", "", 2)

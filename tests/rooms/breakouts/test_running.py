"""A round's time, and what moderators tell all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rooms import messages as m
from rooms.errors import Refused
from tests.rooms import day
from tests.rooms.breakouts.scene import Rooms

MINUTE = timedelta(minutes=1)


def test_a_round_ends_when_its_time_is_over_and_not_before() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    rooms.wait(minutes=10, seconds=-1)
    assert rooms.do(m.BreakoutsCloseDue(), "system") == []
    rooms.wait(seconds=1)
    assert rooms.do(m.BreakoutsCloseDue(), "system") == ["breakouts.closed"]
    assert rooms.phase == "over" and rooms.seat("a") == ""
    assert rooms.do(m.BreakoutsCloseDue(), "system") == []  # whoever else had the same thought


def test_one_room_may_last_longer_or_end_earlier() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"), ("e", "f"))
    rooms.do(m.BreakoutsExtend(5, "b1"))
    rooms.do(m.BreakoutsExtend(-5, "b2"))
    rooms.wait(minutes=5)
    rooms.do(m.BreakoutsCloseDue(), "system")
    assert [rooms.seat(who) for who in "ace"] == ["b1", "", "b3"] and rooms.phase == "running"
    rooms.wait(minutes=5)
    rooms.do(m.BreakoutsCloseDue(), "system")
    assert [rooms.seat(who) for who in "ace"] == ["b1", "", ""] and rooms.phase == "running"
    rooms.wait(minutes=5)
    rooms.do(m.BreakoutsCloseDue(), "system")
    assert rooms.phase == "over"


def test_extending_all_extends_those_with_an_end_of_their_own_too() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    rooms.do(m.BreakoutsExtend(5, "b1"))
    rooms.do(m.BreakoutsExtend(2))
    assert (rooms.end("b1"), rooms.end("b2")) == (day.NOON + 17 * MINUTE, day.NOON + 12 * MINUTE)


def test_however_much_is_taken_away_a_minute_is_left_and_nothing_is_given_by_taking() -> None:
    rooms = Rooms().open(("a", "b"))
    rooms.do(m.BreakoutsExtend(-600))
    assert rooms.state.ends_at == day.NOON + MINUTE
    rooms.wait(seconds=50)
    assert rooms.do(m.BreakoutsExtend(-5)) == []
    assert rooms.state.ends_at == day.NOON + MINUTE


def test_closing_counts_a_minute_down_for_every_room_that_would_last_longer() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    rooms.do(m.BreakoutsExtend(5, "b1"))
    rooms.do(m.BreakoutsClose())
    assert rooms.end("b1") == rooms.end("b2") == day.NOON + MINUTE
    assert rooms.do(m.BreakoutsClose()) == []
    assert rooms.do(m.BreakoutsClose(at_once=True)) == ["breakouts.closed"]
    with pytest.raises(Refused, match="rooms_not_running"):
        rooms.do(m.BreakoutsClose())
    assert rooms.do(m.BreakoutsClose(at_once=True), "system") == []


def test_tables_have_no_end_until_they_are_closed() -> None:
    rooms = Rooms().open((), way="tables", minutes=0)
    rooms.wait(hours=8)
    assert rooms.do(m.BreakoutsCloseDue(), "system") == []
    with pytest.raises(Refused, match="illegal_step"):
        rooms.do(m.BreakoutsExtend(5))
    assert rooms.do(m.BreakoutsClose()) == ["breakouts.end_set"]


def test_all_rooms_are_told_while_there_are_any() -> None:
    rooms = Rooms()
    for command in (m.BreakoutsTell("Hej"), m.BreakoutsSpeak(True)):
        with pytest.raises(Refused, match="rooms_not_running"):
            rooms.do(command)
    rooms.open(("a", "b"))
    rooms.do(m.BreakoutsTell("Fem minuter kvar"))
    assert rooms.state.news == m.BreakoutNews("mona", "Fem minuter kvar", day.NOON)
    rooms.do(m.BreakoutsSpeak(True))
    assert rooms.state.speaking == "mona"
    rooms.do(m.BreakoutsClose(at_once=True))
    assert rooms.state.speaking == "" and rooms.state.news is None

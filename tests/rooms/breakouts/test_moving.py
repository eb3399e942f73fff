"""Who goes where."""

from __future__ import annotations

import pytest

from rooms import messages as m
from rooms.breakouts import moving, planning
from rooms.errors import Refused
from tests.rooms.breakouts.scene import Rooms


def test_somebody_is_moved_and_two_are_exchanged() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    assert rooms.do(m.BreakoutMove("a", "b2")) == ["breakout.left", "breakout.entered"]
    assert rooms.do(m.BreakoutMove("a", "b2")) == []
    rooms.do(m.BreakoutExchange("b", "c"))
    assert [rooms.seat(who) for who in "abcd"] == ["b2", "b2", "b1", "b2"]
    rooms.do(m.BreakoutMove("a", ""))
    assert rooms.seat("a") == "" and rooms.state.outside == {"a": ""}
    rooms.do(m.BreakoutMove("newcomer", "b1"))
    assert rooms.seat("newcomer") == "b1"


def test_two_full_rooms_can_exchange_people() -> None:
    rooms = Rooms()
    full = tuple(m.DraftRoom(people=people, capacity=2) for people in (("a", "b"), ("c", "d")))
    rooms.do(m.BreakoutsPlan(m.BreakoutPlan("drawn"), full))
    rooms.do(m.BreakoutsOpen())
    with pytest.raises(Refused, match="room_full"):
        rooms.do(m.BreakoutMove("a", "b2"))
    rooms.do(m.BreakoutExchange("a", "c"))
    assert [rooms.seat(who) for who in "abcd"] == ["b2", "b1", "b1", "b2"]


def test_one_goes_back_into_the_room_that_one_left_oneself_and_into_no_other() -> None:
    rooms = Rooms().open(("a", "b", "c"), ("d", "e"))
    rooms.do(m.BreakoutLeave(), "a")
    with pytest.raises(Refused, match="room_not_open"):
        rooms.do(m.BreakoutChoose("b2"), "a")
    assert rooms.do(m.BreakoutChoose("b1"), "a") == ["breakout.entered"]
    rooms.do(m.BreakoutMove("a", ""))  # sent out: not by oneself
    with pytest.raises(Refused, match="room_not_open"):
        rooms.do(m.BreakoutChoose("b1"), "a")


def test_tables_are_chosen_and_changed_as_one_likes_while_there_is_a_seat() -> None:
    rooms = Rooms()
    tables = tuple(m.DraftRoom(capacity=2) for _ in range(2))
    rooms.do(m.BreakoutsPlan(m.BreakoutPlan("tables", 0), tables))
    rooms.do(m.BreakoutsOpen())
    for who in ("a", "b"):
        rooms.do(m.BreakoutChoose("b1"), who)
    with pytest.raises(Refused, match="room_full"):
        rooms.do(m.BreakoutChoose("b1"), "c")
    assert rooms.do(m.BreakoutChoose("b2"), "a") == ["breakout.left", "breakout.entered"]
    rooms.do(m.BreakoutChoose("b1"), "c")
    assert [rooms.seat(who) for who in "abc"] == ["b2", "b1", "b1"]
    with pytest.raises(Refused, match="not_found"):
        rooms.do(m.BreakoutChoose("b9"), "a")


def test_late_arrivals_take_a_seat_once() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"))
    assert rooms.do(m.BreakoutSeat("e", "b1"), "system") == ["breakout.entered"]
    assert rooms.do(m.BreakoutSeat("e", "b2"), "system") == []
    rooms.do(m.BreakoutLeave(), "e")
    assert rooms.do(m.BreakoutSeat("e", "b2"), "system") == []  # they chose the plenary


def test_whoever_is_alone_goes_to_others_but_not_in_the_last_minute() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"), ("e", "f"))
    here = ("a", "c", "e", "f")
    rooms.do(m.BreakoutsGather(here), "system")
    assert rooms.seat("a") == rooms.seat("c") == "b2" and rooms.seat("b") == "b1"
    late = Rooms().open(("a", "b"), ("c", "d"))
    late.wait(minutes=9)
    assert late.do(m.BreakoutsGather(("a", "c", "d")), "system") == []


def test_whoever_is_alone_is_not_taken_to_somebody_from_whom_they_are_kept_apart() -> None:
    rooms = Rooms().open(("a", "b"), ("c", "d"), ("e", "f", "g"), apart=(("a", "x"), ("d", "a")))
    rooms.do(m.BreakoutsGather(("a", "c", "d", "e", "f", "g")), "system")
    assert rooms.seat("a") == "b3"
    rooms = Rooms().open(("a", "b"), ("c", "d"), apart=(("a", "c"),))
    assert rooms.do(m.BreakoutsGather(("a", "c", "d")), "system") == []


def test_a_pairs_room_ends_for_both_when_one_goes() -> None:
    rooms = Rooms().open(way="pairs", minutes=0)
    for who in ("a", "b"):
        rooms.do(m.BreakoutsPair(True), who)
    rooms.do(m.BreakoutsMatch((("a", "b"), ("a", "c"))), "system")
    assert rooms.seat("a") == rooms.seat("b") == "b1" and rooms.state.waiting == ()
    with pytest.raises(Refused, match="in_a_room"):
        rooms.do(m.BreakoutsPair(True), "a")
    with pytest.raises(Refused, match="not_found"):
        rooms.do(m.BreakoutChoose("b1"), "c")
    rooms.do(m.BreakoutLeave(), "a")
    assert rooms.seat("a") == rooms.seat("b") == ""
    assert rooms.do(m.BreakoutsPair(True), "b") == ["breakouts.waiting"]


def test_one_to_one_goes_on_all_day_and_of_old_pairs_only_who_met_whom_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "MOST_ROOMS", 3)
    monkeypatch.setattr(planning, "MOST_ROOMS", 3)
    monkeypatch.setattr(moving, "MOST_ENDED_PAIRS", 2)
    rooms = Rooms().open(way="pairs", minutes=0)
    for number in range(12):
        pair = f"p{number}", f"q{number}"
        for who in pair:
            rooms.do(m.BreakoutsPair(True), who)
        rooms.do(m.BreakoutsMatch((pair,)), "system")
        assert rooms.seat(pair[0]) == f"b{number + 1}"  # no id is given again
        if number == 4:
            for who in pair:
                rooms.do(m.BreakoutTouch(True), who)
        rooms.do(m.BreakoutLeave(), pair[0])
        rooms.wait(minutes=5)
    assert list(rooms.state.rooms) == ["b5", "b11", "b12"]  # those who stay in touch are the last to be forgotten
    assert len(rooms.state.met) == 9 and rooms.state.met[-1] == ("p9", "q9")
    rooms.do(m.BreakoutsClose(at_once=True))
    rooms.open(("a", "b"), ("c", "d"), ("e", "f"))


def test_a_pair_that_parted_just_now_or_is_on_the_stage_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "MOST_ENDED_PAIRS", 0)
    rooms = Rooms().open(way="pairs", minutes=0)

    def meet(one: str, other: str) -> list[str]:
        for who in (one, other):
            rooms.do(m.BreakoutsPair(True), who)
        return rooms.do(m.BreakoutsMatch(((one, other),)), "system")

    meet("a", "b")
    rooms.do(m.BreakoutLeave(), "a")
    assert meet("c", "d") == ["breakout.paired"]
    rooms.do(m.BreakoutTouch(True, "b1"), "a")
    rooms.do(m.BreakoutShowNotes(True, "b1"), "b")
    rooms.wait(minutes=5)
    assert meet("e", "f") == ["breakout.paired"]
    rooms.do(m.BreakoutShowNotes(False, "b1"))
    assert meet("g", "h") == ["breakout.paired", "breakout.forgotten"]


def test_pairs_that_talk_are_counted_among_the_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "MOST_ROOMS", 1)
    rooms = Rooms().open(way="pairs", minutes=0)
    for who in "abcd":
        rooms.do(m.BreakoutsPair(True), who)
    assert rooms.do(m.BreakoutsMatch((("a", "b"), ("c", "d"))), "system") == ["breakout.paired"]

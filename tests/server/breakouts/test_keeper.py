"""Rounds that run by themselves, with real sockets and a clock of the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rooms import messages as m
from server.breakouts.keeper import Keeper, _pairs
from tests.server.breakouts.scene import B1, GUESTS, Scene, scene
from tests.server.running import until


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


async def test_rooms_are_opened_by_who_is_here_and_closed_when_their_time_is_over(day: Scene) -> None:
    mona, g1, *_ = await day.come("mona", *GUESTS[:5])
    drafts = [{"people": ["g1", "g2", "g6"]}, {"people": ["g3", "g4", "g7"]}]
    plan = {"way": "drawn", "minutes": 10, "per_room": 3}
    assert (await mona.do(B1, {"type": "breakouts.plan", "plan": plan, "rooms": drafts}))["type"] == "ack"
    assert (await mona.do(B1, {"type": "breakouts.open"}))["type"] == "ack"
    # who did not come has no seat, who came since has one
    assert sorted(map(len, day.seats())) == [2, 3] and set.union(*day.seats()) == {"g1", "g2", "g3", "g4", "g5"}
    seated = await g1.event("breakout.seated")
    assert {"g1", "g2"} <= set(seated["event"]["room"]["people"]) and seated["people"]["g2"] == "Gäst g2"
    assert len([kind for _, kind in g1.events(B1) if kind == "breakout.seated"]) == 1
    day.clock.advance(599)
    await Keeper(day.run.services)._look("s1")
    assert day.seat("g1") != ""
    day.clock.advance(2)
    closed = await g1.event("breakouts.closed")
    assert closed["event"]["is_over"] and day.state.phase == "over"


async def test_a_room_that_lasts_longer_keeps_nobody_busy_and_the_round_ends_with_it(day: Scene) -> None:
    await day.open(("g1", "g2"), ("g3", "g4"))
    await day.do(m.BreakoutsExtend(5, "b2"))
    day.clock.advance(601)
    await until(lambda: day.seat("g1") == "")
    keeper = Keeper(day.run.services)
    assert keeper._ends("s1") == [day.state.rooms["b2"].ends_at]  # nothing is due, so nothing is asked of the database
    assert (day.state.phase, day.seat("g3")) == ("running", "b2")
    day.clock.advance(300)
    await until(lambda: day.state.phase == "over")


async def test_late_arrivals_are_placed_where_there_is_most_room(day: Scene) -> None:
    await day.come("mona", *GUESTS[:5])
    await day.open(("g1", "g2", "g3"), ("g4", "g5"))
    (late,) = await day.come("g6")
    await until(lambda: day.seat("g6") == "b2")
    await late.event("breakout.entered")
    await day.do(m.BreakoutLeave(), "g6")
    (another,) = await day.come("g7")  # who went out by themselves stays out; who comes now is placed
    await until(lambda: day.seat("g7") == "b2")
    assert day.seat("g6") == ""
    await another.event("breakout.entered")


async def test_nobody_who_works_is_put_into_a_room_by_the_server(day: Scene) -> None:
    await day.come("mona", "g1", "g2", "g3")
    await day.open(("g1", "g2"))
    await until(lambda: day.seat("g3") == "b1")
    assert day.seat("mona") == ""


async def test_whoever_loses_the_connection_comes_back_to_their_room(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", *GUESTS[:4])
    await day.open(("g1", "g2"), ("g3", "g4"))
    await g1.close()
    await until(lambda: "g1" not in day.run.services.presence.people("s1"))
    (mona,) = await day.come("mona")
    await mona.until(lambda f: f["type"] == "rooms_life" and f["away"] == ["g1"])
    mona.frames.clear()
    (back,) = await day.come("g1")
    snapshot = await back.heard("snapshot", stream=B1)
    assert snapshot["state"]["rooms"]["b1"]["people"] == ["g1", "g2"]
    await mona.until(lambda f: f["type"] == "rooms_life" and f["away"] == [])
    assert not any(f["type"] == "rooms_life" for f in back.frames)  # the moderators' business


async def test_nobody_stays_alone_while_the_others_are_away(day: Scene) -> None:
    _, _, g2, *_ = await day.come("mona", *GUESTS[:5])
    await day.open(("g1", "g2"), ("g3", "g4", "g5"), minutes=0)
    await g2.close()
    await until(lambda: "g2" not in day.run.services.presence.people("s1"))
    await day.until_later(lambda: day.seat("g1") == "b2")
    assert day.seat("g2") == "b1"
    await day.come("g2")  # alone in turn
    await day.until_later(lambda: day.seat("g2") == "b2")


async def test_pairs_are_brought_together_for_five_minutes(day: Scene) -> None:
    await day.come("mona", *GUESTS[:3])
    await day.open(way="pairs", minutes=0)
    for guest in ("g1", "g2"):
        await day.do(m.BreakoutsPair(True), guest)
    await day.until_later(lambda: day.seat("g1") != "")
    first = day.seat("g1")
    assert first == day.seat("g2") and day.state.rooms[first].ends_at is not None
    day.clock.advance(301)
    await until(lambda: day.seat("g1") == "")
    for guest in ("g1", "g2", "g3"):
        await day.do(m.BreakoutsPair(True), guest)
    await day.until_later(lambda: day.seat("g3") != "")
    assert day.seat("g1") != day.seat("g2")  # they have talked already


async def test_the_end_of_a_session_is_the_end_of_its_rooms(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", "g1", "g2")
    await day.open(("g1", "g2"))
    mona = day.run.services.people.actor(day.run.services.people.get("mona"))  # type: ignore[arg-type]
    await day.streams.handle(m.CONFERENCE, mona, m.SessionEnd("s1"))
    assert (await g1.event("breakouts.closed"))["event"]["is_over"]
    await until(lambda: day.state.phase == "over")


async def test_a_restart_finds_everybody_where_they_were_and_the_time_they_had_left(tmp_path: Path) -> None:
    async with scene(tmp_path) as day:
        await day.open(("g1", "g2"), ("g3", "g4"))
        await day.do(m.BreakoutsExtend(5))
        await day.do(m.BreakoutMove("g1", "b2"))
        before = day.state
    async with scene(tmp_path) as day:
        assert day.state == before and day.state.ends_at == day.clock() + timedelta(minutes=15)
        (g1,) = await day.come("g1")
        snapshot = await g1.heard("snapshot", stream=B1)
        assert snapshot["state"]["rooms"]["b2"]["people"] == ["g3", "g4", "g1"]
        day.clock.advance(901)
        await g1.event("breakouts.closed")


async def test_visitors_who_are_gone_are_no_longer_shown(day: Scene) -> None:
    mona, *_ = await day.come("mona", "g1", "g2")
    await day.open(("g1", "g2"), minutes=0)
    await mona.do(B1, {"type": "breakout.visit", "room_id": "b1"})
    await mona.do(B1, {"type": "breakouts.speak", "on": True})
    assert (day.state.rooms["b1"].visitors, day.state.speaking) == (("mona",), "mona")
    await mona.close()
    await day.until_later(lambda: (day.state.rooms["b1"].visitors, day.state.speaking) == ((), ""))


async def test_how_many_are_at_open_tables_is_told_to_all(day: Scene) -> None:
    g1, g2 = await day.come("g1", "g2")
    await day.open((), (), way="tables", minutes=0)
    assert (await g1.do(B1, {"type": "breakout.choose", "room_id": "b2"}))["type"] == "ack"
    counts = await g2.until(lambda f: f["type"] == "rooms" and f["counts"].get("b2") == 1)
    assert counts["counts"] == {"b1": 0, "b2": 1}
    assert not any(f.get("event", {}).get("type") == "breakout.entered" for f in g2.frames)


async def test_how_many_are_at_open_tables_is_told_after_a_restart_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as day:
        await day.open((), (), way="tables", minutes=0)
        await day.do(m.BreakoutChoose("b2"), "g1")
    async with scene(tmp_path) as day:
        (g2,) = await day.come("g2")
        await g2.heard("rooms", counts={"b1": 0, "b2": 1})


async def test_a_room_is_silent_once_somebody_has_been_there_and_unheard_for_a_minute(day: Scene) -> None:
    await day.open((), (), way="tables", minutes=0)
    day.clock.advance(300)
    await day.do(m.BreakoutChoose("b1"), "g1")
    keeper = Keeper(day.run.services)

    def silent() -> tuple[str, ...]:
        keeper._tell_life("s1")
        return keeper._told["s1"].silent

    assert silent() == ()
    day.clock.advance(60)
    assert silent() == ("b1",)
    day.run.services.seats.circles.speaks("s1", "b1", "g1")
    assert silent() == ()


async def test_nobody_is_alone_as_long_as_others_may_be_on_a_node_that_is_not_heard(day: Scene) -> None:
    await day.come("g1", "g3", "g4")
    await day.open(("g1", "g2"), ("g3", "g4"))
    keeper = Keeper(day.run.services)
    assert keeper._lonely("s1") == ["b1"]
    keeper.knows_all = lambda: False
    assert keeper._lonely("s1") == []


async def test_late_arrivals_are_not_placed_with_whom_they_are_kept_apart_from(day: Scene) -> None:
    await day.come("g1", "g2", "g3")
    await day.open(("g1",), ("g2", "g3"), apart=(("g1", "g4"),))
    await day.come("g4")
    await until(lambda: day.seat("g4") == "b2")


def test_pairs_are_of_people_who_are_not_kept_apart() -> None:
    assert _pairs(["a", "b", "c"], set(), lambda one, other: {one, other} == {"a", "b"}) == [("a", "c")]
    assert _pairs(["a", "b"], set(), lambda one, other: True) == []
    assert _pairs(["a", "b"], {frozenset("ab")}, lambda one, other: False) == [("a", "b")]


async def test_whom_a_moderator_leaves_out_is_not_placed_unless_by_hand(day: Scene) -> None:
    await day.come("mona", *GUESTS[:5])
    await day.plan(("g1", "g2"), ("g3",), left_out=("g4", "g3"))
    assert day.state.draft is not None and day.state.draft.plan.left_out == ("g4",)  # who sits in a room is not left out
    await day.do(await day.run.services.composer.opened("s1"))
    assert day.seat("g5") != "" and day.seat("g4") == ""
    await day.come("g6")
    await until(lambda: day.seat("g6") != "")
    assert day.seat("g4") == ""
    await day.do(m.BreakoutMove("g4", "b1"))
    assert day.seat("g4") == "b1"

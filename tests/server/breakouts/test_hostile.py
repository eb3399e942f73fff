"""An attendee who speaks the protocol by hand enters, hears and reads no other room, and guesses nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rooms import messages as m
from server.socket import BREAKOUT_COMMANDS_AT_ONCE
from tests.server.breakouts.scene import B1, S1, Scene, scene

COMMANDS: list[dict[str, Any]] = [
    {"type": "breakouts.plan", "plan": {}, "rooms": []},
    {"type": "breakouts.discard"},
    {"type": "breakouts.open"},
    {"type": "breakouts.open", "rooms": [{"people": ["g1", "g3"]}]},
    {"type": "breakouts.close", "at_once": True},
    {"type": "breakouts.extend", "minutes": 5},
    {"type": "breakouts.tell", "text": "Hej"},
    {"type": "breakouts.speak", "on": True},
    {"type": "breakouts.ask_topics", "topics": ["Skola"]},
    {"type": "breakouts.close_due"},
    {"type": "breakouts.gather", "present": ["g1"]},
    {"type": "breakouts.match", "pairs": [["g1", "g3"]]},
    {"type": "breakout.move", "person_id": "g1", "room_id": "b2"},
    {"type": "breakout.exchange", "person_id": "g1", "other_id": "g3"},
    {"type": "breakout.bar", "person_id": "g3"},
    {"type": "breakout.unbar", "person_id": "g1"},
    {"type": "breakout.visit", "room_id": "b2"},
    {"type": "breakout.answer_help", "room_id": "b2"},
    {"type": "breakout.appoint", "room_id": "b1", "person_id": "g1"},
    {"type": "breakout.seat", "person_id": "g1", "room_id": "b2"},
    {"type": "breakout.choose", "room_id": "b2"},
    {"type": "breakout.choose", "room_id": "b9"},
    {"type": "breakout.mute", "person_id": "g3"},
    {"type": "breakout.set_points", "points": ["Vi"], "room_id": "b2"},
    {"type": "breakout.set_points", "points": ["Vi"], "room_id": "b9"},
    {"type": "breakout.show_notes", "on": True, "room_id": "b2"},
    {"type": "breakout.touch", "agrees": True, "room_id": "b2"},
    {"type": "breakouts.wish", "topics": ["Hemligt"]},
    {"type": "breakouts.pair", "on": True},
]


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


async def test_an_attendee_can_do_nothing_to_other_rooms_nor_to_the_round(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", "g1", "g2", "g3", "g4")
    await day.open(("g1", "g2"), ("g3", "g4"), minutes=0, places_late=False)
    await day.do(m.BreakoutAppoint("b1", "g2"))
    before = day.state
    for command in COMMANDS:
        answer = await g1.do(B1, command)
        assert answer["type"] == "refused", command
    assert day.state == before
    unknown, foreign = [
        (await g1.do(B1, {"type": "breakout.set_points", "points": ["Vi"], "room_id": room}))["code"]
        for room in ("b2", "b9")
    ]
    assert unknown == foreign == "not_in_room"  # a room of others is as good as none


async def test_an_attendee_hears_nothing_of_other_rooms(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", "g1", "g2", "g3", "g4")
    await day.open(("g1", "g2"), ("g3", "g4"), minutes=0, places_late=False)
    for command, who in (
        (m.BreakoutAskHelp(), "g3"),
        (m.BreakoutSetPoints(("Hemligheten",)), "g3"),
        (m.BreakoutTouch(True), "g4"),
        (m.BreakoutVisit("b2"), "mona"),
        (m.BreakoutMute("g4"), "mona"),
        (m.BreakoutMove("g4", ""), "mona"),
        (m.BreakoutMove("g4", "b2"), "mona"),
        (m.BreakoutBar("g4"), "mona"),
    ):
        await day.do(command, who)
    await day.do(m.BreakoutsTell("Fem minuter kvar"))
    await g1.event("breakouts.told")
    late = await day.run.client("g1", (S1, B1))
    snapshot = await late.heard("snapshot", stream=B1)
    heard = str([frame for frame in (*g1.frames, *late.frames) if frame.get("stream") == B1])
    for secret in ("g3", "g4", "Hemligheten", "help_asked", "visited", "muted", "breakout.barred", "breakout.left"):
        assert secret not in heard, secret
    assert snapshot["state"]["rooms"]["b2"]["people"] == [] and snapshot["state"]["barred"] == []
    assert snapshot["state"]["rooms"]["b1"]["people"] == ["g1", "g2"]


async def test_kicked_people_stay_out(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", "g1", "g2", "g3")
    await day.open(("g1", "g2", "g3"), (), way="tables", minutes=0)
    await day.do(m.BreakoutBar("g1"))
    assert day.seat("g1") == ""
    for command in ({"type": "breakout.choose", "room_id": "b1"}, {"type": "breakout.choose", "room_id": "b2"}):
        assert (await g1.do(B1, command))["code"] == "barred"
    await day.do(m.BreakoutsClose(at_once=True))
    await day.open(("g1", "g2"), ("g3",), minutes=0)
    assert day.seat("g1") == "" and day.seat("g2") == "b3"
    await day.do(m.BreakoutUnbar("g1"))
    await day.do(m.BreakoutMove("g1", "b3"))
    assert day.seat("g1") == "b3"


async def test_whoever_leaves_a_room_hears_no_more_of_it(day: Scene) -> None:
    _, g1, *_ = await day.come("mona", "g1", "g2", "g3", "g4")
    await day.open(("g1", "g2", "g3"), ("g4",), minutes=0)
    assert (await g1.do(B1, {"type": "breakout.leave"}))["type"] == "ack"
    await day.do(m.BreakoutSetPoints(("Efteråt",)), "g2")
    await day.do(m.BreakoutsTell("Hej"))
    await g1.event("breakouts.told")
    assert "Efteråt" not in str(g1.frames)
    assert (await g1.do(B1, {"type": "breakout.choose", "room_id": "b1"}))["type"] == "ack"  # back, as they went themselves
    entered = await g1.event("breakout.entered")
    assert entered["event"]["room"]["points"] == ["Efteråt"]


async def test_what_is_opened_in_no_session_leaves_nothing_behind(day: Scene) -> None:
    (mona,) = await day.come("mona")
    answer = await mona.do("breakouts/nowhere", {"type": "breakouts.open"})
    assert answer["code"] == "not_found" and "breakouts/nowhere" not in day.streams._streams


async def test_nobody_fills_the_journal_with_what_they_change_in_their_room(
    day: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    g1, g2 = await day.come("g1", "g2")
    await day.open(("g1", "g2"), minutes=0)
    monkeypatch.setattr(day.run.services.breakout_commands, "_now", lambda: 0.0)  # no time passes
    for _ in range(BREAKOUT_COMMANDS_AT_ONCE):
        assert (await g1.do(B1, {"type": "breakout.withdraw_help"}))["type"] == "ack"
    before = day.streams.seq(B1)
    assert (await g1.do(B1, {"type": "breakout.ask_help"}))["code"] == "too_fast"
    assert day.streams.seq(B1) == before
    assert (await g2.do(B1, {"type": "breakout.ask_help"}))["type"] == "ack"

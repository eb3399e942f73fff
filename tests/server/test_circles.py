"""Breakout rooms' sound and picture: who is let in, who is told what, and that nobody else is, by whatever way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from live.control import ActiveSpeaker, EngineDown, PeerSeated, PeersLost, SlotsChanged
from rooms import messages as m
from rooms.errors import Refused
from server.circles import media_room, of_media_room
from server.recorder import RecorderFailed
from tests.fakes import FakeEngine
from tests.server.running import Running, running, until
from tests.server.test_whip import SPEAK, VIEW, bearer

STREAM = "breakouts/s1"
MONA = m.Actor("mona", roles=frozenset({"moderator"}))
ANNA = m.Actor("anna", roles=frozenset({"attendee"}))


async def do(run: Running, command: m.BreakoutsCommand, actor: m.Actor = MONA) -> None:
    await run.services.streams.handle(STREAM, actor, command)


@contextlib.asynccontextmanager
async def rooms(directory: Path) -> AsyncIterator[tuple[Running, FakeEngine]]:
    """A round that runs: anna and siri in b1, bo and britt in b2."""
    engine = FakeEngine()
    async with running(directory, engine=engine) as run:
        await run.go_live()
        groups = (("anna", "siri"), ("bo", "britt"))
        await do(run, m.BreakoutsPlan(m.BreakoutPlan(), tuple(m.DraftRoom(people=people) for people in groups)))
        await do(run, m.BreakoutsOpen(tuple(m.DraftRoom(people=people) for people in groups)))
        yield run, engine


async def offer(run: Running, person_id: str, room_id: str, body: dict[str, Any] = SPEAK) -> str:
    """What came of it: "" for being let in, or the refusal's code."""
    async with await run.browser(person_id) as browser:
        answer = await browser.post(f"/media/s1/breakouts/{room_id}", json=body)
        return "" if answer.status_code == 201 else str(answer.json()["code"])


def test_no_session_can_have_the_name_of_a_breakout_rooms_media() -> None:
    assert of_media_room(media_room("s1", "b1")) == ("s1", "b1")
    assert of_media_room(media_room("s1", "")) == ("s1", "")


async def test_who_sits_in_a_room_sends_and_receives_there_beside_the_plenary(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine), await run.browser("anna") as anna:
        answer = await anna.post("/media/s1/breakouts/b1", json=SPEAK)
        assert answer.json()["sdp"] == "v=0\r\ns=sendreceive\r\n"  # an attendee, who may not send into the plenary
        assert (await anna.post("/media/s1", json=VIEW)).status_code == 201
        assert sorted(engine.peers.values()) == [("s1", "anna"), ("s1.b1", "anna")]
        assert engine.kinds == {"s1": "stage", "s1.b1": "circle"}
        location = answer.headers["Location"]
        assert (await anna.patch(location, json={"heights": {"video11": 180}})).status_code == 204
        assert (await anna.delete(location)).status_code == 200
        assert list(engine.peers.values()) == [("s1", "anna")]


@pytest.mark.parametrize("body", [SPEAK, VIEW])
@pytest.mark.parametrize("room_id", ["b2", "b7", "b1.b2", "plenum", "-"])
async def test_nobody_gets_into_a_room_that_they_do_not_sit_in_nor_learns_whether_there_is_one(
    tmp_path: Path, room_id: str, body: dict[str, Any]
) -> None:
    async with rooms(tmp_path) as (run, engine):
        assert await offer(run, "anna", room_id, body) == "not_in_room"
        assert not engine.peers


async def test_by_other_ways_a_rooms_media_is_not_found(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine), await run.browser("anna") as anna, await run.browser() as software:
        for path in (
            "/media/s1.b2",
            "/media/s1%2Eb2",
            "/media/s1.b1",
            "/media/s3/breakouts/b2",
            "/media/nothing/breakouts/b2",
        ):
            assert (await anna.post(path, json=VIEW)).status_code >= 400
        for room in ("s1.b2", "s1", "b2"):
            headers = await bearer(run, "anna", "whep", room)
            assert (await software.post(f"/whep/{room}", content="v=0\r\n", headers=headers)).status_code >= 400
            headers = await bearer(run, "siri", "whip", room)
            assert (await software.post(f"/whip/{room}", content="v=0\r\n", headers=headers)).status_code >= 400
        with pytest.raises(RecorderFailed):
            await run.services.recorder.start("s1", "s1.b1", "r1")
        assert not engine.peers and not engine.taps


async def test_nobody_touches_somebody_elses_seat(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine), await run.browser("anna") as anna, await run.browser("siri") as siri:
        location = (await anna.post("/media/s1/breakouts/b1", json=SPEAK)).headers["Location"]
        assert (await siri.delete(location)).json()["code"] == "not_found"
        assert (await siri.patch(location, json={"heights": {}, "muted": True})).json()["code"] == "not_found"
        assert len(engine.peers) == 1


async def test_a_moderator_who_visits_sees_and_hears_and_sends_nothing(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        assert await offer(run, "mona", "b1", VIEW) == "not_in_room"
        await do(run, m.BreakoutVisit("b1"))
        assert await offer(run, "mona", "b1") == "not_in_room"
        assert await offer(run, "mona", "b1", VIEW) == ""
        await do(run, m.BreakoutVisit(""))
        await until(lambda: not engine.peers)


async def test_who_is_moved_is_heard_and_hears_where_they_were_no_more(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        for person_id in ("anna", "siri"):
            assert await offer(run, person_id, "b1") == ""
        await do(run, m.BreakoutMove("anna", "b2"))
        await until(lambda: list(engine.peers.values()) == [("s1.b1", "siri")])
        assert await offer(run, "anna", "b1") == "not_in_room"
        assert await offer(run, "anna", "b2") == ""


@pytest.mark.parametrize("end", [m.BreakoutsClose(at_once=True), m.BreakoutBar("anna"), m.SessionEnd("s1")])
async def test_when_it_is_over_the_seats_are(tmp_path: Path, end: Any) -> None:
    async with rooms(tmp_path) as (run, engine):
        assert await offer(run, "anna", "b1") == ""
        await run.services.streams.handle(m.CONFERENCE if isinstance(end, m.SessionEnd) else STREAM, MONA, end)
        await until(lambda: not engine.peers)
        assert await offer(run, "anna", "b1") in ("not_in_room", "session_ended")


async def test_who_is_moved_while_the_engine_is_asked_is_not_let_in(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        admit = engine.admit

        async def slowly(*arguments: Any, **more: Any) -> Any:
            await do(run, m.BreakoutMove("anna", "b2"))
            return await admit(*arguments, **more)

        engine.admit = slowly  # type: ignore[method-assign]
        assert await offer(run, "anna", "b1") == "not_in_room"
        assert not engine.peers


async def test_what_is_seen_in_a_room_is_told_to_those_who_sit_there_and_to_moderators(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        anna, bo, mona = [await run.client(each, (STREAM,)) for each in ("anna", "bo", "mona")]
        engine.notify(SlotsChanged("s1.b1", {"video0": "siri"}, {"video0": "H264"}))
        engine.notify(ActiveSpeaker("s1.b1", "siri"))
        engine.notify(SlotsChanged("s1.b2", {"video0": "britt"}))
        for client in (anna, mona):
            heard = await client.heard("breakout_media", room_id="b1", speaking="siri")
            assert (heard["slots"], heard["codecs"]) == ({"video0": "siri"}, {"video0": "H264"})
        await bo.heard("breakout_media", room_id="b2")
        assert {frame["room_id"] for frame in bo.frames if frame["type"] == "breakout_media"} == {"b2"}
        late = await run.client("siri", (STREAM,))
        await late.heard("breakout_media", room_id="b1")
        await do(run, m.BreakoutMove("anna", "b2"))
        await anna.heard("breakout_media", room_id="b2", slots={"video0": "britt"})
        count = len([frame for frame in anna.frames if frame.get("room_id") == "b1"])
        engine.notify(SlotsChanged("s1.b1", {"video0": ""}))
        await late.heard("breakout_media", room_id="b1", slots={"video0": ""})
        await run.services.streams.handle(STREAM, MONA, m.BreakoutsTell("Fem minuter kvar"))
        await anna.event("breakouts.told")
        assert len([frame for frame in anna.frames if frame.get("room_id") == "b1"]) == count


async def test_the_others_see_whose_microphone_is_off(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, _), await run.browser("anna") as anna:
        siri = await run.client("siri", (STREAM,))
        location = (await anna.post("/media/s1/breakouts/b1", json=SPEAK)).headers["Location"]
        await anna.patch(location, json={"heights": {}, "muted": True})
        await siri.heard("breakout_media", muted=["anna"])
        siri.frames.clear()
        await anna.patch(location, json={"heights": {}, "muted": False})
        await siri.heard("breakout_media", muted=[])
        await anna.patch(location, json={"heights": {}, "muted": True})
        await do(run, m.BreakoutMove("anna", "b2"))
        await until(lambda: not _circle(run, "b1").muted)


async def test_rooms_say_when_somebody_was_heard_last(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        circles = run.services.seats.circles
        changed: list[str] = []
        circles.on_change = changed.append
        assert circles.heard_at("s1", "b1") is None
        engine.notify(ActiveSpeaker("s1.b1", "anna"))
        await until(lambda: circles.heard_at("s1", "b1") is not None)
        engine.notify(ActiveSpeaker("s1.b1", ""))
        await until(lambda: len(changed) == 2)
        heard_at = circles.heard_at("s1", "b1")
        assert heard_at is not None and heard_at <= asyncio.get_running_loop().time()


async def test_a_closed_room_leaves_nothing_behind(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        engine.notify(SlotsChanged("s1.b1", {"video0": "siri"}))
        circles = run.services.seats.circles
        await until(lambda: bool(circles._circles))
        await do(run, m.BreakoutsClose(at_once=True))
        engine.notify(SlotsChanged("s1.b1", {"video0": ""}))
        engine.notify(SlotsChanged("s1", {"video0": "siri"}))
        siri = await run.client("siri", ("session/s1",))
        await siri.heard("slots")
        assert not circles._circles and not run.services.hub._signals.get(STREAM, {}).get("BreakoutMediaSignalb1")


async def test_when_the_engine_or_a_part_of_it_is_gone_so_are_pictures_and_seats(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        anna = await run.client("anna", (STREAM, "session/s1"))
        assert await offer(run, "anna", "b1") == ""
        engine.notify(SlotsChanged("s1.b1", {"video0": "siri"}))
        await anna.heard("breakout_media", slots={"video0": "siri"})
        engine.notify(PeersLost("peer", ()))
        reset = await anna.heard("media", stream="session/s1", status="reset")
        assert reset["lost"] == ["peer"] and run.services.seats.count == 0
        anna.frames.clear()
        engine.notify(EngineDown())
        await anna.heard("breakout_media", slots={})


async def test_the_engine_goes_down_after_a_session_with_rooms_left_the_programme(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        for room in ("s1.b1", "s1.b2"):
            engine.notify(SlotsChanged(room, {"video0": "siri"}))
        await until(lambda: len(run.services.seats.circles._circles) == 2)
        programme = run.services.streams.conference.programme
        assert programme is not None
        without = replace(programme, sessions=programme.sessions[1:])
        await run.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(without))
        engine.notify(EngineDown())
        await until(lambda: not run.services.seats.circles._circles)


async def test_a_seat_that_another_node_gave_is_known_with_its_room(tmp_path: Path) -> None:
    async with rooms(tmp_path) as (run, engine):
        engine.notify(PeerSeated("s1.b1", "peer9", "anna", True, False, "u"))
        seats = run.services.seats._seats
        await until(lambda: "peer9" in seats)
        assert (seats["peer9"].session_id, seats["peer9"].room_id) == ("s1", "b1")
        with pytest.raises(Refused):
            run.services.seats.ice_session(ANNA, "s1", "peer8")
        await do(run, m.BreakoutMove("anna", ""))
        await until(lambda: "peer9" not in seats)


def _circle(run: Running, room_id: str) -> Any:
    return run.services.seats.circles._circles["s1", room_id]

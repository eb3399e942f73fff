"""What the media engine tells, told on; and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.control import ActiveSpeaker, EngineDown, EngineUp, PeerDown, PeersLost, SlotsChanged
from rooms import messages as m
from server.hub import _merged
from tests.fakes import FakeEngine
from tests.server.running import running, until
from tests.server.test_whip import S1, bearer


async def test_software_that_an_engine_took_down_with_it_leaves_the_stage(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine, stage_grace_seconds=0.1) as run, await run.browser() as software:
        await run.go_live()
        bo = await run.client("bo", (S1,))
        headers = await bearer(run, "siri", "whip")
        assert (await software.post("/whip/plenum", content="v=0\r\n", headers=headers)).status_code == 201
        engine.notify(EngineDown())
        engine.notify(EngineUp(udp_port=9, tcp_port=9))
        await bo.event("stage.left")
        assert run.services.seats.count == 0


async def test_a_device_checks_room_is_no_session_and_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        changed: list[str] = []
        run.services.seats.on_change = changed.append
        bo = await run.client("bo", (S1,))
        check = "check-anna"
        engine.notify(SlotsChanged(check, {"video0": "anna"}))
        engine.notify(ActiveSpeaker(check, "anna"))
        engine.notify(PeerDown(check, "peer1", "anna", "left"))
        engine.notify(PeerDown("s1", "peer2", "bo", "left"))
        engine.notify(SlotsChanged("s1", {"video0": "siri"}))
        await bo.heard("slots", stream=S1)
        await until(lambda: bool(changed))
        assert changed == ["s1"]
        assert "session/check-anna" not in run.services.hub._signals
        assert "session/check-anna" not in run.services.streams._streams


async def test_when_a_part_of_the_engine_dies_only_its_peers_are_told(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine, stage_grace_seconds=0.1) as run, await run.browser() as software:
        await run.go_live()
        bo = await run.client("bo", (S1,))
        seats = run.services.seats
        retapped: list[tuple[str, ...] | None] = []
        seats.on_reset = retapped.append
        headers = await bearer(run, "siri", "whip")
        assert (await software.post("/whip/plenum", content="v=0\r\n", headers=headers)).status_code == 201
        engine.notify(PeersLost("another", ()))
        engine.notify(PeersLost("peer1", ("s1",)))
        told = await bo.heard("media", stream=S1)
        assert (told["status"], told["lost"]) == ("reset", ["peer1"])
        await bo.event("stage.left")
        assert seats.count == 0 and seats.engine_is_up and retapped == [("s1",)]
        assert sum(frame["type"] == "media" for frame in bo.frames) == 1


async def test_what_a_page_shows_is_told_at_a_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.seats.VIEWS_PER_SECOND", 0.0)
    monkeypatch.setattr("server.seats.VIEWS_AT_ONCE", 3.0)
    async with running(tmp_path, engine=FakeEngine()) as run, await run.browser("anna") as anna:
        await run.go_live()
        location = (await anna.post("/media/s1", json={"sdp": "v=0", "uses": {"0": "video"}})).headers["location"]
        answers = [await anna.patch(location, json={"heights": {"video0": 180}}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [204] * 3 + [429] * 2
        assert answers[-1].headers["retry-after"]


def test_losses_that_come_together_are_told_together() -> None:
    lost, other, all_of_it = (m.MediaSignal(S1, "reset", prefixes) for prefixes in (("0.1-",), ("1.1-",), ()))
    assert _merged(lost, other) == m.MediaSignal(S1, "reset", ("0.1-", "1.1-"))
    assert _merged(lost, all_of_it) == _merged(all_of_it, lost) == all_of_it
    assert _merged(m.MediaSignal(S1, "down"), lost) == lost

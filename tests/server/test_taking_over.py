"""A server that finds media going on: who sits where is known, and who may not sit there any more is put out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from live.adoption import is_awaited, name_of
from live.control import HeldRoom, PeerSeated, SlotsChanged
from rooms import messages as m
from server.identity import COOKIE
from server.taking_over import take_over
from tests.fakes import FakeEngine
from tests.live.clients import Client, all_closed
from tests.server.running import CONFERENCE, PATIENCE_SECONDS, Running, running
from tests.server.test_crash import Participant, a_live_session
from tests.server.test_whip import S1


def room(engine: FakeEngine, name: str, *people: str, sends: tuple[str, ...] = (), speaker: str = "") -> HeldRoom:
    """A room of the engine's, with a page of each of these; the first who sends is seen."""
    peers = tuple(PeerSeated(name, f"{name}-{person}", person, person in sends, False, "ufrag") for person in people)
    engine.peers |= {peer.peer_id: (name, peer.label) for peer in peers}
    slots = SlotsChanged(name, {"video0": sends[0]} if sends else {}, {"video0": "VP8"} if sends else {})
    return HeldRoom(name, "circle" if "." in name else "stage", 0, slots, speaker, peers)


async def invite(run: Running, *people: str) -> None:
    for person in people:
        await run.services.identity.issue(person)


async def test_everybody_has_the_seat_that_they_had(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run, await run.browser("anna") as anna:
        await run.go_live()
        await invite(run, "anna", "bo", "siri")
        bo = await run.client("bo", (S1,))
        siri = run.services.identity.actor_of("siri")
        assert siri
        await run.services.streams.handle(S1, siri, m.StageEnter())
        await take_over(run.services, [room(engine, "s1", "anna", "bo", "siri", sends=("siri",), speaker="siri")])
        assert set(engine.peers) == {"s1-anna", "s1-bo", "s1-siri"}
        seats = run.services.seats
        assert seats.count == 3 and seats.engine_is_up
        assert (await bo.heard("slots", stream=S1))["slots"] == {"video0": "siri"}
        assert (await bo.heard("speaking", stream=S1))["person_id"] == "siri"
        assert (await anna.patch("/media/s1/s1-anna", json={"heights": {"video0": 180}})).status_code == 204
        assert (await anna.patch("/media/s1/s1-bo", json={"heights": {"video0": 180}})).status_code == 404
        assert not any(frame["type"] == "media" for frame in bo.frames)  # nobody is asked to offer again


async def test_who_may_not_be_there_any_more_is_put_out(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        await invite(run, "anna", "bo", "siri", "mona")
        await run.services.identity.revoke("bo")
        held = [
            room(engine, "s1", "anna", "bo", "siri", "nobody", sends=("siri",)),  # she is not on the stage
            room(engine, "s2", "anna"),  # not live
            room(engine, "s1.b1", "anna", "mona", sends=("anna", "mona")),  # there are no breakout rooms
            *(room(engine, name, "anna") for name in ("gone", "check-in")),  # no session at all
            room(engine, "check-anna", "anna", sends=("anna",)),
        ]
        await take_over(run.services, held)
        assert set(engine.peers) == {"s1-anna", "check-anna-anna"}
        assert run.services.seats.count == 1


async def test_a_session_may_have_a_name_like_a_device_check(tmp_path: Path) -> None:
    engine = FakeEngine()
    (tmp_path / "conference.toml").write_text(CONFERENCE.replace('"s1"', '"check-in"'))
    async with running(tmp_path, engine=engine) as run:
        await run.go_live("check-in")
        await invite(run, "anna")
        await take_over(run.services, [room(engine, "check-in", "anna", "bo")])
        assert set(engine.peers) == {"check-in-anna"} and run.services.seats.count == 1


async def sit(person: Participant) -> tuple[Client, str]:
    """A page of somebody's with sound and picture, and its connection's address."""
    client = Client()
    for kind in ("video", "audio"):
        client.connection.addTransceiver(kind, direction="recvonly")
    try:
        offer = {"sdp": await client.offer(), "uses": {"0": "video", "1": "audio"}}
        answer = await asked(person, "POST", "/media/s1", offer)
        assert answer.status_code == 201
        await client.accept(answer.json()["sdp"])
        await client.connected()
    except BaseException:
        await client.close()
        raise
    return client, answer.headers["location"]


async def asked(person: Participant, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"Cookie": f"{COOKIE}={person.cookie}", "Origin": person.server.url}
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as browser:
        return await browser.request(method, person.server.url + path, json=body, headers=headers)


@pytest.mark.timeout(600)  # a start takes seconds on a busy machine
async def test_a_killed_servers_media_goes_on_with_the_next_one_but_for_who_was_shut_out_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLENUM_MEDIA_KEEP_SECONDS", "300")
    async with a_live_session(tmp_path) as (server, _, (anna, bo, *_)):
        (annas, place), (bos, _) = [await sit(person) for person in (anna, bo)]
        async with all_closed(annas, bos):
            for is_second in (False, True):  # the next one may be killed, too
                await server.kill()
                assert (annas.connection.connectionState, bos.connection.connectionState) == ("connected", "connected")
                if is_second:
                    await server.plenum("links", "--revoke", f"{bo.name}@example.org", "-C", str(tmp_path))
                await server.start()
            await bos.ended()
            assert annas.connection.connectionState == "connected"
            assert (await asked(anna, "PATCH", place, {"heights": {"video0": 180}})).status_code == 204
        assert is_awaited(name_of(tmp_path))
    assert not is_awaited(name_of(tmp_path))  # it was stopped: what it had adopted has ended with it

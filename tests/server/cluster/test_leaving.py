"""Nodes that go: drained for an upgrade, or killed. Whoever was there goes on elsewhere; nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from server.hand_over import END_SECONDS, SPREAD_SECONDS, seconds_to_leave
from server.settings import Settings
from tests.server.cluster.pair import cluster_of, pair, seqs, several
from tests.server.running import CONFERENCE, Client, running, until
from tests.server.test_crash import Server

S1 = "session/s1"


def ask(text: str) -> dict[str, str]:
    return {"type": "question.ask", "text": text}


async def test_a_node_that_is_drained_hands_everybody_over_and_lets_nobody_in(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url, connections_per_person=100) as nodes:
        await nodes.go_live()
        mona = await nodes.a.client("mona", (S1,), name="tab")
        tabs = [await nodes.a.client("anna", (S1,)) for _ in range(20)]
        await mona.do(S1, ask("Före?"), 1)
        cookie = {"Cookie": f"plenum={await nodes.a.cookie('anna')}"}
        order: list[Client] = []
        watching = [asyncio.create_task(note_end(tab, order)) for tab in (mona, *tabs)]
        nodes.a.services.draining.set()
        async with httpx.AsyncClient(timeout=60, base_url=nodes.a.url, headers=cookie) as browser:
            answer = await browser.get("/readyz")
            assert (answer.status_code, answer.json()["missing"]) == (503, ["not_draining"])
            await until(lambda: bool(order))
            assert len(order) < len(watching)  # not all at once
            with pytest.raises(InvalidStatus) as refused:
                await nodes.a.connect("bo")
            assert refused.value.response.status_code == 503
        back = await nodes.b.connect("mona", "tab")
        await back.hello({S1: 1})
        assert (await back.heard("caught_up", stream=S1))["seq"] == 1
        assert (await back.do(S1, ask("Före?"), 1))["type"] == "ack"
        assert (await back.do(S1, ask("Efter?"), 2))["type"] == "ack"
        await asyncio.gather(*watching)
        assert {tab.close_code for tab in tabs} == {1012}
        assert [q.text for q in nodes.b.services.streams.room("s1").questions.values()] == ["Före?", "Efter?"]


async def note_end(client: Client, order: list[Client]) -> None:
    await client.closed()
    order.append(client)


def test_one_node_alone_ends_at_once_and_one_of_several_takes_its_time() -> None:
    several_of_them = several("postgresql://db/plenum", "redis://db/0")
    assert seconds_to_leave(Settings()) == 0
    assert seconds_to_leave(Settings(drain_seconds=3)) == 3
    assert seconds_to_leave(Settings(drain_seconds=3, **several_of_them)) == 3 + SPREAD_SECONDS + END_SECONDS


async def test_a_killed_node_is_missed_and_what_it_has_acknowledged_is_there(
    tmp_path: Path, postgres_place: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in several(postgres_place, redis_url).items():
        monkeypatch.setenv(f"PLENUM_{name.upper()}", value)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        (folder / "conference.toml").write_text(CONFERENCE)
    async with running(folders[0], **several(postgres_place, redis_url)) as a:
        await a.go_live()
        mona = await a.client("mona", (S1,))
        process = Server(folders[1])
        await process.start()
        try:
            await until(lambda: bool(cluster_of(a).nodes.others))
            a.url, here = process.url, a.url  # to the other node
            a._port, port = process.port, a._port
            anna = await a.client("anna", (S1,), name="tab")
            a.url, a._port = here, port
            await mona.until(lambda f: f["type"] == "presence" and f["present"] == 2)
            for number in range(1, 4):
                await anna.do(S1, ask(f"Fråga {number}"), number)
            mona.frames = [frame for frame in mona.frames if frame["type"] != "presence"]
        finally:
            await process.kill()
        await mona.until(lambda f: f["type"] == "presence" and f["present"] == 1)
        assert not cluster_of(a).nodes.others
        back = await a.connect("anna", "tab")
        await back.hello({S1: 3})
        for number in range(1, 5):  # the last of them was never answered
            assert (await back.do(S1, ask(f"Fråga {number}"), number))["type"] == "ack"
        await mona.until(lambda f: f["type"] == "event" and f["stream"] == S1 and f["seq"] == 4)
        assert seqs(mona, S1) == [1, 2, 3, 4]
        assert len(await a.services.journal.read(S1)) == 4

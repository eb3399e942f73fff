"""Offers that nobody well-behaved makes, over HTTP, with a real media worker behind it: each is refused in words, and
everybody else gets in meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from live.engine import EmbeddedEngine
from rooms import messages as m
from server.limits import Limits
from server.seats import OFFERS_AT_ONCE
from tests.live.raw import Raw
from tests.server.running import Running, running
from tests.server.test_whip import bearer

VIEWER = ("video", "recvonly")
SECTION = "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=rtcp-mux\r\n"


def bad_offers() -> dict[str, str]:
    good = Raw().offer(VIEWER)
    return {
        "10,000 m-lines": good + SECTION * 10_000,
        "as many m-lines as fit": good + SECTION * 1200,
        "a line of 1 MB": good + "a=x:" + "x" * (1 << 20),
        "a line of 60 KB": good + "a=x:" + "x" * 60_000,
        "10,000 candidates": good + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 10_000,
        "sources": good + "".join(f"a=ssrc:{n} c:x\r\n" for n in range(3000)),
        "rids": good + "".join(f"a=rid:{n} send\r\n" for n in range(3000)),
        "formats": good + "m=video 9 UDP/TLS/RTP/SAVPF " + "96 " * 15_000 + "\r\n",
        "feedback": good + "a=rtcp-fb:102 nack\r\n" * 2500,
        "the same mid twice": good + SECTION + "a=mid:0\r\n",
        "a bundle of others": good.replace("BUNDLE 0", "BUNDLE 7 8"),
        "NUL": good.replace("s=-", "s=-\0"),
        "NULs": "\0" * 1000,
        "nothing": "",
    }


def refused(answer: httpx.Response) -> str:
    """In words, at no length."""
    assert 400 <= answer.status_code < 500 and len(answer.content) < 1000, answer.status_code
    found: str = answer.json()["code"]
    return found


def page_bodies() -> list[bytes]:
    """What a page's offer must not be."""
    sdp = Raw().offer(VIEWER)
    bodies: list[Any] = [{"sdp": offer, "uses": {"0": "video"}} for offer in bad_offers().values()]
    bodies += [
        {"sdp": sdp, "uses": uses}
        for uses in ({"9": "video"}, {"0": "anything"}, {"0": None}, {str(n): "video" for n in range(3000)})
    ]
    bodies += [{"sdp": sdp, "uses": {"0": "video"}, "more": 1}, {"sdp": 5, "uses": {}}, {}, [], None, "x"]
    raw = [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"uses":' * 8000,
        b'{"sdp":"\\u0000"',
        b"{" + b" " * Limits.body_bytes + b"}",
    ]
    return [json.dumps(body).encode() for body in bodies] + raw


async def newcomer_gets_in(run: Running, person_id: str) -> None:
    async with await run.browser(person_id) as browser:
        answer = await browser.post("/media/s1", json={"sdp": Raw().offer(VIEWER), "uses": {"0": "video"}})
        assert answer.status_code == 201 and answer.json()["sdp"].startswith("v=0")


async def test_no_offer_does_harm_and_everybody_else_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.seats.OFFERS_AT_ONCE", 1000.0)
    async with EmbeddedEngine(("127.0.0.1",)) as engine, running(tmp_path, engine=engine) as run:
        await run.go_live()
        await run.services.streams.handle("session/s1", run.services.people.actor(siri(run)), m.StageEnter())
        pid = (await engine.statistics())[0].pid
        async with await run.browser("anna") as anna:
            for body in page_bodies():
                code = refused(await anna.post("/media/s1", content=body, headers={"Content-Type": "application/json"}))
                assert code in ("bad_offer", "too_large"), body[:200]
        for purpose, person_id in (("whip", "siri"), ("whep", "anna")):
            headers = await bearer(run, person_id, purpose)
            async with await run.browser() as software:
                for name, offer in bad_offers().items():
                    code = refused(await software.post(f"/{purpose}/plenum", content=offer, headers=headers))
                    assert code in ("bad_offer", "too_large"), name
                assert (
                    refused(await software.post(f"/{purpose}/plenum", content=b"\xff" * 100, headers=headers)) == "bad_offer"
                )
        await newcomer_gets_in(run, "bo")
        (found,) = await engine.statistics()
        assert (found.pid, found.peers) == (pid, 1)


def siri(run: Running) -> Any:
    person = run.services.people.get("siri")
    assert person is not None
    return person


async def test_offers_never_completed_are_bounded_by_person(tmp_path: Path) -> None:
    most, seats = int(OFFERS_AT_ONCE), 3
    settings: dict[str, Any] = {"offers_per_second": 0.0, "seats_per_person": seats}
    async with EmbeddedEngine(("127.0.0.1",)) as engine, running(tmp_path, engine=engine, **settings) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            for count in range(most + 5):
                answer = await anna.post("/media/s1", json={"sdp": Raw().offer(VIEWER), "uses": {"0": "video"}})
                assert answer.status_code == (201 if count < most else 429)
                (found,) = await engine.statistics()
                assert found.peers == min(count + 1, seats)
            assert answer.json()["code"] == "too_fast"
            assert (await anna.post("/api/check", json={"sdp": "v=0", "uses": {}})).json()["code"] == "too_fast"
        await newcomer_gets_in(run, "bo")
        (found,) = await engine.statistics()
        assert found.peers == seats + 1

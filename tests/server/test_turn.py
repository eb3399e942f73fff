"""TURN servers: where they are, and credentials as coturn reads them (`use-auth-secret`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path

from server.settings import Settings
from server.turn import ice_servers, link_values
from tests.fakes import FakeClock
from tests.server.running import running
from tests.server.test_whip import bearer

SECRET = "a secret of two servers"
URLS = "turn:turn.example.org:3478?transport=udp, turns:turn.example.org:443"
SETTINGS = Settings(turn_urls=URLS, turn_secret=SECRET)


def test_credentials_are_what_the_turn_server_reckons_and_end_after_half_a_day() -> None:
    clock = FakeClock()
    (server,) = ice_servers(SETTINGS, "anna", clock())
    until, _, label = server.username.partition(":")
    assert int(until) == (clock() + timedelta(hours=12)).timestamp()
    expected = base64.b64encode(hmac.new(SECRET.encode(), server.username.encode(), hashlib.sha1).digest()).decode()
    assert server.credential == expected
    assert server.urls == ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443")
    assert "anna" not in label and ice_servers(SETTINGS, "anna", clock())[0].username.endswith(label)
    assert not ice_servers(SETTINGS, "bo", clock())[0].username.endswith(label)


def test_without_a_turn_server_there_is_nothing_to_tell() -> None:
    assert ice_servers(Settings(), "anna", FakeClock()()) == ()
    assert link_values(()) == []


async def test_a_page_is_told_by_its_own_origin_and_nobody_keeps_it(tmp_path: Path) -> None:
    async with running(tmp_path, turn_urls=URLS, turn_secret=SECRET) as run:
        async with await run.browser() as stranger:
            assert (await stranger.get("/api/ice")).status_code == 401
        async with await run.browser("anna") as anna:
            answer = await anna.get("/api/ice")
            assert answer.headers["Cache-Control"] == "no-store"
            ((told,), seconds) = answer.json()["servers"], answer.json()["seconds"]
            assert (told["urls"], seconds) == (URLS.split(", "), 12 * 3600)
            for path in ("/check", "/lobby"):
                page = (await anna.get(path)).text
                assert '"turn": true' in page and SECRET not in page and told["credential"] not in page
            assert 'data-path="relay"' in (await anna.get("/check")).text


async def test_where_there_is_none_a_page_need_not_ask(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser("anna") as anna:
        page = (await anna.get("/check")).text
        assert '"turn": false' in page and 'data-path="relay"' not in page
        assert (await anna.get("/api/ice")).json()["servers"] == []


async def test_software_is_told_with_its_answer(tmp_path: Path) -> None:
    async with running(tmp_path, turn_urls=URLS, turn_secret=SECRET) as run, await run.browser() as software:
        await run.go_live()
        for kind, person_id in (("whip", "siri"), ("whep", "anna")):
            created = await software.post(f"/{kind}/plenum", content="v=0\r\n", headers=await bearer(run, person_id, kind))
            links = created.headers.get_list("Link")
            (server,) = ice_servers(run.services.settings, person_id, run.services.now())
            assert len(links) == 2 and created.headers["Cache-Control"] == "no-store"
            assert links[1].startswith('<turns:turn.example.org:443>; rel="ice-server"; username="')
            assert links[0].endswith('; credential-type="password"')
            assert server.username.partition(":")[2] in links[0]  # RFC 9725, 4.6

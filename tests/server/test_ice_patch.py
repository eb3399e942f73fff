"""ICE restarts by HTTP (RFC 9725, 4.3), for software and for our own pages."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fakes import FakeEngine
from tests.server.running import running
from tests.server.test_whip import VIEW, bearer

FRAGMENT = "a=ice-ufrag:nEw1\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
KIND = {"Content-Type": "application/trickle-ice-sdpfrag"}
ANY = KIND | {"If-Match": "*"}


async def test_a_page_restarts_its_own_connection_and_nobody_elses(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run, await run.browser("anna") as anna, await run.browser("bo") as bo:
        await run.go_live()
        location = (await anna.post("/media/s1", json=VIEW)).headers["Location"]
        answer = await anna.patch(location, content=FRAGMENT, headers=ANY)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, KIND["Content-Type"])
        assert "a=ice-ufrag:fornEw1\r\n" in answer.text and re.search(r"a=ice-pwd:p{32}\r\n", answer.text)
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await bo.patch(location, content=FRAGMENT, headers=ANY)).status_code == 404
        assert engine.restarts == {location.rpartition("/")[2]: "nEw1"}
        evil = {"Origin": "https://evil.example"}
        assert (await anna.patch(location, content=FRAGMENT, headers=ANY | evil)).status_code == 403
        assert run.services.seats.count == 1


async def test_a_connection_that_the_engine_does_not_know_any_more_is_offered_anew(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run, await run.browser("anna") as anna:
        await run.go_live()
        location = (await anna.post("/media/s1", json=VIEW)).headers["Location"]
        engine.peers.clear()
        answer = await anna.patch(location, content=FRAGMENT, headers=ANY)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await anna.patch("/media/s1/nobody", content=FRAGMENT, headers=ANY)).status_code == 404


async def test_software_restarts_with_any_tag_and_trickles_with_the_newest(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run, await run.browser() as software:
        await run.go_live()
        for kind, person_id in (("whip", "siri"), ("whep", "anna")):
            token = await bearer(run, person_id, kind)
            created = await software.post(f"/{kind}/plenum", content="v=0\r\n", headers=token)
            location, first = created.headers["Location"], created.headers["ETag"]
            assert re.fullmatch(r'"[!#-~]+"', first)  # strong (RFC 9110, 8.8.3)

            async def patched(headers: dict[str, str], body: str = FRAGMENT, to: str = location) -> tuple[int, str | None]:
                answer = await software.patch(to, content=body, headers=token | KIND | headers)  # noqa: B023
                return answer.status_code, answer.headers.get("ETag")

            assert await patched({"If-Match": first}) == (204, None)
            assert await patched({"If-Match": f'"x", {first}'}) == (204, None)
            status, second = await patched({"If-Match": "*"})
            assert status == 200 and second and second != first
            status, third = await patched({"If-Match": '"*"'}, FRAGMENT.replace("nEw1", "nEw2"))
            assert status == 200 and third and third != second
            for condition in (first, second, f"W/{third}", third.strip('"'), ""):
                assert await patched({"If-Match": condition}) == (412, None)
            assert await patched({"If-Match": third}) == (204, None)
            assert await patched({}) == (428, None)
            assert await patched({"If-Match": "*"}, "a=ice-ufrag:nEw1\r\n") == (400, None)
            assert await patched({"If-Match": "*", "Content-Type": "application/sdp"}) == (415, None)
            assert await patched({"If-Match": "*"}, "x" * 100_000) == (413, None)
            assert await patched({"If-Match": "*"}, to=f"/{kind}/plenum/s1/nobody") == (404, None)
            assert await patched({"If-Match": "*", "Authorization": "Bearer x"}) == (401, None)
            assert await patched({"If-Match": third}) == (204, None)  # whatever was refused changed nothing
            ended = await software.delete(location, headers=token | {"If-Match": first})  # RFC 9725, 4.3.1: ignored
            assert ended.status_code == 200
        assert engine.restarts.keys() == {"peer1", "peer2"} or len(engine.restarts) == 1  # ids are given again


async def test_what_a_patch_may_be_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser() as software:
        await run.go_live()
        token = await bearer(run, "anna", "whep")
        location = (await software.post("/whep/plenum", content="v=0\r\n", headers=token)).headers["Location"]
        allowed = await software.options(location)
        assert allowed.headers["Accept-Patch"] == KIND["Content-Type"]
        assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
        refused = await software.patch(location, content="{}", headers=token | {"Content-Type": "application/json"})
        assert (refused.status_code, refused.headers["Accept-Patch"]) == (415, KIND["Content-Type"])

"""The media endpoints: who may offer, for what, and what a refusal looks like. The engine is a fake; media is tested in
tests/live and in browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from live.control import Admission, EngineDown, EngineUp, PeerDown, SlotsChanged
from rooms import messages as m
from tests.fakes import FakeEngine
from tests.server.running import Running, running, until

S1 = "session/s1"
VIEW = {"sdp": "v=0\r\n", "uses": {"0": "audio", "1": "video"}}
SPEAK = {"sdp": "v=0\r\n", "uses": {"0": "microphone", "1": "camera", "2": "audio"}}
SDP = {"Content-Type": "application/sdp"}


async def bearer(run: Running, person_id: str, purpose: str, room: str = "plenum") -> dict[str, str]:
    assert purpose in ("whip", "whep")
    token = await run.services.identity.media_token(room, person_id, "whip" if purpose == "whip" else "whep")
    return SDP | {"Authorization": f"Bearer {token}"}


async def test_an_attendee_receives_while_the_session_is_live_and_not_before(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser("anna") as anna:
        assert (await anna.post("/media/s1", json=VIEW)).json()["code"] == "not_live"
        await run.go_live()
        answer = await anna.post("/media/s1", json=VIEW)
        assert (answer.status_code, answer.json()["sdp"]) == (201, "v=0\r\ns=receive\r\n")
        assert (await anna.delete(answer.headers["Location"])).status_code == 200
        assert (await anna.delete(answer.headers["Location"])).status_code == 404


async def test_sending_needs_the_role_and_a_place_on_stage(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser("anna") as anna, await run.browser("siri") as siri:
            assert (await anna.post("/media/s1", json=SPEAK)).json()["code"] == "forbidden"
            assert (await siri.post("/media/s1", json=SPEAK)).json()["code"] == "not_on_stage"
            await (await run.client("siri", (S1,))).do(S1, {"type": "stage.enter"})
            answer = await siri.post("/media/s1", json=SPEAK)
            assert answer.json()["sdp"] == "v=0\r\ns=sendreceive\r\n"


async def test_nobody_ends_somebody_elses_seat(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser("anna") as anna, await run.browser("bo") as bo:
            location = (await anna.post("/media/s1", json=VIEW)).headers["Location"]
            assert (await bo.delete(location)).json()["code"] == "not_found"
            assert run.services.seats.count == 1


async def test_a_page_says_how_large_it_shows_what_it_receives(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        assert isinstance(engine := run.services.media, FakeEngine)
        async with await run.browser("anna") as anna, await run.browser("bo") as bo:
            location = (await anna.post("/media/s1", json=VIEW)).headers["Location"]
            assert (await anna.patch(location, json={"heights": {"video0": 360, "video1": 0}})).status_code == 204
            assert (await bo.patch(location, json={"heights": {"video0": 0}})).json()["code"] == "not_found"
            many = {f"video{n}": 1 for n in range(17)}
            for wrong in ({"video0": -1}, {"video0": 9000}, {"video0": "1"}, {"v" * 17: 1}, many, [1]):
                assert (await anna.patch(location, json={"heights": wrong})).json()["code"] == "bad_offer"
            assert list(engine.views.values()) == [{"video0": 360, "video1": 0}]


async def test_bad_offers_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            for body in (b"", b"{}", b"\xff", b'{"sdp":1,"uses":{}}', b'{"sdp":"nonsense","uses":{"0":"audio"}}'):
                answer = await anna.post("/media/s1", content=body)
                assert (answer.status_code, answer.json()["code"]) == (400, "bad_offer")
            answer = await anna.post("/media/s1", content=b"x" * 100_000)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert (await anna.post("/media/nowhere", json=VIEW)).status_code == 404


async def test_the_visitors_cookie_is_no_use_to_another_site(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            answer = await anna.post("/media/s1", json=VIEW, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 403
            assert run.services.seats.count == 0


async def test_a_page_of_another_site_may_be_the_software(tmp_path: Path) -> None:
    """As a browser would: it asks first, sends no cookie, and reads the answer only if it is told that it may."""
    site = {"Origin": "https://studio.example", "Sec-Fetch-Site": "cross-site"}
    async with running(tmp_path) as run, await run.browser() as software:
        await run.go_live()
        for kind, person_id in (("whip", "siri"), ("whep", "anna")):
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
            allowed = await software.options(f"/{kind}/plenum", headers=site | asked)
            assert (allowed.status_code, allowed.headers["Accept-Post"]) == (200, "application/sdp")
            assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
            assert {"Authorization", "If-Match"} <= {*allowed.headers["Access-Control-Allow-Headers"].split(", ")}
            answer = await software.post(
                f"/{kind}/plenum", content="v=0\r\n", headers=await bearer(run, person_id, kind) | site
            )
            refusal = await software.post(
                f"/{kind}/plenum", content="v=0\r\n", headers=SDP | site | {"Authorization": "Bearer x"}
            )
            ended = await software.delete(answer.headers["Location"], headers=await bearer(run, person_id, kind) | site)
            assert [reply.status_code for reply in (answer, refusal, ended)] == [201, 401, 200]
            for reply in (allowed, answer, refusal, ended):
                assert reply.headers["Access-Control-Allow-Origin"] == "*"
                assert reply.headers["Access-Control-Expose-Headers"] == "Location, ETag, Link"


async def test_no_other_address_is_open_to_other_sites(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser("mona") as mona:
        for path in ("/lobby", "/api/board", "/export/attendance.csv", "/healthz", "/static/page.js"):
            assert "Access-Control-Allow-Origin" not in (await mona.get(path)).headers
        assert (await mona.options("/lobby")).status_code == 405


async def test_what_a_whip_resource_does_not_do_is_said_with_405(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser() as software:
        for path in ("/whip/plenum", "/whep/plenum", "/whip/plenum/s1/peer1", "/whep/plenum/s1/peer1"):
            for method in ("GET", "HEAD", "PUT", *(["PATCH"] if path.count("/") == 2 else [])):
                answer = await software.request(method, path, headers=await bearer(run, "siri", path[1:5]))
                assert answer.status_code == 405, (method, path)


async def test_software_publishes_by_whip_and_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        headers = await bearer(run, "siri", "whip")
        async with await run.browser() as obs:
            answer = await obs.post("/whip/plenum", content="v=0\r\n", headers=headers)
            assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/sdp")
            assert run.services.streams.room("s1").stage["siri"].camera
            assert (await obs.delete(answer.headers["Location"], headers=headers)).status_code == 200
            assert not run.services.streams.room("s1").stage


async def test_software_receives_by_whep(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser() as player:
            answer = await player.post("/whep/plenum", content="v=0\r\n", headers=await bearer(run, "anna", "whep"))
            assert (answer.status_code, answer.text) == (201, "v=0\r\ns=receive\r\n")


async def test_tokens_are_for_one_purpose_one_room_and_as_long_as_the_link(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        async with await run.browser() as stranger:
            for path, headers, status in (
                ("/whip/plenum", SDP, 401),
                ("/whip/plenum", SDP | {"Authorization": "Bearer x"}, 401),
                ("/whip/plenum", SDP | {"Authorization": "Basic x"}, 401),
                ("/whip/plenum", await bearer(run, "siri", "whep"), 401),
                ("/whip/grupp", await bearer(run, "siri", "whip"), 403),
                ("/whip/plenum", await bearer(run, "anna", "whip"), 403),
                ("/whep/grupp", await bearer(run, "anna", "whep", "grupp"), 409),
            ):
                assert (await stranger.post(path, content="v=0\r\n", headers=headers)).status_code == status, (path, headers)
            headers = await bearer(run, "siri", "whip")
            await run.services.identity.revoke("siri")
            assert (await stranger.post("/whip/plenum", content="v=0\r\n", headers=headers)).status_code == 401


async def test_who_is_not_let_in_is_told_how_to_ask(tmp_path: Path) -> None:
    """RFC 9110, 15.5.2 and RFC 6750, 3: every 401 says which credentials it wants."""
    async with running(tmp_path) as run, await run.browser() as software:
        for path in ("/whip/plenum", "/whep/plenum"):
            for headers, challenge in (
                (SDP, "Bearer"),
                (SDP | {"Authorization": "Basic x"}, "Bearer"),
                (SDP | {"Authorization": "bearer x"}, 'Bearer error="invalid_token"'),
            ):
                answer = await software.post(path, content="v=0\r\n", headers=headers)
                assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge), (path, headers)
            gone = await software.delete(f"{path}/s1/peer1")
            assert (gone.status_code, gone.headers["WWW-Authenticate"]) == (401, "Bearer")
        page = await software.post("/media/s1", json=VIEW)
        assert page.status_code == 401  # pages have cookies: nothing a browser could ask a person for
        assert "WWW-Authenticate" not in page.headers


async def test_an_offer_that_is_not_sdp_is_of_the_wrong_type(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser() as software:
        await run.go_live()
        for path, person_id in (("/whip/plenum", "siri"), ("/whep/plenum", "anna")):
            headers = await bearer(run, person_id, path[1:5])
            for kind in ("text/plain", "application/json", "application/sdpfrag", ""):
                answer = await software.post(path, content="v=0\r\n", headers=headers | {"Content-Type": kind})
                assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), kind
                assert answer.headers["Accept"] == "application/sdp"
            answer = await software.post(path, content="v=0\r\n", headers=headers | {"Content-Type": "Application/SDP; x=y"})
            assert answer.status_code == 201


async def test_old_seats_make_room_for_new_ones(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            for _ in range(7):
                await anna.post("/media/s1", json=VIEW)
        assert [*engine.peers] == ["peer4", "peer5", "peer6", "peer7"] or len(engine.peers) == 4


async def test_who_is_taken_off_the_stage_stops_sending(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        siri, mona = [await run.client(name, (S1,)) for name in ("siri", "mona")]
        await siri.do(S1, {"type": "stage.enter"})
        async with await run.browser("siri") as browser:
            await browser.post("/media/s1", json=SPEAK)
        assert len(engine.peers) == 1
        await mona.do(S1, {"type": "stage.remove", "person_id": "siri"})
        await until(lambda: not engine.peers)


async def test_what_the_engine_tells_reaches_the_pages(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        anna = await run.client("anna", (S1,))
        engine.notify(SlotsChanged("s1", {"video0": "siri", "audio0": "siri"}, {"video0": "H264"}))
        told = await anna.heard("slots")
        assert told["slots"] == {"video0": "siri", "audio0": "siri"} and told["codecs"] == {"video0": "H264"}
        engine.notify(EngineDown())
        await anna.heard("media", status="down")
        async with await run.browser() as operator:
            assert (await operator.get("/healthz")).json()["status"] == "degraded"
        engine.notify(EngineUp(1, 1))
        await anna.heard("media", status="reset")
        async with await run.browser() as operator:
            assert (await operator.get("/healthz")).json()["status"] == "ok"
            await run.services.presence.stop()  # or it saves something in between
            run.services.database.saves = False  # as a full disk makes it
            assert (await operator.get("/healthz")).json()["status"] == "degraded"
        bo = await run.client("bo", (S1,))
        engine.notify(SlotsChanged("s1", {"video0": "mona"}))
        await bo.heard("slots", slots={"video0": "mona"}, codecs={})  # nothing of what was before
        assert not [frame for frame in bo.frames if frame["type"] == "media"]


async def test_a_silent_peer_frees_its_seat(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            await anna.post("/media/s1", json=VIEW)
        engine.notify(PeerDown("s1", "peer1", "anna", "silent"))
        await until(lambda: run.services.seats.count == 0)


async def test_without_an_engine_the_offer_is_refused_in_words(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await run.go_live()
        engine.is_up = False
        async with await run.browser("anna") as anna:
            answer = await anna.post("/media/s1", json=VIEW)
        assert (answer.status_code, answer.json()["code"]) == (503, "media_unavailable")
        assert answer.json()["message"]


async def test_who_is_being_admitted_while_the_session_ends_is_not_let_in(tmp_path: Path) -> None:
    class SlowEngine(FakeEngine):
        async def admit(self, *arguments: Any, **rights: Any) -> Admission:
            await run.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionEnd("s1"))
            return await super().admit(*arguments, **rights)

    engine = SlowEngine()
    async with running(tmp_path, engine=engine) as run, await run.browser("anna") as anna:
        await run.go_live()
        assert (await anna.post("/media/s1", json=VIEW)).json()["code"] == "session_ended"
        assert (run.services.seats.count, engine.peers) == (0, {})


async def test_software_whose_offer_is_refused_does_not_stay_on_stage(tmp_path: Path) -> None:
    async with running(tmp_path, stage_grace_seconds=0.1) as run:
        await run.go_live()
        async with await run.browser() as software:
            headers = await bearer(run, "siri", "whip")
            assert (await software.post("/whip/plenum", content="nonsense", headers=headers)).json()["code"] == "bad_offer"
        await until(lambda: not run.services.streams.room("s1").stage)


async def test_only_those_who_may_be_on_stage_get_a_token_for_their_software(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        statuses = {}
        for person in ("anna", "britt", "siri", "mona"):
            async with await run.browser(person) as browser:
                answer = await browser.get("/api/whip", params={"session": "s1"})
                statuses[person] = answer.status_code
                assert ("token" in answer.json()) is (answer.status_code == 200)
        assert statuses == {"anna": 403, "britt": 403, "siri": 200, "mona": 200}

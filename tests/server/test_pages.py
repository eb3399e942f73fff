"""The pages as a browser without scripts meets them, from a real server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.i18n import COOKIE as LANGUAGE_COOKIE
from server.identity import COOKIE
from server.tables import attendance
from tests.server.running import Running, running

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
SWEDISH = {"Accept": "text/html", "Accept-Language": "sv"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as run:
        yield run


@pytest.fixture
async def anna(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with await server.browser("anna") as browser:
        browser.headers.update(PAGE)
        yield browser


@pytest.fixture
async def stranger(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with await server.browser() as browser:
        browser.headers.update(PAGE)
        yield browser


async def token(server: Running, person_id: str) -> str:
    return await server.services.identity.issue(person_id)


# --- coming in ---


async def test_a_personal_link_signs_in_and_its_token_leaves_the_address(
    server: Running, stranger: httpx.AsyncClient
) -> None:
    answer = await stranger.get(f"/join/{await token(server, 'anna')}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/lobby")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=") and "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    lobby = await stranger.get("/lobby")
    assert lobby.status_code == 200 and "Signed in as Anna Ek" in lobby.text


async def test_the_same_link_again_leads_straight_back(server: Running, anna: httpx.AsyncClient) -> None:
    assert (await anna.get(f"/join/{await token(server, 'anna')}")).status_code == 303


async def test_somebody_elses_link_asks_before_it_makes_one_another(server: Running, anna: httpx.AsyncClient) -> None:
    address = f"/join/{await token(server, 'bo')}"
    page = await anna.get(address)
    assert page.status_code == 200 and "set-cookie" not in page.headers
    assert "This browser is signed in as Anna Ek, but the link belongs to Bo Lind." in page.text
    assert page.headers["referrer-policy"] == "strict-origin"
    assert "Signed in as Anna Ek" in (await anna.get("/lobby")).text

    answer = await anna.post(address)
    assert answer.headers["location"] == "/lobby"
    assert "Signed in as Bo Lind" in (await anna.get("/lobby")).text


async def test_another_site_cannot_make_one_somebody_else(server: Running, anna: httpx.AsyncClient) -> None:
    answer = await anna.post(f"/join/{await token(server, 'bo')}", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "Signed in as Anna Ek" in (await anna.get("/lobby")).text


async def test_a_wrong_link_says_what_to_do(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/join/no-such-token")
    assert page.status_code == 404 and "set-cookie" not in page.headers
    assert "We do not know this link" in page.text and "ask for a new link" in page.text


async def test_a_withdrawn_link_says_so_and_ends_the_cookie(server: Running, anna: httpx.AsyncClient) -> None:
    link = await token(server, "anna")
    await server.services.identity.revoke("anna")
    page = await anna.get(f"/join/{link}")
    assert page.status_code == 410 and "This link has been withdrawn" in page.text
    assert (await anna.get("/lobby")).status_code == 401


async def test_signing_out_ends_it_in_this_browser_only(
    server: Running, stranger: httpx.AsyncClient, anna: httpx.AsyncClient
) -> None:
    await stranger.get(f"/join/{await token(server, 'anna')}")
    assert (await stranger.get("/lobby")).status_code == 200
    assert (await stranger.post("/sign-out")).headers["location"] == "/"
    assert (await stranger.get("/lobby")).status_code == 401
    assert (await anna.get("/lobby")).status_code == 200


async def test_the_start_page_says_how_to_get_in_or_leads_in(stranger: httpx.AsyncClient, anna: httpx.AsyncClient) -> None:
    assert "You come in with your personal link" in (await stranger.get("/")).text
    assert (await anna.get("/")).headers["location"] == "/lobby"


# --- who may open what ---

EVERYBODYS = ["/lobby", "/check", "/session/s1", "/library", "/survey", "/me"]


async def test_strangers_are_told_to_open_their_link(stranger: httpx.AsyncClient) -> None:
    for path in [*EVERYBODYS, "/desk", "/desk/s1"]:
        page = await stranger.get(path)
        assert page.status_code == 401 and "Open the personal link" in page.text, path


async def test_participants_open_their_pages_and_the_desk_is_for_moderators(
    server: Running, anna: httpx.AsyncClient
) -> None:
    desk = ["/desk", "/desk/s1"]
    assert [(await anna.get(path)).status_code for path in [*EVERYBODYS, *desk]] == [200] * len(EVERYBODYS) + [403, 403]
    async with await server.browser("mona") as mona:
        assert [(await mona.get(path)).status_code for path in desk] == [200, 200]


async def test_the_menu_offers_what_one_may_open(server: Running, anna: httpx.AsyncClient) -> None:
    async def places(who: str) -> set[str]:
        async with await server.browser(who) as browser:
            text = (await browser.get("/lobby", headers=PAGE)).text
        return set(re.findall(r'href="(/(?:desk|board|library|lobby))"', text))

    assert await places("anna") == {"/lobby", "/library"}
    assert await places("britt") == {"/lobby", "/library", "/board"}
    assert await places("mona") == {"/lobby", "/library", "/board", "/desk"}


async def test_an_unknown_session_is_not_found(anna: httpx.AsyncClient) -> None:
    assert (await anna.get("/session/s99")).status_code == 404


async def test_the_privacy_notice_is_for_everybody(stranger: httpx.AsyncClient) -> None:
    assert "Privacy notice" in (await stranger.get("/privacy")).text


async def test_names_and_titles_are_shown_as_text(server: Running) -> None:
    services = server.services
    programme = services.streams.conference.programme
    assert programme is not None
    evil = m.SessionPlan(
        "x", "<script>alert(1)</script>", "plenary", services.now(), services.now() + timedelta(1), "plenum"
    )
    await services.streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(replace(programme, sessions=(evil,))))
    async with await server.browser("mona") as mona:
        for path in ("/lobby", "/session/x", "/desk/x"):
            text = (await mona.get(path, headers=PAGE)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text


# --- the lobby ---


async def test_the_lobby_shows_the_programme_in_the_conferences_zone(anna: httpx.AsyncClient) -> None:
    text = (await anna.get("/lobby")).text
    assert "Folkstyrelse och rättssäkerhet" in text and "Wednesday 25 March" in text and "Times in Stockholm" in text
    assert '<time datetime="2026-03-25T08:00:00+00:00">09:00</time>' in text


async def test_the_lobby_leads_to_the_session_that_is_live(server: Running, anna: httpx.AsyncClient) -> None:
    await server.go_live("s1")
    text = (await anna.get("/lobby")).text
    assert 'data-step="live"' in text and 'href="/session/s1"' in text and "Go to the session" in text


async def test_every_script_and_style_of_a_page_is_there_and_typed(anna: httpx.AsyncClient) -> None:
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "woff2": "font/woff2"}
    for path in ("/lobby", "/check", "/session/s1", "/library"):
        for address in set(re.findall(r'(?:src|href)="(/(?:static|vendor)/[^"#]+)', (await anna.get(path)).text)):
            answer = await anna.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].startswith(types[address.rpartition(".")[2]])


async def test_no_page_has_inline_scripts_or_styles(server: Running, stranger: httpx.AsyncClient) -> None:
    async with await server.browser("mona") as mona:
        pages = [await mona.get(path, headers=PAGE) for path in [*EVERYBODYS, "/desk", "/board", "/privacy"]]
    for page in [*pages, await stranger.get("/"), await stranger.get("/join/x")]:
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page.text), page.url
        assert set(re.findall(r"<script(?![^>]*\bsrc=)[^>]*type=\"([^\"]+)\"", page.text)) <= {
            "importmap",
            "application/json",
        }
        nonce = re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"])
        assert nonce and f'<script type="importmap" nonce="{nonce.group(1)}">' in page.text


# --- languages ---


async def test_the_visitor_can_change_the_language_and_comes_back(anna: httpx.AsyncClient) -> None:
    assert '<html lang="en"' in (await anna.get("/lobby")).text
    answer = await anna.post("/language", data={"language": "sv", "next": "/lobby"})
    assert answer.headers["location"] == "/lobby" and LANGUAGE_COOKIE in answer.cookies
    text = (await anna.get("/lobby")).text
    assert '<html lang="sv"' in text and "Inloggad som Anna Ek" in text


FOREIGN = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil",
    "/\t/evil",
    "javascript:alert(1)",
    "evil",
    "",
]


async def test_the_language_leads_back_to_this_server_only(anna: httpx.AsyncClient) -> None:
    for address in FOREIGN:
        answer = await anna.post("/language", data={"language": "sv", "next": address})
        assert answer.headers["location"] == "/", address


async def test_a_language_there_is_not_changes_nothing(anna: httpx.AsyncClient) -> None:
    answer = await anna.post("/language", data={"language": "xx", "next": "/lobby"})
    assert answer.headers["location"] == "/lobby" and "set-cookie" not in answer.headers


async def test_scripts_find_their_catalogue_where_the_page_says(anna: httpx.AsyncClient) -> None:
    text = (await anna.get("/lobby", headers=SWEDISH)).text
    address = re.search(r'data-catalogue="([^"]+)"', text)
    assert address is not None
    answer = await anna.get(address.group(1))
    assert answer.json()["Go to the session"] == "Gå till programpunkten"
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in (await anna.get("/locale/sv.json")).headers["cache-control"]
    assert (await anna.get("/locale/xx.json")).status_code == 404


# --- files ---


NOT_SERVED = [
    "/vendor/typescript/package.json",
    "/vendor/typescript/bin/tsc",
    "/vendor/lit/package.json",
    "/vendor/lit/../typescript/lib/tsc.js",
    "/vendor/lit/%2e%2e/typescript/lib/tsc.js",
    "/static/../templates/base.html",
    "/static/%2e%2e/%2e%2e/server/app.py",
    "/static/",
    "/static/nothing.js",
]


async def test_nothing_but_our_sources_and_browser_libraries_is_served(stranger: httpx.AsyncClient) -> None:
    for path in NOT_SERVED:
        assert (await stranger.get(path)).status_code == 404, path


async def test_libraries_are_served_as_scripts(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/vendor/lit/index.js")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")


# --- recordings ---


async def make_recording(server: Running, status: str = "available") -> str:
    """A recording of s1 with a small file, in the stream and on the disk."""
    services = server.services
    person, stream = services.people.get("mona"), m.session_stream("s1")
    assert person is not None
    mona = services.people.actor(person)
    await server.go_live("s1")
    [entry] = await services.streams.handle(stream, mona, m.RecordingStart())
    assert isinstance(entry.event, m.RecordingStarted)
    recording_id = entry.event.recording_id
    services.settings.recordings.mkdir(parents=True, exist_ok=True)
    (services.settings.recordings / f"{recording_id}.mp4").write_bytes(bytes(range(100)))
    if status == "available":
        await services.streams.handle(stream, mona, m.RecordingStop())
        await services.streams.handle(stream, m.SYSTEM, m.RecordingFinish(recording_id, 12.0))
    return recording_id


async def test_recordings_play_from_the_middle_for_those_who_take_part(
    server: Running, anna: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    address = f"/recordings/{await make_recording(server)}.mp4"
    page = await anna.get("/library")
    assert f'src="{address}"' in page.text and "0:12" in page.text
    part = await anna.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-type"] == "video/mp4" and "private" in part.headers["cache-control"]
    assert (await stranger.get(address)).status_code == 401


async def test_a_recording_in_vp8_is_given_as_the_webm_that_more_browsers_play(
    server: Running, anna: httpx.AsyncClient
) -> None:
    recording_id = await make_recording(server)
    (server.services.settings.recordings / f"{recording_id}.webm").write_bytes(b"webm")
    answer = await anna.get(f"/recordings/{recording_id}.mp4")
    assert (answer.content, answer.headers["content-type"]) == (b"webm", "video/webm")
    assert f'filename="{recording_id}.webm"' in answer.headers["content-disposition"]


async def test_a_recording_is_not_there_while_it_is_being_made(server: Running, anna: httpx.AsyncClient) -> None:
    recording_id = await make_recording(server, "running")
    assert (await anna.get(f"/recordings/{recording_id}.mp4")).status_code == 404
    assert "Nothing to watch yet" in (await anna.get("/library")).text


async def test_other_names_are_no_recordings(anna: httpx.AsyncClient) -> None:
    for name in ("nothing", "..%2f..%2fplenum", "s1-r1%00"):
        assert (await anna.get(f"/recordings/{name}.mp4")).status_code == 404, name


# --- one's own page ---


async def test_ones_own_page_tells_what_is_known_and_nothing_of_others(server: Running, anna: httpx.AsyncClient) -> None:
    await server.go_live("s1")
    text = (await anna.get("/me")).text
    assert "anna@example.org" in text and "Knivsta" in text and "bo@example.org" not in text
    assert "Folkstyrelse och rättssäkerhet" in text and "Not there" in text
    assert "Årsmöte" not in text  # has not been live


async def test_in_the_first_minute_of_a_session_one_was_there_less_than_a_minute_so_far(
    server: Running, anna: httpx.AsyncClient
) -> None:
    await server.go_live("s1")
    live_at = server.services.streams.conference.runs["s1"].live_at
    assert live_at is not None
    seen = {"from_at": live_at.timestamp() - 30, "seen_at": live_at.timestamp() + 20, "visible": True}

    async def attend(connection: AsyncConnection) -> None:
        await connection.execute(insert(attendance).values(id="1", session_id="s1", person_id="anna", **seen))

    await server.services.database.write(attend)
    text = (await anna.get("/me")).text
    assert "less than a minute so far" in text and "0 minutes" not in text
    assert re.search(r'max="[1-9]\d{2,}', text)  # seconds: the bar is held against the plan, and grows with the session


# --- the evaluation ---


async def open_survey(server: Running) -> None:
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SurveyOpen())
    await server.services.ballots.open_anonymous("survey")


GOOD = {"conference": "5", "association": "none", "comment": " Mer tid för samtal!\r\nTack. "}


async def test_the_evaluation_says_that_it_is_anonymous_before_it_asks(server: Running, anna: httpx.AsyncClient) -> None:
    await open_survey(server)
    text = (await anna.get("/survey")).text
    assert 0 < text.index("Your answer is anonymous.") < text.index("<form class")


async def test_an_answer_is_kept_thanked_for_and_changeable(server: Running, anna: httpx.AsyncClient) -> None:
    await open_survey(server)
    answer = await anna.post("/survey", data=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/survey?thanks")
    assert "Thank you for your answer" in (await anna.get("/survey?thanks")).text
    [row] = await server.services.ballots.survey_rows()
    assert (row.conference, row.association) == (5, None)
    assert row.comment.splitlines() == ["Mer tid för samtal!", "Tack."]

    page = (await anna.get("/survey")).text
    assert re.search(r'name="conference" value="5" checked', page) and "Mer tid för samtal!" in page
    await anna.post("/survey", data={**GOOD, "conference": "2"})
    assert [row.conference for row in await server.services.ballots.survey_rows()] == [2]


async def test_an_answer_that_is_still_being_sent_when_the_evaluation_closes_is_refused(
    server: Running, anna: httpx.AsyncClient
) -> None:
    await open_survey(server)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"conference=5&"
        await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SurveyClose())
        yield b"association=4&comment="

    answer = await anna.post("/survey", content=slowly(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 409
    assert await server.services.ballots.survey_rows() == []


async def test_a_comment_that_cannot_be_taken_is_given_back_with_the_reason(
    server: Running, anna: httpx.AsyncClient
) -> None:
    await open_survey(server)
    for comment in ("x" * 2001, "evil \u202e text", "nul \x00"):
        page = await anna.post("/survey", data={**GOOD, "comment": comment})
        assert page.status_code == 400
        assert "The text is empty, too long or has characters that cannot be shown." in page.text
        assert re.search(r'name="conference" value="5" checked', page.text)
    assert await server.services.ballots.survey_rows() == []


async def test_a_rating_off_the_scale_is_refused(server: Running, anna: httpx.AsyncClient) -> None:
    await open_survey(server)
    for rating in ("0", "6", "5.0", "-1", "five", "٥"):
        assert (await anna.post("/survey", data={**GOOD, "conference": rating})).status_code == 400, rating
    assert await server.services.ballots.survey_rows() == []


async def test_before_and_after_the_evaluation_takes_no_answers(server: Running, anna: httpx.AsyncClient) -> None:
    assert "The evaluation is not open yet" in (await anna.get("/survey")).text
    assert (await anna.post("/survey", data=GOOD)).status_code == 409
    await open_survey(server)
    await anna.post("/survey", data=GOOD)
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SurveyClose())
    assert "The evaluation is closed" in (await anna.get("/survey")).text
    assert (await anna.post("/survey", data={**GOOD, "conference": "1"})).status_code == 409
    assert [row.conference for row in await server.services.ballots.survey_rows()] == [5]


async def test_a_form_with_too_many_fields_or_files_is_refused(server: Running, anna: httpx.AsyncClient) -> None:
    await open_survey(server)
    many = await anna.post("/survey", data={f"field{number}": "x" for number in range(50)})
    assert many.status_code == 400
    upload = await anna.post("/survey", files={"comment": ("x.txt", b"x")}, data=GOOD)
    assert upload.status_code == 400

"""What went wrong, as it is answered: status, words in the visitor's language, a page or JSON, and nothing that leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rooms import messages as m
from rooms.errors import REFUSALS, Refused
from server.door import Door
from server.errors import STATUSES, exception_handlers
from server.i18n import Translations
from server.security import middleware
from server.settings import Settings
from server.templates import Templates
from tests.fakes import FakeClock

PAGE = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "sv"}
SCRIPT = {"Accept": "application/json", "Accept-Language": "sv"}
SECRET = "the password is 1234"


class Bugs(list[tuple[str, str]]):
    """Bugs that were reported, with a reference each."""

    def report(self, place: str, detail: str) -> str:
        self.append((place, detail))
        return "1f2e3d4c"


@pytest.fixture
def bugs() -> Bugs:
    return Bugs()


@pytest.fixture
async def browser(bugs: Bugs) -> AsyncIterator[httpx.AsyncClient]:
    services = SimpleNamespace(
        settings=Settings(),
        now=FakeClock(),
        identity=SimpleNamespace(actor=lambda request: None),
        streams=SimpleNamespace(conference=m.ConferenceState()),
        translations=Translations(lambda: ("sv", "en")),
        templates=Templates(),
        report_bug=bugs.report,
    )
    app = Starlette(
        routes=[
            Route("/refused/{code}", refuse),
            Route("/api/refused/{code}", refuse),
            Route("/bug", break_down),
            Route("/api/bug", break_down),
            Route("/join/{token}", break_down),
            Route("/late", break_down_late),
        ],
        middleware=middleware(services.settings, Door(services.settings)),
        exception_handlers=dict(exception_handlers),
    )

    async def with_services(scope: dict[str, object], receive: object, send: object) -> None:
        await app({**scope, "state": {"services": services}}, receive, send)  # type: ignore[arg-type]

    transport = httpx.ASGITransport(with_services, raise_app_exceptions=True)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def refuse(request: Request) -> Response:
    raise Refused(request.path_params["code"])


async def break_down(request: Request) -> Response:
    raise RuntimeError(SECRET)


async def break_down_late(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"half of"
        raise RuntimeError(SECRET)

    return StreamingResponse(body())


def test_every_refusal_has_a_status_and_every_status_a_refusal() -> None:
    assert STATUSES.keys() == REFUSALS.keys()
    assert all(400 <= status < 600 for status in STATUSES.values())


@pytest.mark.parametrize("code", sorted(REFUSALS))
async def test_scripts_get_the_code_and_the_sentence_in_their_language(browser: httpx.AsyncClient, code: str) -> None:
    answer = await browser.get(f"/api/refused/{code}", headers=SCRIPT)
    assert answer.status_code == STATUSES[code]
    assert answer.json() == {"code": code, "message": Translations().gettext("sv", REFUSALS[code])}
    assert answer.json()["message"] != REFUSALS[code], "no Swedish"


@pytest.mark.parametrize("code", sorted(REFUSALS))
async def test_people_get_a_page_that_says_why(browser: httpx.AsyncClient, code: str) -> None:
    answer = await browser.get(f"/refused/{code}", headers=PAGE)
    assert answer.status_code == STATUSES[code]
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="sv"' in answer.text
    assert "<h1" in answer.text and 'href="/"' in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_the_api_never_answers_with_a_page(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/api/refused/forbidden", headers=PAGE)
    assert answer.json()["code"] == "forbidden"


async def test_who_was_too_fast_is_told_when_to_come_back(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/refused/too_fast", headers=PAGE)).headers["retry-after"] == "2"
    assert "retry-after" not in (await browser.get("/refused/forbidden", headers=PAGE)).headers


async def test_an_unknown_address_is_not_found(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/nowhere", headers=SCRIPT)).json()["code"] == "not_found"
    page = await browser.get("/nowhere", headers=PAGE)
    assert page.status_code == 404
    assert "Här finns inget" in page.text


async def test_a_wrong_method_is_said_with_those_that_are_right(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/bug", headers=SCRIPT)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "GET" in answer.headers["allow"]


async def test_a_bug_is_answered_with_its_reference_and_nothing_else(browser: httpx.AsyncClient, bugs: Bugs) -> None:
    page = await browser.get("/bug", headers=PAGE)
    assert page.status_code == 500
    assert "1f2e3d4c" in page.text
    script = await browser.get("/api/bug", headers=SCRIPT)
    assert script.json()["reference"] == "1f2e3d4c"
    for text in (page.text, script.text):
        assert SECRET not in text and "RuntimeError" not in text and "Traceback" not in text
    assert bugs == [("http", "GET /bug"), ("http", "GET /api/bug")]


async def test_a_bug_page_has_the_security_headers_too(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/bug", headers=PAGE)
    assert "script-src 'self' 'nonce-" in answer.headers["content-security-policy"]


async def test_a_personal_link_is_not_written_to_the_log(browser: httpx.AsyncClient, bugs: Bugs) -> None:
    await browser.get("/join/very-secret-token", headers=PAGE)
    assert bugs == [("http", "GET /join/…")]


async def test_a_bug_in_the_middle_of_an_answer_breaks_it_off(browser: httpx.AsyncClient, bugs: Bugs) -> None:
    with pytest.raises(RuntimeError):
        await browser.get("/late")
    assert bugs == []


async def test_what_comes_from_another_site_is_refused_with_the_reason(browser: httpx.AsyncClient) -> None:
    headers = {**SCRIPT, "Origin": "https://evil.example", "Cookie": "plenum=x"}
    answer = await browser.post("/bug", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "foreign_origin"

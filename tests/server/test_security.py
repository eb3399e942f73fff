"""Headers for every answer, and where changes may come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import InvalidStatus

from rooms.errors import Refused
from server.security import SameOrigin, SecurityHeaders, is_same_origin, origin_of
from tests.server.running import running


async def echo_nonce(request: Request) -> Response:
    return PlainTextResponse(request.state.nonce)


async def ask(app: ASGIApp, method: str = "GET", headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as browser:
        return await browser.request(method, "/", headers=headers)


async def get(url: str = "http://localhost:8000") -> httpx.Response:
    return await ask(SecurityHeaders(Starlette(routes=[Route("/", echo_nonce)]), url))


def policy(response_headers: dict[str, str]) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response_headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


async def test_the_policy_allows_our_own_scripts_and_no_inline_ones() -> None:
    answer = await get()
    found = policy(dict(answer.headers))
    assert found["default-src"] == "'none'"
    assert found["script-src"] == f"'self' 'nonce-{answer.text}'"
    assert found["style-src"] == "'self'"
    assert found["frame-ancestors"] == found["base-uri"] == "'none'"
    assert found["connect-src"] == "'self' ws://localhost:8000"
    assert not re.search(r"unsafe|https:(?!/)|\*", answer.headers["content-security-policy"])


async def test_every_answer_has_another_nonce() -> None:
    assert (await get()).text != (await get()).text


async def test_other_sites_learn_nothing_and_may_not_frame_or_sniff() -> None:
    headers = (await get()).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=(self)" in headers["permissions-policy"] and "geolocation=()" in headers["permissions-policy"]


async def test_https_is_made_to_stay() -> None:
    assert "strict-transport-security" not in (await get()).headers
    secure = (await get("https://konferens.example")).headers
    assert secure["strict-transport-security"] == "max-age=31536000"
    assert "wss://konferens.example" in secure["content-security-policy"]


async def test_an_endpoint_can_be_stricter_about_the_referrer() -> None:
    async def strict(request: Request) -> Response:
        return PlainTextResponse("", headers={"Referrer-Policy": "strict-origin"})

    answer = await ask(SecurityHeaders(Starlette(routes=[Route("/", strict)]), "http://x"))
    assert answer.headers["referrer-policy"] == "strict-origin"


def connection(**headers: str) -> HTTPConnection:
    raw = [
        (name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "plenum.example", **headers}.items()
    ]
    return HTTPConnection({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "https://plenum.example"}, False),
        ({"origin": "https://plenum.example"}, True),
        ({"origin": "https://plenum.example:444"}, False),
        ({"origin": "https://plenum.example.evil.example"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://["}, False),
    ],
)
def test_only_our_own_pages_are_the_same_origin(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(connection(**headers)) is same


PUBLIC = "https://konferens.example"


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"origin": PUBLIC}, True),  # the proxy made another Host of it
        ({"origin": PUBLIC, "sec_fetch_site": "same-origin"}, True),
        ({"origin": PUBLIC, "sec_fetch_site": "same-site"}, True),  # a browser to which wss: is not https:
        ({"sec_fetch_site": "same-origin"}, True),
        ({"origin": "https://plenum.example"}, True),  # the Host, past the proxy
        ({"origin": "http://konferens.example"}, False),
        ({"origin": "http://konferens.example", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "http://plenum.example", "sec_fetch_site": "cross-site"}, False),  # our Host, but not our scheme
        ({"origin": "https://konferens.example:444"}, False),
        ({"origin": "https://konferens.example.evil.example"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "none"}, False),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, False),  # a sandboxed frame, or a redirect through another site
        ({"sec_fetch_site": "cross-site"}, False),
    ],
)
async def test_behind_a_proxy_the_public_address_is_our_origin(headers: dict[str, str], same: bool) -> None:
    answers: list[bool] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        answers.append(is_same_origin(HTTPConnection(scope)))

    scope = {**connection(**headers).scope, "type": "websocket"}
    await SameOrigin(look, PUBLIC + "/")(scope, _nothing, _nothing)
    assert answers == [same]


async def _nothing(*_: Any) -> Any:
    raise AssertionError("nobody reads or writes here")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Konferens.example/", "https://konferens.example"),
        ("https://konferens.example:443", "https://konferens.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://kommundirektörer.example", "https://xn--kommundirektrer-ktb.example"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("", ""),
        ("konferens.example", ""),
        ("https://konferens.example:port", ""),
        ("https://[", ""),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of(url) == origin


async def test_a_page_of_the_public_address_connects_and_another_does_not(tmp_path: Path) -> None:
    async with running(tmp_path, public_url=PUBLIC) as run:
        ours = await run.connect("anna", headers={"Origin": PUBLIC})
        assert (await ours.hello())["person_id"] == "anna"
        with pytest.raises(InvalidStatus):
            await run.connect("anna", headers={"Origin": "https://evil.example"})


def test_who_says_neither_is_no_browser() -> None:
    assert is_same_origin(connection())
    assert not is_same_origin(connection(), unmarked=False)


@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        ("GET", {"cookie": "plenum=x", "origin": "https://evil.example"}, True),
        ("POST", {"cookie": "plenum=x", "origin": "https://evil.example"}, False),
        ("POST", {"cookie": "plenum=x"}, False),
        ("DELETE", {"cookie": "plenum=x", "sec-fetch-site": "cross-site"}, False),
        ("POST", {"cookie": "plenum=x", "sec-fetch-site": "same-origin"}, True),
        ("POST", {"cookie": "plenum=x", "origin": "http://testserver"}, True),
        ("POST", {"authorization": "Bearer x"}, True),  # WHIP software: no cookie, no browser
        ("POST", {"authorization": "Bearer x", "origin": "https://studio.example"}, True),  # or one that runs in a browser
        ("POST", {"authorization": "Bearer x", "cookie": "plenum=x", "origin": "https://evil.example"}, False),
        ("POST", {"origin": "https://evil.example"}, False),  # another site's form: the cookie is kept back
        ("POST", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {}, True),  # no browser
    ],
)
async def test_changes_come_from_our_own_pages_only(method: str, headers: dict[str, str], passes: bool) -> None:
    async def ok(request: Request) -> Response:
        return PlainTextResponse("done")

    app = SameOrigin(Starlette(routes=[Route("/", ok, methods=[method])]))
    if passes:
        assert (await ask(app, method, headers)).text == "done"
    else:
        with pytest.raises(Refused) as refused:
            await ask(app, method, headers)
        assert refused.value.code == "foreign_origin"

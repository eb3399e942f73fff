"""Every line that a request logs has its name, and no line has anybody's."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from server.identity import COOKIE
from server.request_id import HEADER, request_id
from server.serve import configure_logging
from tests.server.raw_http import raw
from tests.server.running import PEOPLE, Running, running

S1 = "session/s1"
NAMED = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a server logs at its most talkative."""
    before, root, text = structlog.get_config(), logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        configure_logging("debug")
    yield text
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(logged: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged.getvalue().splitlines()]


@pytest.mark.parametrize(
    "brought", ["", "Anna Ek", "anna@example.org", "x" * 32, "0" * 15, "0" * 65, f"{NAMED}\n", "ÅÄÖ", '{"a": 1}' * 3]
)
def test_a_name_that_could_be_anything_is_not_taken(brought: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", request_id(brought))
    assert request_id(brought) != request_id(brought)


@pytest.mark.parametrize("brought", [NAMED, "6f2b2d3c-58a3-4f6e-9b0e-5f3f0b8f7f11", "0" * 16])
def test_a_proxys_name_is_kept(brought: str) -> None:
    assert request_id(brought) == brought


async def test_the_answer_and_the_lines_of_a_request_have_its_name(
    tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as run, await run.browser("mona") as mona:
        monkeypatch.setattr(run.services.presence, "people", _fails)
        answers = [await mona.get("/api/people?session=s1", headers=more) for more in ({HEADER: NAMED}, {})]
        monkeypatch.undo()
        fine = await mona.get("/healthz")
    names = [answer.headers[HEADER] for answer in answers]
    assert names[0] == NAMED and len({*names, fine.headers[HEADER]}) == 3
    told = [line.get("request") for line in lines(logged) if "exception" in line]
    assert told and set(told) == set(names)


async def test_a_command_is_logged_under_its_connection(
    tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna = await run.connect("anna", headers={HEADER: NAMED})
        await anna.hello()
        monkeypatch.setattr(run.services.streams, "handle", _fails)
        assert (await anna.do(S1, {"type": "question.ask", "text": "Vem?"}))["type"] == "refused"
        monkeypatch.undo()
    assert NAMED in [line.get("request") for line in lines(logged) if line["event"] == "unexpected error"]


async def test_what_libraries_log_is_json_too(logged: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request=NAMED):
        logging.getLogger("uvicorn.error").warning("%s happened", "something")
    [line] = lines(logged)
    assert (line["event"], line["level"], line["logger"], line["request"]) == (
        "something happened",
        "warning",
        "uvicorn.error",
        NAMED,
    )


async def test_a_day_leaves_no_names_addresses_and_tokens_in_the_log(
    tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With mistakes of ours in it, which are what logs the most."""
    async with running(tmp_path) as run:
        secrets = [await _day(run), await run.services.identity.issue("bo"), await run.cookie("anna")]
        mona = await run.client("mona", (S1,))
        monkeypatch.setattr(run.services.streams, "handle", _fails)
        await mona.do(S1, {"type": "question.dismiss", "question_id": "s1-q1"})
        monkeypatch.undo()
        async with await run.browser("anna") as anna:
            monkeypatch.setattr(run.services.streams, "context", _fails)
            monkeypatch.setattr(run.services.identity, "find", _fails)
            for path in (f"/join/{secrets[1]}", "/lobby", "/session/s1?anna@example.org", "/api/people?session=Anna+Ek"):
                await anna.get(path, headers={HEADER: "Anna Ek", "User-Agent": "Anna Ek"})
            monkeypatch.undo()
    log = logged.getvalue()
    assert log.count("unexpected error") >= 3
    words = [name for name, _ in PEOPLE.values()] + [f"{person}@" for person in PEOPLE]
    words += ["example.org", "127.0.0.1", "Hemlig fråga", "Hemlig omröstning", COOKIE + "=", *secrets]
    assert [word for word in words if word in log] == []


async def _day(run: Running) -> str:
    """Somebody comes by a link, asks and answers. The token of the link."""
    token = await run.services.identity.issue("anna")
    async with httpx.AsyncClient(timeout=60, base_url=run.url) as browser:
        for path in (f"/join/{token}", f"/join/{token}x", "/lobby", "/session/s1", "/me"):
            await browser.get(path)
    await run.go_live()
    mona, anna = [await run.client(name, (S1,)) for name in ("mona", "anna")]
    await anna.do(S1, {"type": "question.ask", "text": "Hemlig fråga"})
    await mona.do(S1, {"type": "poll.draft", "title": "Hemlig omröstning", "options": ["Ja", "Nej"], "anonymous": True})
    await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
    await anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 1})
    await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
    await anna.send("rubbish from Anna Ek")
    await anna.closed()
    return token


def _fails(*_arguments: object, **_options: object) -> Any:
    raise RuntimeError("a mistake of ours")


async def test_what_strangers_send_fills_no_log(tmp_path: Path, logged: io.StringIO) -> None:
    async with running(tmp_path) as run, raw(run) as connection:
        before = logged.getvalue()
        await connection.send("NO SUCH THING\r\n\r\n")
        assert (await connection.rest()).startswith(b"HTTP/1.1 400")
        assert logged.getvalue() == before

"""What must not be in a log is taken out of every line, whoever wrote it there."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from rooms import messages as m
from server.log_scrubbing import scrub
from server.person import new_person_id
from server.privacy import erasing
from server.privacy.erasing import Departure
from server.privacy.former import new_former
from server.serve import configure_logging
from tests.server.running import running


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f'{{"error": "KeyError: \'{"p" + "0a" * 8}\'"}}', '{"error": "KeyError: \'(person)\'"}'),
        ("nobody has anna.åkesson+x@kommun.example.se there", "nobody has (email) there"),
        ("GET https://x.org/join/aB3-_x HTTP", "GET https://x.org/join/(link) HTTP"),
        ('{"peers": 3, "process": 4711, "at": "2026-03-25T08:00:00Z", "room": "p1"}', None),
        ('{"reference": "0badc0de", "stack": "a@b, /srv/plenum/live/worker.py"}', None),
    ],
)
def test_what_looks_personal_is_named_instead_of_told(line: str, kept: str | None) -> None:
    assert scrub(line) == (kept or line)


@pytest.fixture
def logged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a server logs; the parameter is its level."""
    before, root, text = structlog.get_config(), logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        configure_logging(getattr(request, "param", "info"))
    yield text
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_line_is_looked_at_those_of_exceptions_and_libraries_too(logged: io.StringIO) -> None:
    who = new_person_id()
    structlog.get_logger("x").warning("odd", detail=f"{who} anna@example.org")
    logging.getLogger("library").error("broken for %s", who)
    try:
        raise KeyError(who)
    except KeyError:
        structlog.get_logger("x").exception("unexpected error")
    told = logged.getvalue()
    assert told.count("(person)") == 3 and "(email)" in told
    assert who not in told and "anna@" not in told


@pytest.mark.parametrize("logged", ["debug"], indirect=True)
async def test_a_session_is_logged_without_whoever_was_in_it(logged: io.StringIO, tmp_path: Path) -> None:
    """Ids here are no random ones that would be taken out: nothing has written them."""
    stream, tokens = m.session_stream("s1"), []
    async with running(tmp_path) as run:
        await run.go_live()
        anna, mona = await run.client("anna", ("conference", stream)), await run.client("mona", (stream,))
        await anna.do(stream, {"type": "question.ask", "text": "Är detta säkert?"})
        await mona.do(stream, {"type": "poll.draft", "title": "Ja?", "options": ["Ja", "Nej"], "anonymous": False})
        await anna.do(stream, {"type": "poll.open", "poll_id": "s1-p1"})  # which she may not
        await anna.send("no message")
        async with await run.browser("bo") as browser:
            tokens.append(await run.services.identity.issue("bo"))
            for path in (f"/join/{tokens[0]}", "/join/wrong-link", "/me", "/session/s1", "/nowhere", "/board"):
                await browser.get(path, headers={"X-Forwarded-For": "198.51.100.7"})
            await browser.post("/media/s1", json={"sdp": "v=0", "uses": {}})
        erase = Departure("anna", new_former(), "Anna Ek")
        await erasing.erase(run.services.database, run.services.keys, [erase], run.services.now())
    told = logged.getvalue()
    assert "X-Forwarded-For" in told  # it was logged at all
    words = ("anna", "mona", "knivsta", "example.org", "säkert", "198.51.100.7", "wrong-link", "127.0.0.1", *tokens)
    assert [word for word in words if word.lower() in told.lower()] == []

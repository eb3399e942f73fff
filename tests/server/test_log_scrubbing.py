"""What must not be in a log is taken out of every line, whoever wrote it there."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from server.log_scrubbing import scrub
from server.person import new_person_id
from server.serve import configure_logging


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
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a server logs."""
    before, root, text = structlog.get_config(), logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        configure_logging("info")
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

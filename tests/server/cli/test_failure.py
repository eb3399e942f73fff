"""How commands fail: in one clear line."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli import conference
from tests.server.cli.command import Plenum, Result, complaint, free_port

FREE_PORT = free_port()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("people",), "Missing command"),
        (("init",), "Missing argument"),
        (("check", "--colour"), "No such option"),
        (("run", "--port", "99999"), "Invalid value for '--port'"),
        (("run", "--port", "x"), "Invalid value for '--port'"),
        (("check", "-C", "nowhere"), "there is no directory nowhere"),
        (("check", "-C", ".."), "there is no ../conference.toml"),
        (("links", "-C", "conference.toml"), "there is no directory"),
        (("people", "import", "nowhere.csv"), "nowhere.csv: No such file or directory"),
        (("people", "import", "."), "Is a directory"),
        (("links", "--role", "boss"), 'there is no role "boss"; roles are attendee'),
        (("links", "--role", "organiser", "--revoke", "nobody@x.se"), 'nobody has the e-mail address "nobody@x.se"'),
        (("export", "everything"), "not one of 'attendance', 'answers', 'questions'"),
        (("export", "answers", "--format", "xlsx"), "not one of 'csv', 'json'"),
        (("export", "answers", "-o", "no/such/place.csv"), "no/such/place.csv: No such file or directory"),
        (("init", "conference.toml"), "conference.toml"),
        (("init", "a\nb/\x1b[2J/" + "x" * 300), "File name too long"),
    ],
)
def test_a_failure_is_one_clear_line(started: Plenum, arguments: tuple[str, ...], words: str) -> None:
    line = complaint(started(*arguments))
    assert words in line
    assert line.isprintable()


@pytest.mark.parametrize(
    "command", ["links", "export attendance", "check", "people import people.csv", f"run --port {FREE_PORT}"]
)
def test_a_damaged_database_is_one_clear_line(started: Plenum, command: str) -> None:
    for path in Path("data").glob("plenum.db*"):
        path.write_bytes(b"This is no database. " * 1000)
    assert "the database cannot be used" in complaint(started(*command.split()))


def test_a_database_that_another_program_keeps_is_one_clear_line(started: Plenum) -> None:
    other = sqlite3.connect("data/plenum.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "the database cannot be written" in complaint(started("links"))
    finally:
        other.close()


@pytest.mark.parametrize("command", ["links", f"run --port {FREE_PORT}"])
def test_a_damaged_secret_is_one_clear_line(started: Plenum, command: str) -> None:
    started("links")
    Path("data/secret.key").write_bytes(b"short")
    assert "secret.key is damaged" in complaint(started(*command.split()))


def test_a_file_in_place_of_the_data_directory_is_one_clear_line(plenum: Plenum) -> None:
    plenum("init", ".")
    Path("data").write_text("")
    assert "data: File exists" in complaint(plenum("run", "--port", FREE_PORT))


def test_a_bug_is_one_line_too(plenum: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conference, "write_starter", lambda *_: 1 / 0)
    assert "unexpected error: ZeroDivisionError" in complaint(plenum("init", "spring"))


def test_an_interrupted_command_ends_quietly(plenum: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(conference, "write_starter", interrupt)
    assert plenum("init", "spring") == Result(130, "", "")


def test_the_installed_command_does_not_mind_a_reader_that_goes_away(started: Plenum) -> None:
    command = f"{sys.executable} -m server links --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[", b"")

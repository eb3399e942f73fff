"""`plenum people import`, `links` and `export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.cli.command import Plenum, change, urls


def test_a_dry_run_shows_old_and_new_and_saves_nothing(started: Plenum) -> None:
    change("people.csv", ";2418;", ";Lycksele;")
    change("people.csv", "arrangör, moderator", "styrelse")
    change("people.csv", "Eva Norell", "Ny Person;ny@example.org;;;;\nEva Norell")
    result = started("people", "import", "people.csv", "--dry-run")
    assert "municipality: Malå → Lycksele" in result.out
    assert "roles: moderator + organiser → board" in result.out
    assert "new      Ny Person" in result.out
    assert "1 new, 2 changed, 3 unchanged. Nothing was saved: this was a dry run." in result.out
    assert "1 new, 2 changed, 3 unchanged.\n" in started("people", "import", "people.csv").out
    assert "0 new, 0 changed, 6 unchanged.\n" in started("people", "import", "people.csv").out


def test_a_dry_run_before_the_first_import_leaves_no_database(plenum: Plenum) -> None:
    plenum("init", ".")
    assert "5 new" in plenum("people", "import", "people.csv", "--dry-run").out
    assert not Path("data").exists()


def test_one_bad_row_and_nobody_is_imported_and_every_bad_row_is_named(started: Plenum) -> None:
    Path("late.csv").write_text("name,email,municipality\nGood One,good@example.org,Lund\n,b@x.se,\nC,c@x.se,Lnud\n")
    result = started("people", "import", "late.csv")
    assert result.status == 2
    assert [line.partition(":")[0] for line in result.err.splitlines()] == ["late.csv, row 3", "late.csv, row 4", "plenum"]
    assert "good@example.org" not in started("links").out


def test_whoever_is_missing_from_the_file_stays_and_that_is_said(started: Plenum) -> None:
    Path("late.csv").write_text("name,email\nLate Comer,late@example.org\n")
    assert "5 who are not in the file stay as they are." in started("people", "import", "late.csv").out
    assert len(started("links").out.splitlines()) == 6


def test_what_stands_in_a_file_cannot_command_the_terminal(started: Plenum) -> None:
    Path("evil.csv").write_text("name,email,[bold]\n\x1b[2J\u202eevil,e@x.se,\nok,\x07,\n")
    result = started("people", "import", "evil.csv")
    assert result.status == 2
    assert not set(result.out + result.err) & {"\x1b", "\x07", "\u202e"}
    Path("markup.csv").write_text("name,email\n[red]Anna[/red] [link=http://x],m@x.se\n")
    assert "[red]Anna[/red] [link=http://x]" in started("people", "import", "markup.csv").out


def test_links_are_the_same_each_time_and_one_for_each_person(started: Plenum) -> None:
    first = urls(started("links", "--json"))
    assert len(set(first.values())) == 5
    assert all(url.startswith("http://localhost:8000/join/") for url in first.values())
    assert urls(started("links", "--json")) == first
    assert all(url in started("links").out for url in first.values())


def test_links_can_be_had_for_one_role(started: Plenum) -> None:
    assert set(urls(started("links", "--json", "--role", "moderator"))) == {"maria.tengvall", "eva.norell"}


def test_a_revoked_link_is_followed_by_another(started: Plenum) -> None:
    before = urls(started("links", "--json"))
    assert "is withdrawn" in started("links", "--revoke", "Eva.Norell@example.org").out
    after = urls(started("links", "--json"))
    assert {name for name in before if before[name] != after[name]} == {"eva.norell"}


def test_the_public_address_stands_in_the_links(started: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLENUM_PUBLIC_URL", "https://konferens.example.org/")
    assert all(url.startswith("https://konferens.example.org/join/") for url in urls(started("links", "--json")).values())


def test_no_token_is_in_the_database(started: Plenum) -> None:
    tokens = [url.rpartition("/")[2] for url in urls(started("links", "--json")).values()]
    kept = b"".join(path.read_bytes() for path in Path("data").glob("plenum.db*"))
    assert tokens
    assert not any(token.encode() in kept for token in tokens)


def test_an_export_is_headings_and_rows_for_excel_or_programs(started: Plenum) -> None:
    assert started("export", "attendance").out.startswith("\ufeffsession_id,session,person_id,name,")
    assert started("export", "attendance", "--semicolons").out.startswith("\ufeffsession_id;session;")
    assert json.loads(started("export", "questions", "--format", "json").out) == []
    assert started("export", "answers", "--output", "answers.csv").out == ""
    assert Path("answers.csv").read_bytes().startswith(b"\xef\xbb\xbfsession_id,")

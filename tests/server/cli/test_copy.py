"""`plenum copy`, and databases that cannot be reached."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.server.cli.command import Plenum, complaint, free_port


def test_a_conference_moves_to_postgresql_and_back(
    started: Plenum, postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = started("links").out
    assert people.count("/join/") > 2
    there = started("copy", ".", postgres_place)
    assert (there.status, there.err) == (0, "")
    assert "rows are copied and compared" in there.out
    assert "something in the target already" in complaint(started("copy", ".", postgres_place))
    monkeypatch.setenv("PLENUM_DATABASE_URL", postgres_place)
    shutil.rmtree("data/keys", ignore_errors=True)
    Path("data/plenum.db").rename("old.db")
    assert started("links").out == people
    assert started("export", "attendance").status == 0
    assert started("copy", postgres_place, "new.db").out == there.out
    monkeypatch.delenv("PLENUM_DATABASE_URL")
    Path("new.db").rename("data/plenum.db")
    assert started("links").out == people


def test_a_copy_from_nowhere_makes_no_file(plenum: Plenum) -> None:
    assert "there is no database" in complaint(plenum("copy", "nothing.db", "new.db"))
    assert list(Path().iterdir()) == []


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(
    started: Plenum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLENUM_DATABASE_URL", "postgresql://plenum:geheim@127.0.0.1:1/plenum")
    for command in (["links"], ["run", "--port", free_port()], ["export", "attendance"]):
        line = complaint(started(*command))
        assert "PostgreSQL cannot be reached" in line
        assert "geheim" not in line
    monkeypatch.setenv("PLENUM_DATABASE_URL", "mysql://plenum:geheim@127.0.0.1/plenum")
    line = complaint(started("links"))
    assert "PLENUM_DATABASE_URL must be postgresql://" in line
    assert "geheim" not in line

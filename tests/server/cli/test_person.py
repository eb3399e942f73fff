"""`plenum person export` and `erase`."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.server.cli.command import Plenum, change, complaint

PER = "per.asbrink@example.org"


def test_everything_about_a_person_is_a_page_to_read_and_json(started: Plenum) -> None:
    started("links")
    assert started("person", "export", PER, "-o", "per.zip", "--language", "nb").status == 0
    assert Path("per.zip").stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile("per.zip") as file:
        assert file.namelist() == ["everything.html", "everything.json"]
        page, data = file.read("everything.html").decode(), json.loads(file.read("everything.json"))
    assert (data["person"]["email"], data["person"]["municipality"], len(data["links"])) == (PER, "Malå", 1)
    assert '<html lang="nb">' in page and "Per Åsbrink" in page and "Malå" in page and data["person"]["id"] in page


def test_an_erased_person_has_neither_entry_nor_link_nor_row_in_the_file(started: Plenum) -> None:
    started("links")
    done = started("person", "erase", PER, "--yes")
    assert (done.status, done.err) == (0, "")
    assert "is erased: 1 people, 1 links" in done.out and "people.csv: 1 row less." in done.out
    assert "per.asbrink" not in started("links").out + Path("people.csv").read_text()
    assert f'nobody has the id or e-mail address "{PER}"' in complaint(started("person", "erase", PER, "--yes"))
    assert "Per Åsbrink".encode() not in b"".join(path.read_bytes() for path in Path("data").iterdir() if path.is_file())


def test_what_only_the_organiser_can_change_is_pointed_out(started: Plenum) -> None:
    change("conference.toml", "kind = ", 'speakers = ["Per Åsbrink"]\nkind = ')
    done = started("person", "erase", PER, "--yes")
    assert done.status == 1
    assert "conference.toml, line" in done.err and "names them still" in done.err


def test_nobody_is_erased_without_being_asked(started: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert started("person", "erase", PER).status == 130
    assert PER in started("links").out

"""Files that the organiser wrote: what is taken out of them, and what is pointed out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.privacy.organisers_files import Leftover, leftovers, strike_out

ANNA, BO, JO_ANNA = b"Anna Ek;anna@example.org\r\n", b"Bo Lind;bo@example.org\r\n", b"Jo Ek;jo.anna@example.org\r\n"


def test_their_row_leaves_the_list_of_people_and_every_other_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"\xef\xbb\xbfnamn;e-post\r\n" + ANNA + JO_ANNA + ANNA.upper() + BO)
    path.chmod(0o640)
    assert strike_out(tmp_path, "anna@example.org") == 2
    assert path.read_bytes() == b"\xef\xbb\xbfnamn;e-post\r\n" + JO_ANNA + BO
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_list_stays_its_owners_although_root_erases(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"namn;e-post\n" + ANNA)
    path.chmod(0o600)
    os.chown(path, 10_001, 10_002)
    (tmp_path / "people.part").write_bytes(b"of one that was killed")
    assert strike_out(tmp_path, "anna@example.org") == 1
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (10_001, 10_002, 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["people.csv"]


def test_a_row_over_several_lines_is_left_and_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('name,email\n"Anna\nEk",anna@example.org\n')
    assert strike_out(tmp_path, "anna@example.org") == 0
    assert list(leftovers(tmp_path, ["anna@example.org"])) == [Leftover(tmp_path / "people.csv", 3)]


def test_without_a_list_of_people_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert strike_out(tmp_path, "anna@example.org") == 0
    assert list(leftovers(tmp_path, ["Anna Ek"])) == []


def test_a_name_is_found_in_any_text_file_whatever_its_case_or_encoding(tmp_path: Path) -> None:
    (tmp_path / "conference.toml").write_text('a = 1\nspeakers = ["ÅSA EK"]\n')
    (tmp_path / "old.csv").write_bytes("Åsa Ek;åsa@example.org".encode("cp1252"))
    (tmp_path / "data").mkdir()
    assert [(path.name, line) for path, line in leftovers(tmp_path, ["Åsa Ek", ""])] == [
        ("conference.toml", 2),
        ("old.csv", 1),
    ]

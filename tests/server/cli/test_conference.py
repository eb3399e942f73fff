"""`plenum init`, `check` and `run`, and the help of every command, as an organiser meets them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.server.cli.command import Plenum, change, complaint, free_port, urls

EVERY_COMMAND = (
    *("init", "check", "run", "people import", "person export", "person erase", "links", "export", "copy", "backup"),
    *("restore", "doctor", "demo"),
)


FREE_PORT = free_port()


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_explains_itself_with_an_example(plenum: Plenum, command: str) -> None:
    result = plenum(*command.split(), "--help")
    assert result.status == 0
    assert f"Example: plenum {command} " in result.out


def test_plenum_alone_shows_every_command(plenum: Plenum) -> None:
    result = plenum()
    assert result.status == 0
    assert all(f"  {command.split()[0]} " in result.out for command in EVERY_COMMAND)


def test_what_init_writes_passes_check_and_import(plenum: Plenum) -> None:
    assert plenum("init", "spring").status == 0
    checked = plenum("check", "-C", "spring")
    assert (checked.status, checked.err) == (0, "")
    assert "10 sessions in 2 rooms" in checked.out
    imported = plenum("people", "import", "spring/people.csv", "-C", "spring")
    assert (imported.status, imported.err) == (0, "")
    assert "5 new, 0 changed, 0 unchanged." in imported.out


@pytest.mark.parametrize("there", ["conference.toml", "people.csv"])
def test_init_leaves_alone_what_is_there(plenum: Plenum, there: str) -> None:
    Path("spring").mkdir()
    Path("spring", there).write_text("mine")
    assert "nothing was written" in complaint(plenum("init", "spring"))
    assert [path.name for path in Path("spring").iterdir()] == [there]
    assert Path("spring", there).read_text() == "mine"


def test_check_names_everything_that_is_wrong_with_file_and_line(started: Plenum) -> None:
    change("conference.toml", 'kind = "assembly"', 'kind = "asembly"')
    change("conference.toml", 'languages = ["sv", "en"]', 'languages = ["se"]')
    change("people.csv", "Håbo", "Hobå")
    result = started("check")
    assert result.status == 2
    first, second, third, last = result.err.splitlines()
    assert first.startswith('conference.toml:11: languages has an unknown language "se"')
    assert 'did you mean "assembly"?' in second
    assert third.startswith('people.csv, row 4: there is no municipality "Hobå"')
    assert last == "plenum: 3 things are wrong"


def test_check_warns_of_speakers_whom_nobody_knows_and_lets_them_pass(started: Plenum) -> None:
    change("conference.toml", "johan.sundelin@", "someone.else@")
    result = started("check")
    assert result.status == 0
    assert 'warning: "someone.else@example.org" is not among the people' in result.err


def test_run_refuses_a_programme_with_a_fault_in_one_line(started: Plenum) -> None:
    change("conference.toml", 'kind = "assembly"', 'kind = "asembly"')
    assert "conference.toml:90: kind must be one of" in complaint(started("run"))


def test_run_says_that_the_port_is_taken(started: Plenum) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert f"port {port}: Address already in use; choose another with --port" in complaint(
            started("run", "--port", port)
        )


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.5"])
def test_run_says_that_the_address_is_not_this_machines(started: Plenum, host: str) -> None:
    told = complaint(started("run", "--host", host, "--port", FREE_PORT))
    assert f"cannot listen on {host}" in told
    assert "choose another with --host" in told


def test_run_says_that_the_database_cannot_be_opened(started: Plenum) -> None:
    database = Path("data", "plenum.db")
    for path in database.parent.glob("plenum.db*"):
        path.unlink()
    database.mkdir(parents=True)
    assert "unable to open database file; may this user write to data/" in complaint(started("run", "--port", FREE_PORT))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not answer for all of 127.0.0.0/8")
def test_run_says_that_the_media_did_not_come_up(started: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))  # where only the media engine will look
        monkeypatch.setenv("PLENUM_MEDIA_PORT", str(other.getsockname()[1]))
        monkeypatch.setenv("PLENUM_PUBLIC_ADDRESSES", "127.0.0.2")
        assert "is another program using PLENUM_MEDIA_PORT?" in complaint(started("run", "--port", FREE_PORT))


def test_run_refuses_settings_that_are_none(started: Plenum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLENUM_COLOUR", "blue")
    assert "PLENUM_COLOUR is not a setting" in complaint(started("run"))


def test_the_directory_is_where_the_environment_says_unless_an_option_does(
    plenum: Plenum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("spring", "autumn"):
        assert plenum("init", name).status == 0
    monkeypatch.setenv("PLENUM_DIRECTORY", str(tmp_path / "spring"))
    assert plenum("check").status == 0
    assert plenum("people", "import", "spring/people.csv").status == 0
    assert urls(plenum("links", "--json")) == urls(plenum("links", "--json", "-C", "spring")) != {}
    assert plenum("links", "-C", "autumn").status == 2  # nobody was imported there
    assert plenum("backup", "--to", "one.tar").status == 0
    monkeypatch.setenv("PLENUM_DIRECTORY", str(tmp_path / "restored"))
    assert plenum("restore", "one.tar").status == 0
    assert (tmp_path / "restored" / "conference.toml").exists()
    monkeypatch.setenv("PLENUM_DIRECTORY", str(tmp_path / "nowhere"))
    for command in ("check", "run", "doctor", "export attendance"):
        assert "there is no directory" in complaint(plenum(*command.split())), command

"""The command line as an organiser meets it: what it prints, what it leaves behind, and how it fails."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from msgspec import Struct

from server.__main__ import main
from server.cli import conference

Plenum = Callable[..., "Result"]
EVERY_COMMAND = (
    *("init", "check", "run", "people import", "person export", "person erase", "links", "export", "copy", "backup"),
    *("restore", "doctor", "demo"),
)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


FREE_PORT = free_port()


class Result(Struct):
    status: int
    out: str
    err: str


@pytest.fixture
def plenum(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Plenum]:
    """Runs a command in an empty directory."""
    logging = structlog.get_config()
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PLENUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")  # a conference may be running on this machine

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.out, captured.err)

    yield run
    structlog.configure(**logging)


@pytest.fixture
def started(plenum: Plenum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plenum:
    """The same, in the directory of a conference with its people imported."""
    assert plenum("init", "spring").status == 0
    monkeypatch.chdir(tmp_path / "spring")
    assert plenum("people", "import", "people.csv").status == 0
    return plenum


def complaint(result: Result) -> str:
    """The one line with which a command failed."""
    assert result.status == 2
    *details, last, end = result.err.split("\n")
    assert end == ""
    assert last.startswith("plenum: ")
    assert "Traceback" not in result.err
    assert not details, details
    return last


def change(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


# --- help ---


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_explains_itself_with_an_example(plenum: Plenum, command: str) -> None:
    result = plenum(*command.split(), "--help")
    assert result.status == 0
    assert f"Example: plenum {command} " in result.out


def test_plenum_alone_shows_every_command(plenum: Plenum) -> None:
    result = plenum()
    assert result.status == 0
    assert all(f"  {command.split()[0]} " in result.out for command in EVERY_COMMAND)


# --- init and check ---


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


# --- run ---


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


# --- people ---


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


# --- one person ---

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


# --- links ---


def urls(result: Result) -> dict[str, str]:
    return {row["email"].partition("@")[0]: row["url"] for row in json.loads(result.out)}


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


# --- export ---


def test_an_export_is_headings_and_rows_for_excel_or_programs(started: Plenum) -> None:
    assert started("export", "attendance").out.startswith("\ufeffsession_id,session,person_id,name,")
    assert started("export", "attendance", "--semicolons").out.startswith("\ufeffsession_id;session;")
    assert json.loads(started("export", "questions", "--format", "json").out) == []
    assert started("export", "answers", "--output", "answers.csv").out == ""
    assert Path("answers.csv").read_bytes().startswith(b"\xef\xbb\xbfsession_id,")


# --- failing ---


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
    for command in (["links"], ["run", "--port", FREE_PORT], ["export", "attendance"]):
        line = complaint(started(*command))
        assert "PostgreSQL cannot be reached" in line
        assert "geheim" not in line
    monkeypatch.setenv("PLENUM_DATABASE_URL", "mysql://plenum:geheim@127.0.0.1/plenum")
    line = complaint(started("links"))
    assert "PLENUM_DATABASE_URL must be postgresql://" in line
    assert "geheim" not in line

"""conference.toml: what is right is read, what is wrong is named with its line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import messages as m
from server.person import Person
from server.programme_file import MOST_BYTES, ProgrammeFileError, Reading, load, parse, read, unknown_speakers
from server.starter import write_starter

HEAD = """\
name = "Vårkonferensen"
organiser = "KDF"
time_zone = "Europe/Stockholm"
languages = ["sv", "en"]

[[rooms]]
id = "hall"
title = "Plenum"

[[rooms]]
id = "small"
title = "Grupprum"
"""

OPENING = """
[[sessions]]
id = "opening"
title = "Öppning"
kind = "plenary"
room = "hall"
start = "2027-03-25 09:00"
end = "2027-03-25 10:00"
"""


def reading(text: str) -> Reading:
    return parse(text.encode())


def messages(text: str) -> list[str]:
    """Every problem as `LINE: MESSAGE`."""
    found = reading(text)
    assert all(problem.message.isprintable() for problem in found.problems)
    return [f"{problem.line}: {problem.message}" for problem in found.problems]


def the_problem(text: str, line_with: str) -> str:
    """The message of the only problem, which must be on the line with `line_with`."""
    (problem,) = reading(text).problems
    assert line_with in text.split("\n")[problem.line - 1]
    return problem.message


def opening(old: str, new: str) -> str:
    assert old in HEAD + OPENING
    return (HEAD + OPENING).replace(old, new)


def test_a_good_file_becomes_a_programme_in_utc() -> None:
    programme = reading(
        HEAD + OPENING + 'theme = "Leda"\nspeakers = ["Anna Lind", "Bo <bo@x.se>"]\nhost = "SKR"\n'
    ).programme
    assert programme == m.Programme(
        "Vårkonferensen",
        "KDF",
        "Europe/Stockholm",
        ("sv", "en"),
        m.Goals(120, 0.9, 4.0),
        (m.RoomPlan("hall", "Plenum"), m.RoomPlan("small", "Grupprum")),
        (
            m.SessionPlan(
                "opening",
                "Öppning",
                "plenary",
                datetime(2027, 3, 25, 8, 0, tzinfo=UTC),
                datetime(2027, 3, 25, 9, 0, tzinfo=UTC),
                "hall",
                "Leda",
                ("Anna Lind", "Bo"),
                "SKR",
            ),
        ),
    )


def test_addresses_of_speakers_do_not_get_into_the_programme() -> None:
    found = reading(HEAD + OPENING + 'speakers = ["Anna <Anna@x.se>"]\n')
    assert "@" not in str(found.programme)
    assert [(speaker.name, speaker.email) for speaker in found.speakers] == [("Anna", "anna@x.se")]


def session(name: str, start: str, end: str) -> str:
    return OPENING.replace("opening", name).replace("09:00", start).replace("10:00", end)


def test_sessions_come_in_order_of_time() -> None:
    programme = reading(HEAD + session("b", "11:00", "12:00") + session("a", "08:00", "09:00") + OPENING).programme
    assert programme is not None
    assert [plan.id for plan in programme.sessions] == ["a", "opening", "b"]


def test_a_break_needs_no_room_and_is_in_the_first() -> None:
    programme = reading(opening('kind = "plenary"\nroom = "hall"', 'kind = "break"')).programme
    assert programme is not None
    assert programme.sessions[0].room == "hall"


@pytest.mark.parametrize(
    "written", ['"2027-03-25T09:00"', '"2027-03-25 09:00:00"', "2027-03-25T09:00:00", "2027-03-25 09:00:00"]
)
def test_times_are_taken_as_toml_writes_them_too(written: str) -> None:
    assert reading(opening('"2027-03-25 09:00"', written)).programme == reading(HEAD + OPENING).programme


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('name = "V', 'nmae = "V', "nmae", 'did you mean "name"'),
        ('organiser = "KDF"', "organiser = 7", "organiser", "must be a text"),
        ('organiser = "KDF"', 'organiser = " "', "organiser", "is empty"),
        ('organiser = "KDF"', 'organiser = "a\\u202eb"', "organiser", "cannot be shown"),
        ('organiser = "KDF"', f'organiser = "{"x" * 100_000}"', "organiser", "longer than"),
        ("Europe/Stockholm", "Stockholm", "time_zone", 'did you mean "Europe/Stockholm"'),
        ("Europe/Stockholm", "Europe/Stokholm", "time_zone", 'did you mean "Europe/Stockholm"'),
        ("Europe/Stockholm", "../../etc/passwd", "time_zone", "must be a time zone"),
        ('["sv", "en"]', '["se"]', "languages", 'did you mean "sv"'),
        ('["sv", "en"]', '["sv", "fi"]', "languages", "known are sv, en, nb, da"),
        ('["sv", "en"]', '["sv", "sv"]', "languages", "twice"),
        ('["sv", "en"]', '"sv"', "languages", "must be a list"),
        ("plenary", "plenery", "kind", 'did you mean "plenary"'),
        ('room = "hall"', 'room = "hal"', "room =", 'did you mean "hall"'),
        ('room = "hall"', 'rom = "hall"', "", "room is missing"),
        ('room = "hall"', 'room = ["hall"]', "room =", "must be the id of one of the [[rooms]]"),
        ('id = "opening"', 'id = "öppning"', "id = ", "must be up to 64"),
        ("2027-03-25 10:00", "2027-03-25 08:00", "end =", "end must be after start"),
        ("2027-03-25 10:00", "2027-03-25 09:00", "end =", "end must be after start"),
        ("2027-03-25 10:00", "2027-04-25 10:00", "end =", "longer than 24 hours"),
        ('"2027-03-25 10:00"', "2027-03-25T10:00:00Z", "end =", "without an offset"),
        ('"2027-03-25 10:00"', "2027-03-25", "end =", "must be a local time"),
        ('"2027-03-25 10:00"', "10:00:00", "end =", "must be a local time"),
        ('"2027-03-25 10:00"', '"2027-03-25 25:00"', "end =", "does not exist"),
        ('"2027-03-25 10:00"', '"2027-02-30 10:00"', "end =", "does not exist"),
        ('"2027-03-25 10:00"', '"0001-01-01 00:00"', "end =", "between the years"),
        ('"2027-03-25 09:00"', '"2027-03-28 02:30"', "start =", "clocks are put forward"),
        ('"2027-03-25 10:00"', "2027-03-25 10:00", "end =", "write times in quotation marks"),
    ],
)
def test_what_is_wrong_is_named_on_its_line(old: str, new: str, line: str, message: str) -> None:
    text = opening(old, new)
    lines = text.split("\n")
    problems = reading(text).problems
    assert any(message in problem.message and line in lines[problem.line - 1] for problem in problems), problems
    assert reading(text).programme is None


def test_an_unknown_key_is_refused_wherever_it_stands() -> None:
    text = f"colour = 1\n{HEAD}\n[goals]\nmeen = 3\n{OPENING}romm = 2\n"
    found = messages(text)
    assert [message.split(": ", 1)[0] for message in found] == ["1", "16", "25"]
    assert 'did you mean "mean"' in found[1]
    assert 'did you mean "room"' in found[2]


@pytest.mark.parametrize(
    "goals", ["participants = true", "participants = 0", "satisfied_share = 90", "mean = 6.0", "mean = nan", 'mean = "4"']
)
def test_goals_out_of_their_scale_are_refused(goals: str) -> None:
    the_problem(f"{HEAD}\n[goals]\n{goals}\n{OPENING}", goals)


def test_a_night_hour_that_comes_twice_is_warned_about_and_the_first_is_taken() -> None:
    text = opening("2027-03-25 09:00", "2027-10-31 02:30").replace("2027-03-25 10:00", "2027-10-31 04:00")
    found = reading(text)
    assert found.programme is not None
    assert found.programme.sessions[0].starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert [problem.is_warning for problem in found.problems] == [True]


def test_sessions_that_overlap_in_a_room_are_named_on_the_later_one() -> None:
    second = OPENING.replace("opening", "second").replace("Öppning", "Nästa")
    text = HEAD + OPENING + second.replace("09:00", "09:59").replace("10:00", "10:30")
    message = the_problem(text, '"2027-03-25 09:59"')
    assert message == '"Nästa" overlaps with "Öppning" (line 14) in the room "hall"'
    assert reading(text.replace("09:59", "10:00")).programme is not None
    assert reading(
        text.replace('room = "hall"\nstart = "2027-03-25 09:59"', 'room = "small"\nstart = "2027-03-25 09:59"')
    ).programme


def test_a_long_session_overlaps_with_all_that_begin_during_it() -> None:
    text = HEAD + session("a", "09:00", "12:00") + session("b", "09:30", "10:00") + session("c", "11:00", "11:30")
    assert len(messages(text)) == 2


def test_ids_that_are_taken_are_named_with_the_line_of_the_first() -> None:
    later = OPENING.replace("09:00", "11:00").replace("10:00", "12:00")
    assert "taken already, on line 15" in the_problem(HEAD + OPENING + later, 'id = "opening"')
    twice = HEAD.replace('"small"', '"hall"') + OPENING
    assert "taken already, on line 7" in the_problem(twice, 'id = "hall"')


@pytest.mark.parametrize("speaker", ['"anna@x.se"', "7", '""', '"Anna <anna>"', '"Anna <a@b> <c@d>"', '"A\\nB"'])
def test_a_speaker_must_have_a_name(speaker: str) -> None:
    the_problem(f"{HEAD}{OPENING}speakers = [\n  {speaker},\n]\n", "speakers")


def test_speakers_who_could_not_go_on_stage_are_warned_about() -> None:
    speakers = 'speakers = ["Anna <a@x.se>", "Bo <b@x.se>", "Cia <c@x.se>", "Dan"]\n'
    found = reading(HEAD + OPENING + speakers)
    people = [Person("p1", "Anna", "a@x.se", roles=("speaker",)), Person("p2", "Bo", "b@x.se")]
    warnings = unknown_speakers(found, people)
    assert [(warning.line, warning.is_warning) for warning in warnings] == [(21, True), (21, True)]
    assert "Bo" in warnings[0].message
    assert "c@x.se" in warnings[1].message


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\nname = ", 2),
        (b'name = "x"\nname = "y"\n', 2),
        ('name = "ok"\norganiser = "Åsa"\n'.encode("cp1252"), 2),
        (b"a = " + b"[" * 100_000, 1),
        (b"a = 1" + b"0" * 5000, 1),
        (b'a = """\n\n', 3),
        (b"x" * (MOST_BYTES + 1), 1),
    ],
    ids=["cut off", "key twice", "Windows-1252", "deep", "long number", "open string", "huge"],
)
def test_what_is_no_toml_is_refused_with_its_line(data: bytes, line: int) -> None:
    found = parse(data)
    assert found.programme is None
    assert [problem.line for problem in found.problems] == [line]


@given(st.text(alphabet="[]={}\"'#.\n\\ab1-", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert reading(text).programme is None
    assert all(1 <= problem.line <= text.count("\n") + 1 for problem in reading(text).problems)


@given(st.integers(0, len(HEAD + OPENING) - 1), st.characters(exclude_categories=["Cs"]))
def test_a_file_with_any_slip_is_read_or_refused(place: int, character: str) -> None:
    text = HEAD + OPENING
    found = reading(text[:place] + character + text[place + 1 :])
    assert (found.programme is None) == bool(found.errors)


def test_load_says_in_one_line_what_is_wrong_first(tmp_path: Path) -> None:
    path = tmp_path / "conference.toml"
    with pytest.raises(ProgrammeFileError, match="there is no"):
        load(path)
    path.write_text(opening("plenary", "plenery").replace('"sv", "en"', '"se"'), encoding="utf-8")
    with pytest.raises(ProgrammeFileError, match=r"conference\.toml:4: .*\(and 1 more: see `plenum check`\)"):
        load(path)
    with pytest.raises(ProgrammeFileError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("today", [date(2026, 11, 22), date(2027, 3, 20), date(2028, 2, 29), date(2026, 12, 31)])
def test_the_file_that_init_writes_is_good_at_any_time_of_the_year(tmp_path: Path, today: date) -> None:
    path, _ = write_starter(tmp_path, today)
    found = read(path)
    assert found.problems == ()
    assert found.programme is not None
    days = {plan.starts_at.date() for plan in found.programme.sessions}
    assert [day.weekday() for day in sorted(days)] == [3, 4]  # Thursday and Friday
    assert min(days) > today

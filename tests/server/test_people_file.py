"""Tables of people: every bad row named, and none taken unless all are good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.municipalities import read_tables
from server.people_file import PeopleFileError, PeopleTable, Problem, parse_people, read_people
from server.person import Person

TABLES = read_tables()


def parse(text: str | bytes) -> PeopleTable:
    data = text.encode() if isinstance(text, str) else text
    return parse_people(data, TABLES, file="people.csv", country="se", year=2026)


def problems(text: str | bytes) -> Sequence[Problem]:
    with pytest.raises(PeopleFileError) as refused:
        parse(text)
    assert str(refused.value).isprintable()
    assert all(problem.reason.isprintable() and len(problem.reason) < 400 for problem in refused.value.problems)
    return refused.value.problems


def reasons(row: str, header: str = "name,email,municipality,title,year appointed,roles") -> list[str]:
    return [problem.reason for problem in problems(f"{header}\n{row}\n")]


def test_a_row_becomes_a_person_with_county_population_and_band() -> None:
    table = parse("namn;e-post;kommun;titel;tillträdesår;roller\nÅsa Ek;Asa.Ek@Example.org;Knivsta;Direktör;2019;styrelse\n")
    assert table.people == (
        Person(
            "",
            "Åsa Ek",
            "asa.ek@example.org",
            "0330",
            "Knivsta",
            "Uppsala län",
            "se",
            19818,
            "larger",
            "Direktör",
            2019,
            ("board",),
        ),
    )


@pytest.mark.parametrize(
    "header",
    [
        "namn;e-post;kommun;titel;tillträdesår;roller",
        "Name,E-mail,Municipality,Title,Year appointed,Roles",
        "NAVN\tE-postadresse\tKommune\tTittel\tTiltrådt\tRoller",
        "Namn;E-postadress;Kommunkod;Befattning;Tillträtt;Roll",
        '"navn","mail","kommune","stilling","ansat","rolle"',
    ],
)
def test_headings_are_understood_in_four_languages(header: str) -> None:
    mark = next(mark for mark in ";\t," if mark in header)
    (person,) = parse(f"{header}\n{mark.join(['Eva', 'e@x.se', 'Malå', 'VD', '2020', 'moderator'])}\n").people
    assert (person.name, person.email, person.municipality) == ("Eva", "e@x.se", "Malå")
    assert (person.title, person.year_appointed, person.roles) == ("VD", 2020, ("moderator",))


def test_columns_stand_in_any_order_and_strangers_are_named() -> None:
    table = parse("Faktura;e-post;Allergi;namn\n123;a@b.se;nötter;Anna\n")
    assert table.people[0].name == "Anna"
    assert table.ignored == ('"Faktura"', '"Allergi"')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_names_survive_every_encoding(encoding: str) -> None:
    assert parse("namn;e-post\nÅsa Öst;a@b.se\n".encode(encoding)).people[0].name == "Åsa Öst"


@pytest.mark.parametrize(
    ("written", "roles"),
    [
        ("", ("attendee",)),
        ("deltagare, styrelse", ("attendee", "board")),
        ("moderator board moderator", ("moderator", "board")),
        ("Föreläsare och arrangör", ("speaker", "organiser")),
    ],
)
def test_roles_are_taken_in_swedish_and_english_in_a_fixed_order(written: str, roles: tuple[str, ...]) -> None:
    assert parse(f'name;email;roles\nEva;e@x.se;"{written}"\n').people[0].roles == roles


def test_one_bad_row_and_none_is_taken_and_every_bad_row_is_named() -> None:
    found = problems("name;email;municipality\nAnna;a@b.se;Lund\n;b@b.se;Lund\nCia;c@b.se;Lnud\n\nDan;dan;\n")
    assert [problem.row for problem in found] == [3, 4, 6]
    assert found[0].reason == "the name is missing"
    assert 'did you mean "Lund"' in found[1].reason


def test_a_row_with_several_faults_gets_them_all() -> None:
    assert len(reasons("\u202eevil,nobody,Knivsat,t\x07,1850,boss")) == 6


@pytest.mark.parametrize(
    "row",
    [
        "Anna\x00,a@b.se,,,,",
        "An\u200bna,a@b.se,,,,",
        '"Anna\nLind",a@b.se,,,,',
        "x" * 100_000 + ",a@b.se,,,,",
        "Anna,a@b,,,,",
        "Anna,<script>@b.se,,,,",
        "Anna,a@b.se@c.se,,,,",
        "Anna," + "a" * 300 + "@b.se,,,,",
        "Anna,a\u202e@b.se,,,,",
        "Anna,a@b.se," + "x" * 100_000 + ",,,",
        "Anna,a@b.se,,,0,",
        "Anna,a@b.se,,,2030,",
        "Anna,a@b.se,,,-2019,",
        "Anna,a@b.se,,,,root",
        "Anna,a@b.se,,VD, ansvarig,2019,attendee",
    ],
)
def test_hostile_and_mistaken_rows_are_refused(row: str) -> None:
    assert reasons(row)


def test_html_is_a_name_like_any_other() -> None:
    # It is escaped where it is shown, and refusing it would refuse people with strange titles.
    assert parse("name;email\n<b>Anna</b>;a@b.se\n").people[0].name == "<b>Anna</b>"


def test_an_address_that_stands_twice_is_named_with_both_rows() -> None:
    (problem,) = problems("name;email\nAnna;a@b.se\nBo;b@b.se\nAnna L;A@B.se\n")
    assert problem.row == 4
    assert "in row 2 already" in problem.reason


def test_an_address_that_stands_twice_is_found_even_where_the_first_row_is_bad() -> None:
    assert [problem.row for problem in problems("name;email\n;a@b.se\nAnna;a@b.se\n")] == [2, 3]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "hej", "name\nAnna", "email\na@b.se", "name;name;email\nA;B;c@d.se", "name;email\n"]
)
def test_a_file_without_people_or_headings_is_refused(text: str) -> None:
    assert len(problems(text)) == 1


def test_a_country_column_decides_between_namesakes() -> None:
    (person,) = parse("name;email;kommun;land\nAnna;a@b.no;Lund;Norge\n").people
    assert person.county == "Rogaland"


def test_a_date_tells_the_year_of_appointment() -> None:
    assert parse("name;email;tillträdesår\nAnna;a@b.se;2019-08-01\n").people[0].year_appointed == 2019


def test_ten_thousand_rows_are_read_or_refused_without_delay() -> None:
    good = "name;email;municipality\n" + "".join(f"P{i};p{i}@b.se;Knivsta\n" for i in range(10_000))
    bad = "name;email;municipality\n" + "".join(f"P{i};p{i}@b.se;Nowhere{i}\n" for i in range(10_000))
    started = time.process_time()
    assert len(parse(good).people) == 10_000
    assert len(problems(bad)) == 10_000
    assert time.process_time() - started < 30  # linear is under two seconds; comparing each with each is minutes


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(PeopleFileError, match="larger than"):
        read_people(Path("/dev/zero"), TABLES, country=None, year=2026)


@given(st.lists(st.lists(st.text(max_size=12), max_size=7), max_size=6), st.sampled_from(";,\t"))
def test_any_table_is_read_or_refused(rows: list[list[str]], mark: str) -> None:
    try:
        parse("namn;e-post;kommun;titel;tillträdesår;roller\n".replace(";", mark) + "\n".join(map(mark.join, rows)))
    except PeopleFileError as refused:
        assert str(refused).isprintable()

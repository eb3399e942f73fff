"""Tables of people, as organisers have them: CSV with headings in Swedish, Norwegian, Danish or English.

Every bad row is named with its number and the reasons, and one bad row is enough to take none. Neighbours: `spreadsheet`
(encodings and dialects), `people` (what an import changes).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rooms import messages as m
from rooms.errors import Refused
from rooms.text import check_text, is_showable
from server.municipalities import Country, Municipalities, NotResolved
from server.person import ROLES, Person
from server.shown import shown
from server.spreadsheet import MOST_BYTES, NotReadable, decode, records

NAME_LENGTH: Final = 120
EMAIL_LENGTH: Final = 254  # RFC 5321, 4.5.3.1.3
FIRST_YEAR: Final = 1960

# What headings, roles and countries are called, less case, accents and everything that is no letter.
HEADINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("name", "namn", "navn", "fullname"), "name"),
    **dict.fromkeys(("email", "epost", "emailaddress", "epostadress", "epostadresse", "mail", "mailadresse"), "email"),
    **dict.fromkeys(("municipality", "municipalitycode", "kommun", "kommunkod", "kommune", "kommunenummer"), "municipality"),
    **dict.fromkeys(("title", "titel", "tittel", "befattning", "stilling"), "title"),
    **dict.fromkeys(
        ("yearappointed", "appointed", "tilltradesar", "tilltratt", "tiltradt", "ansat", "ansatt"), "year appointed"
    ),
    **dict.fromkeys(("roles", "role", "roller", "roll", "rolle"), "roles"),
    **dict.fromkeys(("country", "land"), "country"),
}
ROLE_NAMES: Final[Mapping[str, m.Role]] = {
    **{role: role for role in ROLES},
    **dict.fromkeys(("deltagare", "deltaker", "deltager", "participant"), "attendee"),
    **dict.fromkeys(("forelasare", "talare", "innleder", "oplagsholder", "taler"), "speaker"),
    **dict.fromkeys(("ordstyrer", "programledare"), "moderator"),
    **dict.fromkeys(("styrelse", "styrelsen", "styre", "styret", "bestyrelse", "bestyrelsen"), "board"),
    **dict.fromkeys(("arrangor", "organizer"), "organiser"),
}
COUNTRIES: Final[Mapping[str, Country]] = {
    **dict.fromkeys(("se", "sverige", "sweden"), "se"),
    **dict.fromkeys(("no", "norge", "noreg", "norway"), "no"),
    **dict.fromkeys(("dk", "danmark", "denmark"), "dk"),
}

# One @, nothing that would need quoting (RFC 5321, 4.1.2), and a domain with a dot.
_EMAIL: Final = re.compile(r'[^\s@<>"(),:;\\\[\]]{1,64}@(?:[^\s@<>"(),:;\\\[\].]+\.)+[^\s@<>"(),:;\\\[\].]{2,}')
_YEAR: Final = re.compile(r"([0-9]{4})(?:-[0-9]{1,2}){0,2}")


class Problem(Struct, frozen=True):
    """What is wrong with a row, counted as a spreadsheet counts; row 0: with the file."""

    row: int
    reason: str


class PeopleFileError(Exception):
    """The file cannot be imported. `problems` names every bad row; the message is one line."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        first = problems[0]
        place = f"{file}, row {first.row}" if first.row else file
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{place}: {first.reason}{more}")
        self.problems = problems


class PeopleTable(Struct, frozen=True):
    """A file that is good to import: people without ids, and the headings that mean nothing to Plenum."""

    people: tuple[Person, ...]
    ignored: tuple[str, ...]


class _Bad(Exception):
    """A cell cannot be taken; the message says why."""


def read_people(path: Path, municipalities: Municipalities, *, country: Country | None, year: int) -> PeopleTable:
    """Reads a file of people. `country` is where names and codes of municipalities are looked for first; `year` is now.
    Raises `PeopleFileError`, or `OSError` if the file cannot be opened."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    return parse_people(data, municipalities, file=path.name, country=country, year=year)


def parse_people(
    data: bytes, municipalities: Municipalities, *, file: str, country: Country | None, year: int
) -> PeopleTable:
    """Like `read_people`, for the bytes of a file."""
    people: list[Person] = []
    problems: list[Problem] = []
    ignored: tuple[str, ...] = ()
    try:
        rows = records(decode(data), lambda cells: sum(fold(cell) in HEADINGS for cell in cells))
        heading_row, header = next(rows, (1, []))
        columns, ignored = _columns(header)
        reader = _RowReader(columns, len(header), municipalities, country, year)
        for row, cells in rows:
            person, reasons = reader.read(row, cells)
            people += [person] if person is not None else []
            problems += [Problem(row, reason) for reason in reasons]
        if not people and not problems:
            problems.append(Problem(heading_row, "there is nobody below the headings"))
    except NotReadable as error:
        problems.append(Problem(error.row, str(error)))
    if problems:
        raise PeopleFileError(file, problems)
    return PeopleTable(tuple(people), ignored)


def _columns(header: list[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Where each field is, and the headings that are none."""
    columns: dict[str, int] = {}
    ignored: list[str] = []
    for index, cell in enumerate(header):
        field = HEADINGS.get(fold(cell))
        if field is None:
            ignored += [shown(cell.strip())] if cell.strip() else []
        elif field in columns:
            raise NotReadable(f"two columns hold the {field}: {shown(header[columns[field]])} and {shown(cell)}", 1)
        else:
            columns[field] = index
    if missing := [field for field in ("name", "email") if field not in columns]:
        found = ", ".join(shown(cell) for cell in header[:10]) or "nothing"
        raise NotReadable(
            f"no column for {' and '.join(missing)}; the headings must have name and email, not only {found}", 1
        )
    return columns, tuple(ignored)


class _RowReader:
    """Turns a row into a person, or into the reasons why not."""

    def __init__(
        self,
        columns: Mapping[str, int],
        width: int,
        municipalities: Municipalities,
        country: Country | None,
        year: int,
    ) -> None:
        self._columns = columns
        self._width = width
        self._municipalities = municipalities
        self._country = country
        self._year = year
        self._row_of: dict[str, int] = {}  # by e-mail

    def read(self, row: int, cells: list[str]) -> tuple[Person | None, list[str]]:
        reasons: list[str] = []
        if any(cell.strip() for cell in cells[self._width :]):
            reasons.append(
                f"has {len(cells)} cells under {self._width} headings; a text with separators needs quotation marks"
            )

        def take(field: str, read: Callable[[str], Any]) -> Any:
            index = self._columns.get(field, len(cells))
            try:
                return read(cells[index].strip() if index < len(cells) else "")
            except _Bad as bad:
                reasons.append(str(bad))
                return None

        name = take("name", lambda text: _line("the name", text, required=True))
        email = take("email", lambda text: self._email(text, row))
        title = take("title", lambda text: _line("the title", text))
        year_appointed = take("year appointed", self._year_appointed)
        roles = take("roles", _roles)
        country = take("country", _country) or self._country
        place = take("municipality", lambda text: self._municipality(text, country))
        if reasons:
            return None, reasons
        return Person("", name, email, title=title, year_appointed=year_appointed, roles=roles, **place), []

    def _email(self, text: str, row: int) -> str:
        if not text:
            raise _Bad("the e-mail address is missing")
        if len(text) > EMAIL_LENGTH or not is_showable(text) or not _EMAIL.fullmatch(text):
            raise _Bad(f"this is no e-mail address: {shown(text)}")
        email = unicodedata.normalize("NFC", text).lower()
        if (first := self._row_of.setdefault(email, row)) != row:
            raise _Bad(f"the e-mail address {shown(email)} stands in row {first} already")
        return email

    def _year_appointed(self, text: str) -> int | None:
        if not text:
            return None
        match = _YEAR.fullmatch(text)
        if match is None or not FIRST_YEAR <= int(match.group(1)) <= self._year + 1:
            raise _Bad(f"the year appointed must be a year from {FIRST_YEAR} to {self._year + 1}, not {shown(text)}")
        return int(match.group(1))

    def _municipality(self, text: str, country: Country | None) -> dict[str, Any]:
        if not text:
            return {}
        if len(text) > NAME_LENGTH or not is_showable(text):
            raise _Bad(f"there is no municipality {shown(text)}")
        try:
            found = self._municipalities.resolve(text, country=country)
        except NotResolved as error:
            raise _Bad(str(error)) from None
        return {
            "municipality_code": found.code,
            "municipality": found.name,
            "county": found.county,
            "country": found.country,
            "population": found.population,
            "size_band": found.size_band,
        }


def _line(what: str, text: str, *, required: bool = False) -> str:
    if not text:
        if required:
            raise _Bad(f"{what} is missing")
        return ""
    try:
        return check_text(text, most=NAME_LENGTH)
    except Refused:
        long = len(text) > NAME_LENGTH
        why = f"is longer than {NAME_LENGTH} characters" if long else "has characters that cannot be shown"
        raise _Bad(f"{what} {why}: {shown(text)}") from None


def _roles(text: str) -> tuple[m.Role, ...]:
    names = [name for name in re.split(r"[\s,;/+&|]+", text) if name and fold(name) not in ("and", "och", "og")]
    if unknown := [name for name in names if fold(name) not in ROLE_NAMES]:
        raise _Bad(f"there is no role {shown(unknown[0])}; roles are {', '.join(ROLES)}")
    named = {ROLE_NAMES[fold(name)] for name in names} or {"attendee"}
    return tuple(role for role in ROLES if role in named)


def _country(text: str) -> Country | None:
    if text and fold(text) not in COUNTRIES:
        raise _Bad(f"the country must be Sverige, Norge or Danmark, not {shown(text)}")
    return COUNTRIES.get(fold(text))


def fold(text: str) -> str:
    """Letters alone, in lower case, without accents: `E-post` is `epost`, `Tillträdesår` is `tilltradesar`."""
    bare = unicodedata.normalize("NFKD", text[:200].casefold().replace("æ", "a").replace("ø", "o"))
    return "".join(letter for letter in bare if letter.isalpha())

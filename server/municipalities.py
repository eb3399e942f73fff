"""The municipalities of Sweden, Norway and Denmark: a code or a name as people write it, resolved to county, population
and size band.

The tables in `data/` are public statistics (SCB 2021, SSB 2026, DST 2020). Populations of different years and countries are
never compared: a size band is a quarter of the municipalities of one country.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from importlib import resources
from typing import Final, Literal

from msgspec import Struct

from server.shown import shown

Country = Literal["se", "no", "dk"]
SizeBand = Literal["smallest", "smaller", "larger", "largest"]

SIZE_BANDS: Final[tuple[SizeBand, ...]] = ("smallest", "smaller", "larger", "largest")
# The quartiles of the populations in the tables. The fourth part of a country's municipalities has at most the first figure.
QUARTILES: Final[dict[Country, tuple[int, int, int]]] = {
    "se": (10_048, 16_312, 36_747),
    "no": (2_242, 5_447, 13_612),
    "dk": (30_113, 43_354, 60_722),
}
_TIME_ZONES: Final[dict[str, Country]] = {"Europe/Stockholm": "se", "Europe/Oslo": "no", "Europe/Copenhagen": "dk"}

MOST_SUGGESTIONS: Final = 200  # of different names; each takes a millisecond, and a hostile file may hold thousands

_AFFIX: Final = re.compile(r"^region\s+|\s+(?:stads?|(?:regions)?kommun(?:e|en|er)?|regionskommune)$", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"^(.+?)\s*(?:\((.+)\)|,\s*(.+))$")
_CODE: Final = re.compile(r"^(?:(se|no|dk)[-\s]?)?(\d{3,4})$", re.IGNORECASE)
_LETTERS: Final = str.maketrans({"æ": "a", "ø": "o", "đ": "d", "ŋ": "n", "ŧ": "t", "-": " "})


class Municipality(Struct, frozen=True):
    country: Country
    code: str  # four digits, with leading zeroes
    name: str
    county: str
    population: int
    size_band: SizeBand

    @property
    def label(self) -> str:
        """A name that tells it from its namesakes, and that `Municipalities.resolve` takes."""
        return f"{self.name} ({self.county})"


class NotResolved(ValueError):
    """What was written names no municipality, or several. The message is one sentence for the organiser."""


class Municipalities:
    """The tables, indexed by code and by name."""

    def __init__(self, rows: Iterable[tuple[Municipality, tuple[str, ...]]]) -> None:
        """`rows` are municipalities with all their names (official names in Sámi and Kven are names too)."""
        self._by_code: defaultdict[str, list[Municipality]] = defaultdict(list)
        self._by_name: defaultdict[str, list[Municipality]] = defaultdict(list)
        self._by_skeleton: defaultdict[str, list[Municipality]] = defaultdict(list)
        self._names: dict[str, str] = {}
        self._suggested: dict[str, str] = {}
        for municipality, names in rows:
            self._by_code[municipality.code].append(municipality)
            for name in {municipality.name, *names}:
                self._by_name[_plain(name)].append(municipality)
                self._by_skeleton[_skeleton(name)].append(municipality)
                self._names[_skeleton(name)] = name

    def __len__(self) -> int:
        return sum(map(len, self._by_code.values()))

    def all(self) -> list[Municipality]:
        """Every municipality, by country and code."""
        found = [one for same in self._by_code.values() for one in same]
        return sorted(found, key=lambda m: (m.country, m.code))

    def resolve(self, text: str, *, country: Country | None = None) -> Municipality:
        """The municipality that `text` names: a code (`0330`, `330`, `SE-0330`) or a name (`Knivsta`, `knivsta kommun`,
        `Herøy (Nordland)`). Of several in different countries, `country`'s is meant. Raises `NotResolved`."""
        wanted = " ".join(unicodedata.normalize("NFC", text).split())
        found = self._with_code(wanted) if _CODE.match(wanted) else self._with_name(wanted)
        if len(found) > 1 and country is not None:
            found = [m for m in found if m.country == country] or found
        if len(found) > 1:
            choices = "; ".join(f"{m.label}, code {m.country.upper()}-{m.code}" for m in found)
            raise NotResolved(f"{shown(wanted)} is ambiguous; write one of: {choices}")
        if not found:
            raise NotResolved(f"there is no municipality {shown(wanted)}{self._suggestion(wanted)}")
        return found[0]

    def _with_code(self, text: str) -> list[Municipality]:
        match = _CODE.match(text)
        assert match is not None
        country, digits = match.groups()
        found = self._by_code.get(digits.zfill(4), [])  # spreadsheets eat leading zeroes
        return [m for m in found if country is None or m.country == country.lower()]

    def _with_name(self, text: str) -> list[Municipality]:
        # As written first: Håbo and Habo are two municipalities, though one may also write Hoor for Höör.
        for wanted in _readings(text):
            for index, fold in ((self._by_name, _plain), (self._by_skeleton, _skeleton)):
                if found := index.get(fold(wanted)):
                    return list(found)
        if match := _BRACKETED.match(text):
            name, *places = match.groups()
            place = _skeleton(places[0] or places[1])
            return [m for m in self._with_name(name) if _skeleton(m.county).startswith(place)] if place else []
        return []

    def _suggestion(self, text: str) -> str:
        wanted = _skeleton(text[:60])
        if wanted not in self._suggested:
            if len(self._suggested) >= MOST_SUGGESTIONS:
                return ""
            close = difflib.get_close_matches(wanted, self._names, n=1, cutoff=0.75)
            self._suggested[wanted] = f"; did you mean {shown(self._names[close[0]])}?" if close else ""
        return self._suggested[wanted]


def read_tables() -> Municipalities:
    """Reads the tables that come with Plenum."""
    return Municipalities(row for country in QUARTILES for row in _read_table(country))


def country_of_time_zone(time_zone: str) -> Country | None:
    """Where a conference in that zone is at home, if in one of the three countries."""
    return _TIME_ZONES.get(time_zone)


def size_band(country: Country, population: int) -> SizeBand:
    """The quarter of its country's municipalities that one with `population` inhabitants belongs to."""
    return SIZE_BANDS[sum(population > quartile for quartile in QUARTILES[country])]


def _read_table(country: Country) -> Iterable[tuple[Municipality, tuple[str, ...]]]:
    text = resources.files("server").joinpath("data", f"municipalities_{country}.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        population = int(row["population"])
        band = size_band(country, population)
        names = tuple((row.get("name_official") or row["name"]).split(" - "))
        yield Municipality(country, row["code"], row["name"], row["county"], population, band), names


def _readings(text: str) -> Iterable[str]:
    """What may be meant: the text, the text without `kommun`, and that without the genitive's s (`Lunds kommun`)."""
    yield text
    bare = _AFFIX.sub("", text).strip()
    if bare and bare != text:
        yield bare
        if bare.endswith(("s", "S")):
            yield bare[:-1]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _skeleton(name: str) -> str:
    """The name without case and accents; Å, Ä, Æ, aa and ae are one letter here, and so are Ö, Ø and oe."""
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub("aa|ae", "a", bare).replace("oe", "o")

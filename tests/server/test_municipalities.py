"""Municipalities as organisers write them."""

from __future__ import annotations

import contextlib
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.municipalities import (
    QUARTILES,
    Country,
    Municipalities,
    Municipality,
    NotResolved,
    country_of_time_zone,
    read_tables,
    size_band,
)


@pytest.fixture(scope="module")
def tables() -> Municipalities:
    return read_tables()


TABLES = read_tables()
EVERY = TABLES.all()


def test_all_municipalities_of_three_countries_are_there(tables: Municipalities) -> None:
    assert Counter(m.country for m in tables.all()) == {"se": 290, "no": 357, "dk": 98}
    assert len(tables) == 745


def test_the_bands_are_quarters_of_each_country() -> None:
    for country in QUARTILES:
        sizes = Counter(m.size_band for m in EVERY if m.country == country)
        assert max(sizes.values()) - min(sizes.values()) <= 1, country


def test_a_band_is_relative_to_the_country() -> None:
    assert [size_band(country, 20_000) for country in ("se", "no", "dk")] == ["larger", "largest", "smallest"]


def test_the_quartile_itself_belongs_to_the_lower_band() -> None:
    assert (size_band("se", 10_048), size_band("se", 10_049)) == ("smallest", "smaller")


@given(st.sampled_from(EVERY))
def test_every_code_and_every_label_is_resolved(municipality: Municipality) -> None:
    assert TABLES.resolve(f"{municipality.country}-{municipality.code}") == municipality
    assert TABLES.resolve(municipality.code, country=municipality.country) == municipality
    assert TABLES.resolve(municipality.code.lstrip("0"), country=municipality.country) == municipality
    assert TABLES.resolve(municipality.label) == municipality


@given(st.sampled_from(EVERY), st.sampled_from(["{}", "{} kommun", "{}s kommun", "{} KOMMUNE", "  {}  "]), st.booleans())
def test_every_name_is_resolved_in_its_country_or_refused_as_ambiguous(
    municipality: Municipality, pattern: str, decomposed: bool
) -> None:
    text = pattern.format(municipality.name)
    text = unicodedata.normalize("NFD", text) if decomposed else text
    for spelling in (text, text.upper(), text.lower()):
        try:
            assert TABLES.resolve(spelling, country=municipality.country) == municipality
        except NotResolved as error:
            assert municipality.name in ("Herøy", "Våler"), error
            assert municipality.label in str(error)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("knivsta kommun", "Knivsta"),
        ("Goteborgs stad", "Göteborg"),
        ("Region Gotland", "Gotland"),
        ("Borås Stad", "Borås"),
        ("Københavns Kommune", "København"),
        ("Bornholms Regionskommune", "Bornholm"),
        ("Århus", "Aarhus"),
        ("Tromso", "Tromsø"),
        ("Guovdageaidnu", "Kautokeino"),
        ("hoganas", "Höganäs"),
        ("upplands bro", "Upplands-Bro"),
    ],
)
def test_names_are_taken_as_people_write_them(tables: Municipalities, written: str, name: str) -> None:
    assert tables.resolve(written).name == name


def test_an_accent_tells_two_names_apart_that_differ_by_nothing_else(tables: Municipalities) -> None:
    assert tables.resolve("Håbo").county == "Uppsala län"
    assert tables.resolve("habo kommun").county == "Jönköpings län"


def test_namesakes_are_refused_with_the_choices_and_each_choice_is_taken(tables: Municipalities) -> None:
    with pytest.raises(NotResolved, match="ambiguous") as refused:
        tables.resolve("Herøy kommune")
    assert "Herøy (Møre og Romsdal), code NO-1515" in str(refused.value)
    assert tables.resolve("Herøy (Møre og Romsdal)").code == "1515"
    assert tables.resolve("Herøy, Nordland").code == "1818"


def test_of_namesakes_in_two_countries_the_conferences_own_is_meant(tables: Municipalities) -> None:
    with pytest.raises(NotResolved, match="ambiguous"):
        tables.resolve("Lund")
    assert tables.resolve("Lund", country="se").county == "Skåne län"
    assert tables.resolve("Lund", country="no").county == "Rogaland"
    assert tables.resolve("0580", country="dk").name == "Aabenraa"


def test_a_visitor_from_abroad_needs_no_hint(tables: Municipalities) -> None:
    assert tables.resolve("Tromsø", country="se").country == "no"


@pytest.mark.parametrize("text", ["Knivsat", "", "9999", "SKR", "()", "kommun", "s kommun", ", ", "x" * 100_000, "\x00"])
def test_what_is_no_municipality_is_refused_in_one_short_line(tables: Municipalities, text: str) -> None:
    with pytest.raises(NotResolved) as refused:
        tables.resolve(text)
    assert len(str(refused.value)) < 200
    assert str(refused.value).isprintable()


def test_a_slip_gets_a_suggestion(tables: Municipalities) -> None:
    with pytest.raises(NotResolved, match='did you mean "Knivsta"'):
        tables.resolve("Knivsat")


@given(st.text(max_size=60))
def test_any_text_is_resolved_or_refused(text: str) -> None:
    with contextlib.suppress(NotResolved):
        assert TABLES.resolve(text) in EVERY


@pytest.mark.parametrize(
    ("zone", "country"), [("Europe/Stockholm", "se"), ("Europe/Oslo", "no"), ("Europe/Copenhagen", "dk"), ("UTC", None)]
)
def test_the_time_zone_tells_the_country(zone: str, country: Country | None) -> None:
    assert country_of_time_zone(zone) == country

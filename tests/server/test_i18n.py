"""Languages: which one a request gets, and what the catalogues and locales make of texts, dates and numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from starlette.requests import HTTPConnection

from server.i18n import COOKIE, Translations, accepted, known

STOCKHOLM = ZoneInfo("Europe/Stockholm")
CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"

#: server/pages.py
msgid "Hello {name}"
msgstr "Hej {name}"

#: web/static/views/lobby.js
msgid "Next"
msgstr "Härnäst"

#: web/static/views/lobby.js
msgid "{count} answer"
msgid_plural "{count} answers"
msgstr[0] "{count} svar"
msgstr[1] "{count} svar allt som allt"

#: web/static/views/lobby.js
#, fuzzy
msgid "Doubtful"
msgstr "Tveksam"

#: web/static/views/lobby.js
msgid "Not there yet"
msgstr ""
"""


@pytest.fixture
def translations(tmp_path: Path) -> Translations:
    path = tmp_path / "sv" / "LC_MESSAGES" / "plenum.po"
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE)
    return Translations(lambda: ("sv", "en", "nb"), tmp_path)


def visit(accept: str | None = None, cookie: str | None = None) -> HTTPConnection:
    headers = [(b"accept-language", accept.encode())] if accept is not None else []
    headers += [(b"cookie", f"{COOKIE}={cookie}".encode())] if cookie is not None else []
    return HTTPConnection({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("accept", "cookie", "expected"),
    [
        (None, None, "sv"),  # the conference's own
        ("en-US,en;q=0.9,sv;q=0.8", None, "en"),
        ("sv;q=0.2, en;q=0.8", None, "en"),
        ("nn", None, "nb"),
        ("no-NO", None, "nb"),
        ("da", None, "sv"),  # there is Danish, but not at this conference
        ("fi, de;q=0.5", None, "sv"),
        ("en;q=0, sv", None, "sv"),
        ("en;q=rubbish", None, "sv"),
        ("en", "nb", "nb"),
        ("en", "xx", "en"),
        ("en", "da", "en"),
    ],
)
def test_visitors_choice_then_browsers_then_the_conferences_own(
    translations: Translations, accept: str | None, cookie: str | None, expected: str
) -> None:
    assert translations.language(visit(accept, cookie)) == expected


def test_countries_have_a_name_in_every_language() -> None:
    translations = Translations()
    assert [translations.of(lang).country("no") for lang in ("sv", "en", "nb", "da")] == [
        "Norge",
        "Norway",
        "Norge",
        "Norge",
    ]
    assert translations.of("sv").country("") == ""


def test_without_a_conference_everything_can_be_chosen_and_english_is_the_default(tmp_path: Path) -> None:
    translations = Translations(directory=tmp_path)
    assert list(translations.choices) == ["sv", "en", "nb", "da"]
    assert translations.language(visit()) == "en"
    assert translations.language(visit("da")) == "da"


def test_a_conference_in_languages_there_are_none_of_gets_english(tmp_path: Path) -> None:
    assert Translations(lambda: ("fi",), tmp_path).language(visit()) == "en"


@given(st.text(max_size=2000))
def test_no_accept_language_is_an_error(header: str) -> None:
    assert all(isinstance(tag, str) and tag for tag in accepted(header))


@given(st.text())
def test_only_known_languages_are_known(tag: str) -> None:
    assert known(tag) in (None, "sv", "en", "nb", "da")


def test_texts_are_translated_and_filled_in(translations: Translations) -> None:
    assert translations.gettext("sv", "Hello {name}", name="Åsa") == "Hej Åsa"
    assert translations.gettext("en", "Hello {name}", name="Åsa") == "Hello Åsa"
    assert translations.gettext("sv", "Braces {stay} as they are") == "Braces {stay} as they are"


def test_plural_forms_follow_the_count(translations: Translations) -> None:
    count = translations.of("sv").ngettext
    assert count("{count} answer", "{count} answers", 1) == "1 svar"
    assert count("{count} answer", "{count} answers", 1200) == "1\N{NO-BREAK SPACE}200 svar allt som allt"


def test_markup_escapes_text_and_values_but_not_markup(translations: Translations) -> None:
    markup = translations.of("sv").markup
    assert markup("Hello {name}", name="<b>") == Markup("Hej &lt;b&gt;")
    assert markup("Hello {name}", name=Markup("<b>Bo</b>")) == Markup("Hej <b>Bo</b>")
    assert markup("a < b") == Markup("a &lt; b")


def test_scripts_get_what_scripts_use_and_what_is_sure(translations: Translations) -> None:
    assert json.loads(translations.of("sv").script_catalogue) == {
        "Next": "Härnäst",
        "{count} answer": ["{count} svar", "{count} svar allt som allt"],
    }
    assert json.loads(translations.of("en").script_catalogue) == {}


def test_the_version_follows_the_catalogue(translations: Translations) -> None:
    assert translations.of("sv").script_version != translations.of("en").script_version


@pytest.mark.parametrize(
    ("lang", "date", "number", "share"),
    [
        ("sv", "torsdag 25 mars", "1\N{NO-BREAK SPACE}234,5", "92\N{NO-BREAK SPACE}%"),
        ("en", "Thursday 25 March", "1,234.5", "92%"),
        ("nb", "torsdag 25. mars", "1\N{NO-BREAK SPACE}234,5", "92\N{NO-BREAK SPACE}%"),
        ("da", "torsdag 25. marts", "1.234,5", "92\N{NO-BREAK SPACE}%"),
    ],
)
def test_dates_times_and_numbers_are_written_as_in_the_language(lang: str, date: str, number: str, share: str) -> None:
    tr = Translations().of(lang)
    at = datetime(2027, 3, 24, 23, 5, tzinfo=UTC)  # already the next day in Stockholm
    assert tr.date(at, STOCKHOLM) == date
    assert tr.heading_date(at, STOCKHOLM) == date[0].upper() + date[1:]
    assert tr.time(at, STOCKHOLM) == "00:05"
    assert tr.number(1234.5) == number
    assert tr.percent(0.92) == share


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3845, "1:04:05")])
def test_durations_as_players_show_them(seconds: float, text: str) -> None:
    assert Translations().of("en").duration(seconds) == text

"""The catalogues hold what the sources say: every text, translated into every language on offer, its values filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from web.catalogues import LANGUAGES, LOCALES, TOP, extract, untranslated
from web.extract import messages, strange_calls

SCRIPTS = sorted((TOP / "web" / "static").rglob("*.js"))
REMEDY = "run `.venv/bin/python -m web.catalogues`"
ALIKE = {
    "nb": """
        andel av avbryt csv csv-fil dag de del delta dit ditt du e-post en enheter erfaren fem fullt gå i ingen
        intervall ja kamera kl kommentarer kontakt krav land lobby meny mikrofon mikrofonen min mål målet ny om
        person personer plenum post poster program punkt på resultat scenen sju skriv slå små språk svar tid
        tider tolv tomt totalt tre ut utkast""",
    "da": """
        andel anonym antal byt csv csv-fil dag de du en erfaren fem i ingen ja kamera kl kommentarer kontakt
        krav land live lobby lås mikrofon min minut mål målet nej nu ny om person personer plenum post poster
        program programpunkt programpunkter punkt på resultat rum rummet scenen små svar tid tider titel tolv
        tomt tre""",
}
"""Words that the language writes as Swedish does, in texts that are rightly the same in both."""


@pytest.fixture(scope="module")
def sources() -> Catalog:
    return extract()


def catalogue(lang: str) -> Catalog:
    with (LOCALES / lang / "LC_MESSAGES" / "plenum.po").open("rb") as file:
        return read_po(file, locale=lang)


def texts(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def test_the_template_holds_the_texts_of_the_sources(sources: Catalog) -> None:
    with (LOCALES / "plenum.pot").open("rb") as file:
        assert texts(read_po(file)) == texts(sources), REMEDY


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_holds_them_too(sources: Catalog, lang: str) -> None:
    assert texts(catalogue(lang)) == texts(sources), REMEDY


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_is_complete(lang: str) -> None:
    """A page half in English is worse than one that is not offered."""
    assert untranslated(catalogue(lang)) == []


@pytest.mark.parametrize("lang", ALIKE)
def test_no_text_is_the_swedish_one_that_waits_to_be_translated(lang: str) -> None:
    """One that is rightly alike has only words of `ALIKE`: a word that the two languages do share is added there."""
    shared = set(ALIKE[lang].split())
    swedish = {message.id: _forms(message.string) for message in catalogue("sv")}
    for message in catalogue(lang):
        for form in _forms(message.string):
            assert not message.id or form not in swedish[message.id] or _words(form) <= shared, form


@pytest.mark.parametrize("lang", ALIKE)
def test_no_text_has_letters_that_only_swedish_has(lang: str) -> None:
    for message in catalogue(lang):
        for form in _forms(message.string):
            assert not message.id or not set("äöÄÖ") & set(form), form


@pytest.mark.parametrize("lang", LANGUAGES)
def test_translations_fill_in_no_values_that_are_not_there(lang: str) -> None:
    for message in catalogue(lang):
        for form in _forms(message.string):
            assert _values(form) <= _values(" ".join(_forms(message.id))), form


@pytest.mark.parametrize("lang", LANGUAGES)
def test_translations_keep_every_value_but_in_plural_forms(lang: str) -> None:
    for message in catalogue(lang):
        if isinstance(message.id, str) and message.id and message.string:
            assert _values(str(message.string)) == _values(message.id), message.string


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_ask_for_literal_texts_only(script: Path) -> None:
    assert strange_calls(script.read_text(encoding="utf-8")) == []


def test_texts_are_found_wherever_they_stand_in_a_script() -> None:
    script = rb"""
    /** t("not this") */
    export function t(text) {} const part = start("nor this"); this.t("nor that");
    html`<b>${t("one")} ${list.map((x) => html`<i title=${t("two \"quoted\"", { x })}></i>`)}</b>`;
    n(
      "{count} cat", "{count} cats",
      cats);
    """
    found = list(messages(BytesIO(script), None, None, None))
    assert [(line, text) for line, _, text, _ in found] == [
        (4, "one"),
        (4, 'two "quoted"'),
        (5, ("{count} cat", "{count} cats")),
    ]


@pytest.mark.parametrize("script", ["t(text)", "t('single')", "x = t(`template`)", "n(one, many, 2)"])
def test_texts_that_no_catalogue_can_hold_are_noticed(script: str) -> None:
    assert strange_calls(f"first();\n{script};") == [2]


@pytest.mark.parametrize("script", ['t("text")', "export function t(text) {", "// t(text)", "next(text)", "a.t(text)"])
def test_nothing_else_is(script: str) -> None:
    assert strange_calls(script) == []


def _forms(text: Sequence[str] | str | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def _values(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def _words(text: str) -> set[str]:
    """In small letters, without values and figures: "CSV-fil" is one word."""
    return set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", re.sub(r"\{\w+\}", " ", text).lower()))

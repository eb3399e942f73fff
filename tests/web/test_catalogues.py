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

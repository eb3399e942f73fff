"""Brings the catalogues up to date with the sources: `python -m web.catalogues` from the top of the checkout.

Extracts every text to `plenum.pot`, merges it into each language and says what still has no translation. Never guesses:
a text that changed is untranslated, not "fuzzy".
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

TOP: Final = Path(__file__).resolve().parent.parent
LOCALES: Final = TOP / "web" / "locales"
LANGUAGES: Final = ("sv", "nb", "da")
UNDATED: Final = datetime(2026, 1, 1, tzinfo=UTC)  # so that a run without changes changes no file
KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2)}
SOURCES: Final = (Path("rooms"), Path("server"), Path("web/templates"), Path("web/static"))


def extract(top: Path = TOP) -> Catalog:
    """Every text of the sources, with the files it stands in (no lines: they would change with every edit)."""
    with (top / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    catalog = Catalog(creation_date=UNDATED, fuzzy=False)
    found = extract_from_dir(top, methods, options, KEYWORDS, directory_filter=_is_source)
    for name, _line, message, comments, context in sorted(found, key=lambda item: (item[0], item[1])):
        catalog.add(message, None, [(name, 1)], auto_comments=comments, context=context)
    return catalog


def merge(catalog: Catalog, path: Path) -> Catalog:
    """The language at `path` (created if missing) with exactly the texts of `catalog`."""
    lang = path.parts[-3]
    old = Catalog(locale=lang, revision_date=UNDATED, fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            old = read_po(file, locale=lang)
    old.update(catalog, no_fuzzy_matching=True)
    old.obsolete.clear()
    old.fuzzy = False
    old.creation_date = UNDATED
    return old


def untranslated(catalog: Catalog) -> list[str]:
    """Texts without a translation, or with one that is not sure."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalog
        if message.id and (message.fuzzy or not message.string or not all(message.string))
    ]


def write(catalog: Catalog, path: Path) -> None:
    """Writes a catalogue without the lines that nobody would keep up to date: Git knows who changed what, and when."""
    catalog.header_comment = "# Texts of Plenum. Brought up to date by `python -m web.catalogues`; see CONTRIBUTING."
    catalog.project, catalog.version, catalog.msgid_bugs_address, catalog.last_translator, catalog.language_team = (
        "Plenum",
        "",
        "",
        "",
        "",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=120, sort_output=False, include_lineno=False)


def main() -> int:
    catalog = extract()
    write(catalog, LOCALES / "plenum.pot")
    for lang in LANGUAGES:
        path = LOCALES / lang / "LC_MESSAGES" / "plenum.po"
        merged = merge(catalog, path)
        write(merged, path)
        missing = untranslated(merged)
        print(f"{lang}: {len(merged)} texts, {len(missing)} not translated")
        for text in missing if "--list" in sys.argv else ():
            print(f"  {text}")
    return 0


def _is_source(path: str | Path) -> bool:
    """Only the folders that hold sources, and those on the way: babel would walk through the virtual environment too."""
    folder = Path(path).absolute().relative_to(TOP)  # not where a link (a virtual environment may be one) leads
    return any(folder in (source, *source.parents) or source in folder.parents for source in SOURCES)


if __name__ == "__main__":
    sys.exit(main())

"""Languages: gettext catalogues, which one a request gets, and how dates and numbers are written in it.

English is the message id. The catalogues (`web/locales/LANG/LC_MESSAGES/plenum.po`) are read once, each when somebody needs
it, and compiled in memory, so an edited text cannot lag behind a compiled one. Values stand in braces, `{name}`, in
templates and scripts alike.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from babel import Locale, dates, numbers
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations
from babel.support import Translations as Compiled
from markupsafe import Markup, escape
from starlette.requests import HTTPConnection

COOKIE: Final = "plenum_language"
LOCALES: Final = Path(__file__).resolve().parent.parent / "web" / "locales"

# What there is, each in its own words. A text that is not translated yet stands in English.
LANGUAGES: Final[Mapping[str, str]] = {"sv": "Svenska", "en": "English", "nb": "Norsk", "da": "Dansk"}

# English as it is written in Europe: 24 hours, day before month.
_REGIONS: Final[Mapping[str, str]] = {"sv": "sv_SE", "en": "en_GB", "nb": "nb_NO", "da": "da_DK"}

_DATES: Final[Mapping[str, str]] = {"sv": "EEEE d MMMM", "en": "EEEE d MMMM", "nb": "EEEE d. MMMM", "da": "EEEE d. MMMM"}

# Tags that browsers send for a language that is offered under another tag.
_ALIASES: Final[Mapping[str, str]] = {"no": "nb", "nn": "nb"}


@dataclass(frozen=True)
class Translator:
    """Texts, dates and numbers in one language."""

    lang: str
    _compiled: NullTranslations
    script_catalogue: bytes  # JSON for /locale/LANG.json: msgid to text, or to a list of plural forms
    _locale: Locale = field(repr=False)

    @property
    def script_version(self) -> str:
        """Changes with the catalogue, so that browsers may keep one for good."""
        return sha256(self.script_catalogue).hexdigest()[:12]

    def gettext(self, text: str, /, **values: object) -> str:
        """The text in this language, with `{values}` filled in."""
        found = str(self._compiled.ugettext(text))
        return found.format(**values) if values else found

    def ngettext(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The form for `count`, which is filled in for `{count}`."""
        return str(self._compiled.ungettext(one, many, count)).format(count=self.number(count), **values)

    def markup(self, text: str, /, **values: object) -> Markup:
        """`gettext` for templates: the text and all values are escaped, but for values that are markup already."""
        found = escape(str(self._compiled.ugettext(text)))
        return found.format(**values) if values else found

    def nmarkup(self, one: str, many: str, count: int, /, **values: object) -> Markup:
        """`ngettext` for templates, escaped like `markup`."""
        return escape(str(self._compiled.ungettext(one, many, count))).format(count=self.number(count), **values)

    def number(self, value: float) -> str:
        return str(numbers.format_decimal(value, locale=self._locale))

    def percent(self, share: float) -> str:
        """A share of 0..1 without decimals."""
        return str(numbers.format_percent(share, locale=self._locale))

    def country(self, code: str) -> str:
        """What a country is called: "Sverige" for "se"; "" for none."""
        return str(self._locale.territories.get(code.upper(), code.upper()))

    def time(self, at: datetime, zone: tzinfo) -> str:
        """Hours and minutes, as clocks show them: "14:05"."""
        return dates.format_time(at, "HH:mm", tzinfo=zone, locale=self._locale)

    def date(self, at: datetime, zone: tzinfo) -> str:
        """ "fredag 20 november": the locale's full date without its year."""
        return dates.format_date(at.astimezone(zone), _DATES[self.lang], locale=self._locale)

    def heading_date(self, at: datetime, zone: tzinfo) -> str:
        """ "Fredag 20 november": at the beginning of a line."""
        text = self.date(at, zone)
        return text[:1].upper() + text[1:]

    def duration(self, seconds: float) -> str:
        """Minutes and seconds as players show them: "4:05", "1:04:05"."""
        minutes, second = divmod(round(seconds), 60)
        hours, minute = divmod(minutes, 60)
        return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class Translations:
    """All languages; `of` one, or `language` of a connection. `wanted` gives those of the conference, its own first."""

    def __init__(self, wanted: Callable[[], Sequence[str]] = tuple, directory: Path = LOCALES) -> None:
        self._wanted = wanted
        self._directory = directory
        self._translators: dict[str, Translator] = {}

    def of(self, lang: str) -> Translator:
        """The translator of a language that is offered; English for any other."""
        lang = lang if lang in LANGUAGES else "en"
        if lang not in self._translators:
            self._translators[lang] = _load(self._directory, lang)
        return self._translators[lang]

    @property
    def choices(self) -> dict[str, str]:
        """What visitors of this conference can choose, by tag; everything there is where it does not say."""
        return {lang: LANGUAGES[lang] for lang in self._conference() or LANGUAGES}

    def language(self, connection: HTTPConnection) -> str:
        """The visitor's choice, else the first language of their browser's that can be chosen, else the conference's own."""
        wishes = [connection.cookies.get(COOKIE, ""), *accepted(connection.headers.get("accept-language", ""))]
        choices = self.choices
        found = [lang for wish in wishes if (lang := known(wish)) is not None and lang in choices]
        return (found or self._conference() or ["en"])[0]

    def gettext(self, lang: str, text: str, /, **values: object) -> str:
        """A text in a language, with `{values}` filled in."""
        return self.of(lang).gettext(text, **values)

    def _conference(self) -> list[str]:
        return [lang for lang in self._wanted() if lang in LANGUAGES]


def known(tag: str) -> str | None:
    """The language there is for a tag (RFC 5646) such as "sv-FI" or "nn"; None if there is none."""
    primary = tag.strip().lower().partition("-")[0]
    lang = _ALIASES.get(primary, primary)
    return lang if lang in LANGUAGES else None


def accepted(header: str) -> list[str]:
    """The tags of an `Accept-Language` (RFC 9110, 12.5.4), most wanted first. What cannot be read is left out."""
    wishes: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _weight(parameters)
        if tag and weight > 0:
            wishes.append((weight, tag))
    return [tag for _, tag in sorted(wishes, key=lambda wish: -wish[0])]


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


@cache  # a process reads the files that it came with once, however many applications run in it
def _load(directory: Path, lang: str) -> Translator:
    path = directory / lang / "LC_MESSAGES" / "plenum.po"
    locale = Locale.parse(_REGIONS[lang])
    if not path.exists():
        return Translator(lang, NullTranslations(), b"{}", locale)
    with path.open("rb") as file:
        catalog = read_po(file, locale=lang)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translator(lang, Compiled(compiled), _script_catalogue(catalog), locale)


def _script_catalogue(catalog: Catalog) -> bytes:
    """What scripts use of a catalogue; half-done and doubtful translations are left in English, as gettext does."""
    texts: dict[str, str | list[str]] = {}
    for message in catalog:
        if not message.id or message.fuzzy or not any(name.endswith(".js") for name, _ in message.locations):
            continue
        forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
        if forms and all(forms):
            key = message.id if isinstance(message.id, str) else message.id[0]
            texts[key] = forms if message.pluralizable else forms[0]
    return json.dumps(texts, ensure_ascii=False, sort_keys=True).encode()

"""What the values of `conference.toml` must be. Each function returns what was written in Plenum's terms, or raises `Bad`
with a sentence that goes on from the key. Neighbour: `programme_file`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final, TypeVar, get_args
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from rooms import messages as m
from rooms.errors import Refused
from rooms.text import check_text
from server.i18n import LANGUAGES
from server.shown import shown
from server.toml_table import Bad, did_you_mean

N = TypeVar("N", int, float)

LINE_LENGTH: Final = 200
MOST_SPEAKERS: Final = 50
YEARS: Final = range(2000, 2100)
KINDS: Final[tuple[m.Kind, ...]] = get_args(m.Kind)

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SPEAKER: Final = re.compile(r"([^<>@]+?)\s*(?:<([^<>\s]+@[^<>\s]+)>)?")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)")
# What people write for a language: the country's code, or the older tag.
_LANGUAGE_SLIPS: Final[Mapping[str, str]] = {
    "se": "sv",
    "no": "nb",
    "nn": "nb",
    "dk": "da",
    "gb": "en",
    "uk": "en",
    "us": "en",
}


class Speaker(Struct, frozen=True):
    """Somebody who is announced; `email`, lower case, is "" where none was given. It is never shown."""

    name: str
    email: str


def line(value: Any) -> str:
    """A text of one line."""
    if not isinstance(value, str):
        raise Bad(f"must be a text in quotation marks, not {_what(value)}")
    try:
        return check_text(value, most=LINE_LENGTH)
    except Refused:
        raise Bad(_text_reason(value)) from None


def optional_line(value: Any) -> str:
    return "" if value == "" else line(value)


def identifier(value: Any) -> str:
    """A short name for addresses."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Bad(f'must be up to 64 of a-z, 0-9, "-" and "_", not {_what(value)}')
    return value


@cache  # there are many files to look at
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def time_zone(value: Any) -> ZoneInfo:
    names = _time_zones()
    if not isinstance(value, str) or value not in names:
        wanted = str(value)[:60]
        cities = [name for name in names if name.rpartition("/")[2].lower() == wanted.lower().replace(" ", "_")]
        hint = f"; did you mean {shown(min(cities))}?" if cities else did_you_mean(wanted, names) or "; try Europe/Stockholm"
        raise Bad(f"must be a time zone, not {_what(value)}{hint}")
    return ZoneInfo(value)


def languages(value: Any) -> tuple[str, ...]:
    """Languages that Plenum speaks, the conference's own first."""
    if not isinstance(value, list) or not value:
        raise Bad(f'must be a list such as ["sv", "en"], not {_what(value)}')
    for tag in value:
        if not isinstance(tag, str) or tag not in LANGUAGES:
            slip = _LANGUAGE_SLIPS.get(str(tag).lower())
            hint = f"; did you mean {shown(slip)}?" if slip else f"; known are {', '.join(LANGUAGES)}"
            raise Bad(f"has an unknown language {_what(tag)}{hint}")
    if len(set(value)) != len(value):
        raise Bad("names a language twice")
    return tuple(value)


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    """A check for whole numbers from `least` to `most`."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Bad(f"must be a whole number from {least} to {most}, not {_what(value)}")
        return value

    return check


def number(least: float, most: float, what: str) -> Callable[[Any], float]:
    """A check for numbers from `least` to `most`."""

    def check(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise Bad(f"must be {what}, from {least} to {most}, not {_what(value)}")
        return float(value)

    return check


def kind(value: Any) -> m.Kind:
    for known in KINDS:
        if value == known:
            return known
    raise Bad(f"must be one of {', '.join(KINDS)}, not {_what(value)}{_hint(value, KINDS)}")


def room(rooms: Mapping[str, m.RoomPlan]) -> Callable[[Any], str]:
    """A check for ids of rooms."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in rooms:
            raise Bad(f"must be the id of one of the [[rooms]], not {_what(value)}{did_you_mean(str(value), rooms)}")
        return value

    return check


def speakers(value: Any) -> tuple[Speaker, ...]:
    """People as they are announced: "Anna Lind", or "Anna Lind <anna.lind@example.org>"."""
    if not isinstance(value, list) or len(value) > MOST_SPEAKERS:
        raise Bad(f'must be a list of at most {MOST_SPEAKERS} names, such as ["Anna Lind"], not {_what(value)}')
    return tuple(map(_speaker, value))


def local_time(zone: ZoneInfo) -> Callable[[Any], datetime]:
    """A check for local times of the conference's zone, which become UTC. Of two that a clock shows twice in one night, the
    first is meant; one that no clock shows is refused."""

    def check(value: Any) -> datetime:
        local = _naive(value)
        if local.year not in YEARS:
            raise Bad(f"must be between the years {YEARS[0]} and {YEARS[-1]}, not {_what(value)}")
        utc = local.replace(tzinfo=zone).astimezone(UTC)
        if utc.astimezone(zone).replace(tzinfo=None) != local:
            raise Bad(f"is a time that {zone.key} does not have: clocks are put forward then")
        return utc

    return check


def is_ambiguous(at: datetime, zone: ZoneInfo) -> bool:
    """True if clocks in `zone` show the local time of `at` twice."""
    local = at.astimezone(zone)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _naive(value: Any) -> datetime:
    example = 'a local time such as "2027-03-25 09:00"'
    if isinstance(value, str):
        match = _TIME.fullmatch(value.strip())
        try:
            value = datetime.fromisoformat("T".join(match.groups())) if match else value
        except ValueError:
            raise Bad(f"is a time that does not exist: {_what(value)}") from None
    if not isinstance(value, datetime):
        raise Bad(f"must be {example}, not {_what(value)}")
    if value.tzinfo is not None:
        raise Bad(f"must be {example}, in the conference's time zone and without an offset, not {_what(value)}")
    return value


def _speaker(value: Any) -> Speaker:
    if not isinstance(value, str):
        raise Bad(f"must have names in quotation marks, not {_what(value)}")
    match = _SPEAKER.fullmatch(value.strip())
    if match is None:
        raise Bad(f'must have names, if you like with an address: "Anna Lind <anna@example.org>", not {_what(value)}')
    return Speaker(line(match.group(1)), (match.group(2) or "").lower())


def _text_reason(value: str) -> str:
    if not value.strip():
        return "is empty"
    if len(value) > LINE_LENGTH:
        return f"is longer than {LINE_LENGTH} characters"
    return f"has line breaks or characters that cannot be shown: {shown(value)}"


def _hint(value: Any, known: tuple[str, ...]) -> str:
    hint = did_you_mean(str(value), known)
    return hint if hint.startswith("; did") else ""


def _what(value: Any) -> str:
    """A value of the file as it would be written there, cut."""
    match value:
        case str():
            return shown(value)
        case bool():
            return str(value).lower()
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return "a table"
        case int() if abs(value) > 1 << 64:
            return "a number of that size"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return str(value)[:40]

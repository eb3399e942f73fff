"""What `plenum init` writes: a spring conference to change, and a table of people. Neighbour: `programme_file`."""

from __future__ import annotations

from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Final

PROGRAMME: Final = "conference.toml"
PEOPLE: Final = "people.csv"

_THURSDAY: Final = 3
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # Excel takes a file without it for Windows-1252


class AlreadyThere(Exception):
    """A file that would be written exists. The message is one line."""


def write_starter(directory: Path, today: date) -> list[Path]:
    """Writes both files into `directory`, which is made if it is missing; returns their paths. Raises `AlreadyThere` before
    anything is written, or `OSError`."""
    contents = {PROGRAMME: _programme(today).encode(), PEOPLE: _BYTE_ORDER_MARK + _text(PEOPLE).encode()}
    for name in contents:
        if (directory / name).exists():
            raise AlreadyThere(f"{directory / name} is there already and has been left as it is; nothing was written")
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, content in contents.items():
            with (directory / name).open("xb") as file:
                written.append(directory / name)
                file.write(content)
    except OSError:
        for path in written:  # half a file would be in the way of the next try
            path.unlink(missing_ok=True)
        raise
    return written


def spring_days(today: date) -> tuple[date, date]:
    """The next Thursday and Friday in the last full week of March that leave a month for preparations."""
    for year in (today.year, today.year + 1):
        first = date(year, 3, 22)
        thursday = first + timedelta((_THURSDAY - first.weekday()) % 7)
        if thursday - today > timedelta(30):
            break
    return thursday, thursday + timedelta(1)


def _programme(today: date) -> str:
    first, second = spring_days(today)
    text = _text(PROGRAMME).replace("@YEAR@", str(first.year))
    return text.replace("@DAY1@", first.isoformat()).replace("@DAY2@", second.isoformat())


def _text(name: str) -> str:
    return resources.files("server").joinpath("data", name).read_text(encoding="utf-8")

"""A table of a TOML file, taken apart key by key, so that whatever is wrong is noted with its line and reading goes on.
Neighbours: `toml_lines` (where a key stands), `programme_file` (what the keys are)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from msgspec import Struct

from server.shown import shown
from server.toml_lines import Lines, Place

T = TypeVar("T")


class Problem(Struct, frozen=True):
    """What is wrong on a line, counted from 1. A warning stops nothing."""

    line: int
    message: str
    is_warning: bool = False


class Bad(Exception):
    """A value cannot be taken. The message goes on from the key: "must be a text"."""


class Table:
    """Values are taken by key; `close` notes the keys that nobody asked for."""

    def __init__(self, values: dict[str, Any], place: Place, lines: Lines, problems: list[Problem]) -> None:
        self._values = values
        self._place = place
        self._lines = lines
        self._problems = problems
        self._asked: list[str] = []

    @property
    def line(self) -> int:
        return self._lines.of(self._place)

    def line_of(self, key: str) -> int:
        return self._lines.of((*self._place, key))

    def take(self, key: str, check: Callable[[Any], T], default: T | None = None) -> T | None:
        """The checked value, or `default` where the key is missing. None: it is wrong, or missing without a default, which
        has been noted."""
        self._asked.append(key)
        if key not in self._values:
            if default is None:
                self.note(f"{key} is missing")
            return default
        try:
            return check(self._values[key])
        except Bad as bad:
            self.note(f"{key} {bad}", key)
            return None

    def table(self, key: str) -> Table:
        """The table under a key; an empty one where it is missing or something else, which is noted."""
        self._asked.append(key)
        found = self._values.get(key, {})
        if not isinstance(found, dict):
            self.note(f"{key} must be a table: [{key}]", key)
            found = {}
        return Table(found, (*self._place, key), self._lines, self._problems)

    def tables(self, key: str, most: int) -> Iterator[Table]:
        """Every table of a list of tables, which must have at least one."""
        self._asked.append(key)
        found = self._values.get(key)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            self.note(f"there must be at least one [[{key}]]", key)
            return
        if len(found) > most:
            self.note(f"there are more than {most} [[{key}]]", key)
        for index, values in enumerate(found[:most]):
            yield Table(values, (*self._place, key, index), self._lines, self._problems)

    def note(self, message: str, key: str | None = None, *, is_warning: bool = False) -> None:
        """Notes a problem on the line of a key, or of the table."""
        line = self.line if key is None else self.line_of(key)
        self._problems.append(Problem(line, message, is_warning))

    def close(self) -> None:
        for key in self._values:
            if key not in self._asked:
                self.note(f"there is no key {shown(key)} here{did_you_mean(key, self._asked)}", key)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What to add to a complaint about `word`: the nearest of what is known, else all of it if that is short."""
    choices = list(known)
    if close := difflib.get_close_matches(word[:60].lower(), choices, n=1, cutoff=0.6):
        return f"; did you mean {shown(close[0])}?"
    return f"; known are {', '.join(choices)}" if 0 < len(choices) <= 20 else ""

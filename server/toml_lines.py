"""On which line of a TOML file a value stands. `tomllib` reads values without their places; this finds the places of keys
in a file that `tomllib` has already found to be good, and so need not check anything itself. Neighbour: `programme_file`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Place = tuple[str | int, ...]  # ("sessions", 2, "start")

# One token of TOML 1.0 at a time. What stands inside strings and comments is not to be taken for keys and brackets.
_TOKEN: Final = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<line>\n)|(?P<other>[^\"'#\[\]{}\n]+)",
    re.DOTALL,
)
_KEY: Final = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.)?""")


class Lines:
    """The line of every key and table, counted from 1."""

    def __init__(self, text: str) -> None:
        self._line_of: dict[Place, int] = {}
        tables: dict[Place, int] = {}  # how many of each [[array]] there have been
        inside: Place = ()
        for line, statement in _statements(text.replace("\r\n", "\n")):
            if statement.startswith("[["):
                name = _within(_keys(statement[2:]), tables)
                tables[name] = tables.get(name, -1) + 1
                inside = (*name, tables[name])
                self._line_of.setdefault(name, line)
            elif statement.startswith("["):
                inside = _within(_keys(statement[1:]), tables)
            else:
                self._note((*inside, *_keys(statement)), line)
                continue
            self._note(inside, line)

    def of(self, path: Place) -> int:
        """The line of a value; of what it is in, where that stands on one line as a whole; 1 if it is not there."""
        while path and path not in self._line_of:
            path = path[:-1]
        return self._line_of.get(path, 1)

    def _note(self, path: Place, line: int) -> None:
        for length in range(1, len(path) + 1):
            self._line_of.setdefault(path[:length], line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Every table heading and `key = value`, with the line it begins on."""
    line, depth, start, pieces = 1, 0, 1, list[str]()
    for match in _TOKEN.finditer(text + "\n"):
        kind, token = match.lastgroup, match.group()
        if kind == "line" and depth == 0:
            if statement := "".join(pieces).strip():
                yield start, statement
            pieces, start = [], line + 1
        elif kind != "comment":
            pieces.append(token)
            depth += (kind == "open") - (kind == "close")
        line += token.count("\n")


def _keys(text: str) -> Place:
    """The dotted key that `text` begins with."""
    keys: list[str] = []
    at = 0
    while match := _KEY.match(text, at):
        keys.append(next(key for key in match.groups()[:3] if key is not None))
        at = match.end()
        if match.group(4) is None:
            break
    return tuple(keys)


def _within(keys: Place, tables: dict[Place, int]) -> Place:
    """The path of a table, of which the last element of each array of tables on the way is meant."""
    path: Place = ()
    for index, key in enumerate(keys):
        path = (*path, key)
        if path in tables and index < len(keys) - 1:
            path = (*path, tables[path])
    return path

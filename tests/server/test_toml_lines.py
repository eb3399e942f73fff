"""Lines of keys, whatever else stands in a file."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.toml_lines import Lines, Place

FILE = '''\
# [[sessions]] in a comment
a = "[not] # a comment" # a = 2
"quoted key" = 1
text = """
b = 1
[[no]]
""\\""""
list = [
  "x", # ]
  { y = 1 },
]
dotted.key.deep = 1

[table]
b = \'\'\'it's
c = 2\'\'\'
c = {x = 1, y = [1,
2]}
[[many]]
id = 1
[[many]]
id = 2
[many.sub]
z = 1
[[many.deep]]
q = 1
[[many.deep]]
q = 2
'''


def test_every_key_is_found_and_nothing_in_strings_or_comments() -> None:
    lines = Lines(FILE)
    places: dict[Place, int] = {
        ("a",): 2,
        ("quoted key",): 3,
        ("text",): 4,
        ("list",): 8,
        ("dotted", "key", "deep"): 12,
        ("table",): 14,
        ("table", "b"): 15,
        ("table", "c"): 17,
        ("many", 0, "id"): 20,
        ("many", 1): 21,
        ("many", 1, "id"): 22,
        ("many", 1, "sub", "z"): 24,
        ("many", 1, "deep", 0, "q"): 26,
        ("many", 1, "deep", 1, "q"): 28,
    }
    assert {place: lines.of(place) for place in places} == places


def test_what_has_no_line_of_its_own_has_that_of_what_it_is_in() -> None:
    lines = Lines(FILE)
    assert lines.of(("list", 1, "y")) == 8
    assert lines.of(("table", "c", "x")) == 17
    assert lines.of(("many", 0, "missing")) == 19
    assert lines.of(("nowhere",)) == 1


def test_windows_line_ends_count_once() -> None:
    assert Lines(FILE.replace("\n", "\r\n")).of(("many", 1, "deep", 1, "q")) == 28


@given(st.text(alphabet="[]={}\"'#.\n\\ab1 ", max_size=60))
def test_every_key_of_a_good_file_is_on_its_line(text: str) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    for key in values:
        line = text.split("\n")[lines.of((key,)) - 1]
        assert _readable(key) in line


def _readable(key: str) -> Any:
    return key if key.isalnum() else ""

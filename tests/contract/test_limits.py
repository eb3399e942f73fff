"""The table of limits in docs/operations.md is what holds: each setting with its default, each constant with its value."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from server.limits import LIMIT_RANGES, Limits

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs" / "operations.md").read_text().partition("\n## Limits\n")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")][1:]


def value_of(name: str) -> Any:
    """`server.door.EXCESS`, or an attribute of a class in a module."""
    parts = name.split(".")
    for at in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        for part in parts[at:]:
            fields_of = getattr(found, "__dataclass_fields__", {})
            found = fields_of[part].default if part in fields_of else getattr(found, part)
        return found
    raise LookupError(name)


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_a_documented_limit_is_the_one_that_holds(row: list[str]) -> None:
    name, default, _, _ = row
    name = name.strip("`")
    found = getattr(Limits, name.removeprefix("PLENUM_").lower()) if name.startswith("PLENUM_") else value_of(name)
    assert float(default.strip("`")) == float(found), name


def test_every_setting_that_is_a_limit_is_in_the_table_and_has_a_range() -> None:
    names = {field.name for field in fields(Limits)}
    assert {f"PLENUM_{name.upper()}" for name in names} == set(re.findall(r"^\| `(PLENUM_\w+)` \|", SECTION, re.MULTILINE))
    assert names == LIMIT_RANGES.keys()
    assert all(least <= getattr(Limits, name) <= most for name, (least, most) in LIMIT_RANGES.items())


def test_every_limit_has_a_test_that_names_it() -> None:
    """By its setting's or its constant's name. The fixtures and the demonstration do not count."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    words = {word for path in tests for word in re.findall(r"\w+", path.read_text())}
    for name, _, _, _ in ROWS:
        last = name.strip("`").removeprefix("PLENUM_").rpartition(".")[2]
        assert {last, last.lower()} & words, name

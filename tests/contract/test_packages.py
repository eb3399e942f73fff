"""What is installed is all that there is: a package that is left out is missed by who installs, and by no other test."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = ("rooms", "live", "recordings", "server", "web")


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {path.parent for name in OURS for path in (ROOT / name).rglob("*.py") if "node_modules" not in path.parts}
    left_out = [folder for folder in folders if not any(fnmatchcase(name_of(folder), pattern) for pattern in patterns)]
    assert left_out == []


def name_of(folder: Path) -> str:
    """As Python imports it."""
    return ".".join(folder.relative_to(ROOT).parts)

"""What is installed is all that there is: a package that is left out is missed by who installs, and by no other test."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from setuptools import find_packages

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = ("rooms", "live", "recordings", "server", "web")


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = find_packages(str(ROOT), include=settings["tool"]["setuptools"]["packages"]["find"]["include"])
    folders = {path.parent for name in OURS for path in (ROOT / name).rglob("*.py") if "node_modules" not in path.parts}
    assert sorted(found) == sorted(".".join(folder.relative_to(ROOT).parts) for folder in folders)

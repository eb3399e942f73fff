"""The compiled helper, built for a test where there is a C compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from live.native import Helper, load

ROOT = Path(__file__).parents[2]

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: the helper is optional")


def build(directory: Path) -> Helper:
    library = directory / "libnative.so"
    subprocess.run((ROOT / "tools" / "compile", ROOT / "live" / "native.c", library), check=True)
    loaded = load(library)
    assert loaded is not None
    return loaded

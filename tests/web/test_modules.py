"""Runs the tests of the browser's modules that need no browser (`*.test.mjs`), with Node's own test runner."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.node import run_node

HERE = Path(__file__).parent


@pytest.mark.parametrize("script", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_module(script: Path) -> None:
    run_node(script, "", "--test")

"""Runs Node for the tests of the browser's modules: the one `make` uses, or the one on the PATH."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def node_command() -> str:
    """The path of Node. `tools/node` finds or brings one; without it, what is on the PATH."""
    wrapper = ROOT / "tools" / "node"
    found = str(wrapper) if wrapper.exists() else shutil.which("node")
    assert found, "Node is needed: run `make test`"
    return found


def run_node(script: Path, text: str = "", *options: str) -> str:
    """What `script` prints when it reads `text`. Fails with its error output unless it exits with 0."""
    done = subprocess.run(
        [node_command(), *options, str(script)],
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""The systemd unit: systemd understands it, and leaves the server little that it could do to the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "docs" / "plenum.service"
MOST_EXPOSED = 20  # of 100, as systemd counts; without any of it 96


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """As it stands, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    text = UNIT.read_text()
    assert text.count("/srv/plenum/app/.venv/bin/plenum") == 1
    path = tmp_path / "plenum.service"
    path.write_text(text.replace("/srv/plenum/app/.venv/bin/plenum", "/bin/true"))
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_systemd_understands_it(unit: Path) -> None:
    found = analyze("verify", "--man=no", str(unit))
    assert (found.returncode, found.stderr) == (0, "")


def test_a_mistake_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystm=strict"))
    assert "ProtectSystm" in analyze("verify", "--man=no", str(unit)).stderr


def test_little_is_left_to_it(unit: Path) -> None:
    found = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
    assert found.returncode == 0, found.stdout[-300:] + found.stderr

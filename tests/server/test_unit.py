"""The systemd units: systemd understands them, and leaves the server little that it could do to the machine."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SERVICES = ("plenum.service", "plenum-backup.service")
MOST_EXPOSED = 20  # of 100, as systemd counts; without any of it 96


@pytest.fixture(params=SERVICES)
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """As it stands, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    text = (DOCS / request.param).read_text()
    assert text.count("/srv/plenum/app/.venv/bin/plenum") == 1
    path = tmp_path / str(request.param)
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


def test_the_log_is_kept_apart_and_not_for_ever() -> None:
    """journald deletes whole files: one that is written to for a month would be kept for two."""
    unit = configparser.RawConfigParser(strict=False)
    unit.read(DOCS / "plenum.service")
    namespace = unit["Service"]["LogNamespace"]
    journal = configparser.RawConfigParser()
    journal.read(DOCS / f"journald@{namespace}.conf")
    assert journal["Journal"] == {
        "storage": "persistent",
        "maxretentionsec": "30day",
        "maxfilesec": "1day",
        "systemmaxuse": "1G",
    }


def test_the_timer_starts_the_backup_every_night(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    shutil.copy(DOCS / "plenum-backup.timer", tmp_path)
    backup = (DOCS / "plenum-backup.service").read_text().replace("/srv/plenum/app/.venv/bin/plenum", "/bin/true")
    (tmp_path / "plenum-backup.service").write_text(backup)
    found = analyze("verify", "--man=no", str(tmp_path / "plenum-backup.timer"))
    assert (found.returncode, found.stderr) == (0, "")

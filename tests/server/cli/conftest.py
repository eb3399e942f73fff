"""Commands run in this process, each test in an empty directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.__main__ import main
from tests.server.cli.command import Plenum, Result


@pytest.fixture
def plenum(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plenum:
    """Runs a command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PLENUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")  # a conference may be running on this machine

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def started(plenum: Plenum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plenum:
    """The same, in the directory of a conference with its people imported."""
    assert plenum("init", "spring").status == 0
    monkeypatch.chdir(tmp_path / "spring")
    assert plenum("people", "import", "people.csv").status == 0
    return plenum

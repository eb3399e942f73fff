"""A viewer whose network lets nothing through but a relay: real Chromium, a real coturn (docs/turnserver.conf), and a
firewall between two network namespaces."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.media.network import network
from tests.browser.stage import LONGEST_SECONDS, ROOT

MISSING = [tool for tool in ("turnserver", "nft") if shutil.which(tool) is None]


@pytest.mark.browser
@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} missing; on Debian: apt install coturn nftables")
def test_where_nothing_else_gets_through_sound_and_picture_come_over_the_relay_by_tcp(tmp_path: Path) -> None:
    with network() as between:
        if between.is_loopback:
            pytest.skip(between.note)
        options = ("--directory", tmp_path, "--address", between.server_address)
        scene = (sys.executable, "-m", "tests.browser.turn_scene", *options)
        done = subprocess.run(
            (*between.server, *scene, "--", *between.clients),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS - 20,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]

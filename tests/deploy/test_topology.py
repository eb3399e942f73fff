"""All that docker-compose.yml starts, as processes, and people in Chromium who can reach nothing but TCP 443 of one host."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.media.network import network
from bench.postgres import find_programs
from tests.browser.stage import LONGEST_SECONDS, ROOT
from tests.deploy.proxying import MISSING as PROXY_MISSING

MISSING = [
    *PROXY_MISSING,
    *(tool for tool in ("redis-server", "turnserver", "nft") if shutil.which(tool) is None),
    *(() if find_programs() else ("PostgreSQL",)),
]


@pytest.mark.browser
@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} missing; tools/install says what to install")
def test_one_tcp_port_of_one_host_is_enough_to_take_part_and_one_node_of_two_is(tmp_path: Path) -> None:
    with network() as between:
        if between.is_loopback:
            pytest.skip(between.note)
        options = ("--directory", tmp_path, "--address", between.server_address)
        scene = (sys.executable, "-m", "tests.deploy.topology_scene", *options)
        done = subprocess.run(
            (*between.server, *scene, "--", *between.clients),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS - 20,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]

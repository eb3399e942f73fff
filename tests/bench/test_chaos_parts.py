"""What the nemesis has in its hands: a wire that can be cut, a disk that gets full, a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.chaos.clock import Clock
from bench.chaos.relay import Relay

PATIENCE = 60


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """Leads to a server that says everything again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        relay = Relay(server.sockets[0].getsockname()[1])
        await relay.open()
        yield relay
        await relay.close()


async def test_a_wire_passes_everything_on(relay: Relay) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), PATIENCE) == b"hello"
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()


async def test_a_hushed_wire_keeps_what_is_said_until_it_is_through_again(relay: Relay) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"one")
    await asyncio.wait_for(reader.readexactly(3), PATIENCE)
    relay.turn("hushed")
    writer.write(b"two")
    answer = asyncio.create_task(reader.readexactly(3))
    assert not (await asyncio.wait({answer}, timeout=0.1))[0]  # absence takes some time to be seen
    relay.turn("through")
    assert await asyncio.wait_for(answer, PATIENCE) == b"two"
    writer.close()


async def test_a_cut_wire_ends_connections_and_takes_no_new_ones_until_it_is_mended(relay: Relay) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"one")
    await asyncio.wait_for(reader.readexactly(3), PATIENCE)
    relay.turn("cut")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    with pytest.raises(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        await asyncio.wait_for(reader.readexactly(1), PATIENCE)
    relay.turn("through")
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"two")
    assert await asyncio.wait_for(reader.readexactly(3), PATIENCE) == b"two"
    writer.close()


SMALL = """
import sys
from pathlib import Path
from bench.chaos.disk import Small, make_mounts_private
assert make_mounts_private()
folder = Path(sys.argv[1])
disk = Small(folder, 1)
disk.fill()
try:
    (folder / "more").write_bytes(bytes(1 << 16))
    print("there was room")
except OSError as error:
    print(error.errno)
disk.free()
(folder / "more").write_bytes(bytes(1 << 16))
print("free")
"""

RATIONED = """
import os, sys
from pathlib import Path
from bench.chaos.disk import Rationed
disk = Rationed(lambda: [os.getpid()])
disk.fill()
try:
    Path(sys.argv[1], "more").write_bytes(bytes(10))
    print("there was room")
except OSError as error:
    print(error.errno)
disk.free()
Path(sys.argv[1], "more").write_bytes(bytes(10))
print("free")
"""


@pytest.mark.parametrize(("script", "errno"), [(SMALL, "28"), (RATIONED, "27")], ids=["a small disk", "rationed"])
def test_a_full_disk_takes_nothing_and_a_free_one_does(script: str, errno: str, tmp_path: Path) -> None:
    if script is SMALL and not may_mount():
        pytest.skip("only root may mount, and not everywhere")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [errno, "free"], done.stderr
    assert (folder / "more").exists() == (script is RATIONED)  # nobody else sees what is mounted there


def may_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


async def test_a_clock_that_stands_still_keeps_who_waits_waiting() -> None:
    clock = Clock()
    clock.stop()
    at = clock.now
    waiting = asyncio.create_task(clock.until(at + 0.01))
    assert not (await asyncio.wait({waiting}, timeout=0.1))[0]
    assert clock.now == at
    clock.go()
    await asyncio.wait_for(waiting, PATIENCE)
    assert at + 0.01 <= clock.now

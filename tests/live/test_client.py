"""The worker process: started, used, killed, restarted, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from live.control import EngineDown, EngineUp, MediaEngine, MediaRefused, PeerUp
from live.engine import EmbeddedEngine
from live.limits import Limits
from tests.live.clients import all_closed, publish, watch
from tests.live.conftest import Told, until
from tests.live.test_sdp import GSTREAMER


def is_running(pid: int) -> bool:
    """Not what has ended and is still listed until its parent looks: whose parent was killed has the system's first process,
    which takes its time."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


async def test_a_killed_worker_comes_back_on_its_port_and_takes_offers_again(engine: EmbeddedEngine, told: Told) -> None:
    port, pid = engine.port, engine.pid
    assert pid
    first = await publish(engine, "room", "anna")
    os.kill(pid, signal.SIGKILL)
    await told.until(lambda all: sum(isinstance(n, EngineUp) for n in all) == 2)
    kinds = [type(n) for n in told.all if isinstance(n, EngineUp | EngineDown)]
    assert kinds == [EngineUp, EngineDown, EngineUp]
    assert engine.port == port and engine.pid != pid
    again = await publish(engine, "room", "anna")
    viewer = await watch(engine, "room")
    async with all_closed(first, again, viewer):
        await viewer.until_frames("0", 3)


async def test_requests_at_the_time_of_death_are_refused(engine: EmbeddedEngine) -> None:
    assert engine.pid
    os.kill(engine.pid, signal.SIGSTOP)
    calls = [
        asyncio.create_task(engine.admit("r", "anna", GSTREAMER, None, may_send=True, may_receive=False)) for _ in range(5)
    ]
    await asyncio.sleep(0)
    os.kill(engine.pid, signal.SIGKILL)
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(result, MediaRefused) and result.code == "media_unavailable"


async def test_a_worker_that_is_away_refuses_and_removing_is_no_error() -> None:
    engine: MediaEngine = EmbeddedEngine(("127.0.0.1",))
    with pytest.raises(MediaRefused) as refusal:
        await engine.admit("r", "anna", GSTREAMER, None, may_send=True, may_receive=False)
    assert refusal.value.code == "media_unavailable"
    await engine.remove("r", "peer")
    await engine.remove_label("r", "anna", senders_only=False)
    await engine.remove_receivers("r")
    await engine.untap("r", "tap")


async def test_a_worker_is_told_its_limits() -> None:
    async with EmbeddedEngine(("127.0.0.1",), limits=Limits(rooms=1, setup=60.0)) as engine:
        await engine.admit("r", "anna", GSTREAMER, None, may_send=True, may_receive=False)
        with pytest.raises(MediaRefused, match="too many rooms"):
            await engine.admit("s", "bo", GSTREAMER, None, may_send=True, may_receive=False)


async def test_stopping_ends_the_worker() -> None:
    async with EmbeddedEngine(("127.0.0.1",)) as engine:
        pid = engine.pid
        assert pid and engine.is_up
    await until(lambda: not is_running(pid))
    assert engine.pid is None


async def test_a_killed_server_leaves_no_worker_behind() -> None:
    script = (
        "import asyncio\nfrom live.engine import EmbeddedEngine\n"
        "async def main():\n"
        "    async with EmbeddedEngine(('127.0.0.1',)) as engine:\n"
        "        print(engine.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert server.stdout
    worker = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    await until(lambda: not is_running(worker))


async def test_a_port_that_is_taken_is_an_error_at_the_start() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(MediaRefused, match="did not come up"):
            await EmbeddedEngine(("127.0.0.1",), taken.getsockname()[1]).start()


async def test_a_refusal_carries_its_code_and_disturbs_nobody(engine: EmbeddedEngine, told: Told) -> None:
    with pytest.raises(MediaRefused) as refusal:
        await engine.admit("r", "anna", "nonsense", None, may_send=True, may_receive=False)
    assert refusal.value.code == "bad_offer"
    client = await publish(engine, "r", "anna")
    async with all_closed(client):
        await told.until(lambda all: any(isinstance(n, PeerUp) and n.label == "anna" for n in all))


async def test_statistics_count_per_room_peer_and_track(engine: EmbeddedEngine) -> None:
    client = await publish(engine, "r", "anna")
    viewer = await watch(engine, "r")
    async with all_closed(client, viewer):
        await viewer.until_frames("0", 5)
        (found,) = await engine.statistics()
        assert found.peers == 2
        assert client.admission and viewer.admission
        tracks = found.rooms["r"].peers[client.admission.peer_id].tracks
        track = next(track for track in tracks if track.mid == "0")
        assert (track.codec, track.lost) == ("H264", 0) and track.packets > 5
        assert found.rooms["r"].slots["programme"].packets >= 5
        assert found.rooms["r"].peers[viewer.admission.peer_id].slots == {"programme": "full", "sound": "full"}

"""A server is killed, and its media workers go on: real processes, real clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import pytest

from live import adoption, wire
from live.control import Admission, MediaEngine, PeerDown, PeersLost, SlotsChanged
from live.engine import EmbeddedEngine
from tests.live.clients import all_closed, publish, watch
from tests.live.conftest import Told, until
from tests.live.test_client import is_running

HOSTS = ("127.0.0.1",)
LONG = 600.0  # seconds: nobody waits for that
SERVER = """
import asyncio, json, os, sys
import msgspec
from live.engine import EmbeddedEngine

nothing = os.open(os.devnull, os.O_RDWR)
asks, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
for inherited in (0, 1):
    os.dup2(nothing, inherited)  # else what outlives us keeps our pipes open

async def main():
    engine = EmbeddedEngine(("127.0.0.1",), workers=2, name=sys.argv[1], keep=float(sys.argv[2]), small=1)
    async with engine:
        print(json.dumps(engine.pids), file=answers)
        while line := await asyncio.to_thread(asks.readline):
            arguments, options = json.loads(line)
            print(msgspec.json.encode(await engine.admit(*arguments, **options)).decode(), file=answers)

asyncio.run(main())
"""


HANGING = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(f"\\0plenum-{sys.argv[1]}-0")
listener.listen()
print(flush=True)
time.sleep(600)
"""


@dataclass
class Server:
    """An engine in a process that can be killed."""

    name: str
    process: asyncio.subprocess.Process
    pids: list[int]

    async def admit(self, *arguments: Any, **options: Any) -> Admission:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([arguments, options]).encode() + b"\n")
        return msgspec.json.decode(await self.process.stdout.readline(), type=Admission)

    @property
    def engine(self) -> MediaEngine:
        """As far as clients need it."""
        return cast(MediaEngine, self)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def serving(keep: float = LONG) -> AsyncIterator[Server]:
    """Whatever is left of it at the end is ended."""
    name = f"test-{secrets.token_hex(8)}"
    command = (sys.executable, "-c", SERVER, name, str(keep))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    server = Server(name, process, json.loads(await process.stdout.readline()))
    try:
        yield server
    finally:
        if process.returncode is None:
            await server.kill()
        for pid in server.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def successor(name: str, **options: Any) -> EmbeddedEngine:
    return EmbeddedEngine(HOSTS, **{"workers": 2, "name": name, "keep": LONG, "small": 1, **options})


async def test_media_goes_on_and_the_next_server_knows_all_who_are_there() -> None:
    async with serving() as server:
        anna = await publish(server.engine, "room", "anna")
        viewers = [await watch(server.engine, "room") for _ in range(2)]  # the second one by the other worker
        async with all_closed(anna, *viewers):
            for viewer in viewers:
                await viewer.until_frames("0", 3)
            await server.kill()
            for viewer in viewers:  # nobody is there, and it plays
                await viewer.until_frames("0", viewer.frames["0"] + 10)
            async with successor(server.name) as engine:
                assert list(engine.pids) == server.pids
                assert engine.adopted is not None
                parts = {room.home for room in engine.adopted}
                peers = {peer.peer_id: peer for room in engine.adopted for peer in room.peers}
                assert parts == {0} and {room.name for room in engine.adopted} == {"room"}
                admitted = [client.admission.peer_id for client in (anna, *viewers) if client.admission]
                assert set(peers) == set(admitted) and {admission[0] for admission in admitted} == {"0", "1"}
                assert [(peers[each].label == "anna", peers[each].sends) for each in admitted] == [
                    (True,) * 2,
                    *[(False,) * 2] * 2,
                ]
                assert any(room.slots.slots.get("video0") == "anna" for room in engine.adopted)
                for viewer in viewers:
                    await viewer.until_frames("0", viewer.frames["0"] + 10)
                watching = Told(engine)
                bo = await publish(engine, "room", "bo")  # it goes on as ever
                async with all_closed(bo):
                    await watching.until(
                        lambda all: any(isinstance(n, SlotsChanged) and "bo" in n.slots.values() for n in all)
                    )
                    await engine.remove("room", admitted[0])
                    await watching.until(lambda all: any(isinstance(n, PeerDown) and n.peer_id == admitted[0] for n in all))
                watching.reader.cancel()
        await until(lambda: not any(map(is_running, server.pids)))  # whoever ends in order leaves nothing


async def test_a_worker_that_was_adopted_and_dies_is_replaced_on_its_port() -> None:
    async with serving() as server:
        viewer = await watch(server.engine, "room")
        await server.kill()
        async with successor(server.name) as engine, all_closed(viewer):
            watching = Told(engine)
            port, lost = engine.port, engine.pids[0]
            assert lost and viewer.admission
            prefix = viewer.admission.peer_id.partition("-")[0] + "-"
            os.kill(lost, signal.SIGKILL)
            await watching.until(lambda all: any(isinstance(n, PeersLost) and n.prefix == prefix for n in all))
            await until(lambda: engine.pids[0] not in (None, lost) and engine.is_up)
            assert engine.port == port
            watching.reader.cancel()


async def test_a_server_with_other_settings_ends_what_is_there_and_begins_anew() -> None:
    async with serving() as server:
        viewer = await watch(server.engine, "room")
        await server.kill()
        async with successor(server.name, workers=1) as engine, all_closed(viewer):
            assert engine.adopted is None and engine.pid not in server.pids
            assert not any(map(is_running, server.pids))


async def test_all_are_adopted_or_none() -> None:
    async with serving() as server:
        await server.kill()
        os.kill(server.pids[0], signal.SIGKILL)
        await until(lambda: not is_running(server.pids[0]))
        async with successor(server.name) as engine:
            assert engine.adopted is None and not set(engine.pids) & set(server.pids)
            assert not is_running(server.pids[1])


async def test_workers_whom_nobody_adopts_end() -> None:
    async with serving(keep=0.2) as server:
        await server.kill()
        await until(lambda: not any(map(is_running, server.pids)))


async def test_a_second_server_beside_the_first_takes_nothing_from_it() -> None:
    async with serving() as server:
        anna = await publish(server.engine, "room", "anna")
        async with all_closed(anna):
            assert await adoption.find(server.name) == ()
            async with successor(server.name) as engine:
                assert engine.adopted is None
            viewer = await watch(server.engine, "room")
            async with all_closed(viewer):
                await viewer.until_frames("0", 3)
            assert all(map(is_running, server.pids))


async def test_who_speaks_another_language_is_ended() -> None:
    async with serving() as server:
        await server.kill()
        for index in range(2):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(f"\0plenum-{server.name}-{index}")
                stranger.sendall(b"\0\0\0\x04true")
        await until(lambda: not any(map(is_running, server.pids)))


async def test_who_hangs_is_ended_for_it_has_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for patience in ("ANSWER_SECONDS", "END_SECONDS"):
        monkeypatch.setattr(adoption, patience, 0.1)
    name = f"test-{secrets.token_hex(8)}"
    hanging = await asyncio.create_subprocess_exec(sys.executable, "-c", HANGING, name, stdout=asyncio.subprocess.PIPE)
    try:
        assert hanging.stdout and await hanging.stdout.readline()
        assert adoption.is_awaited(name) and await adoption.find(name) == ()
        assert not adoption.is_awaited(name) and await hanging.wait() == -signal.SIGKILL
    finally:
        with contextlib.suppress(ProcessLookupError):
            hanging.kill()


def test_a_directory_has_its_own_name(tmp_path: Any) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    names = {adoption.name_of(tmp_path / each) for each in "ab"}
    assert len(names) == 2 and names == {adoption.name_of(tmp_path / "a" / ".." / each) for each in "ab"}
    assert not any(map(adoption.is_awaited, (*names, "")))


def test_workers_with_other_settings_or_of_another_release_are_not_adopted() -> None:
    held = wire.Held(terms="ours")
    assert adoption._placement_of([held], "ours", 1, 30) is not None
    with pytest.raises(ValueError, match="other settings"):
        adoption._placement_of([held], "others", 1, 30)

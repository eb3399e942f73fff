"""SIGKILL in the middle of a round: people are in the same rooms, with the same time left."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from server.identity import COOKIE
from tests.server.breakouts.scene import B1, S1
from tests.server.running import PATIENCE_SECONDS
from tests.server.test_crash import Participant, a_live_session


async def snapshot(person: Participant) -> tuple[ClientConnection, dict[str, Any]]:
    """A tab of somebody's in the session, and the state of the breakout rooms as they see it."""
    headers = {"Cookie": f"{COOKIE}={person.cookie}", "Origin": person.server.url}
    address = person.server.url.replace("http", "ws") + "/socket"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake):
                socket = await connect(address, open_timeout=60, additional_headers=headers, compression=None)
                hello = {"type": "hello", "client": f"{person.name}-rooms", "follow": {S1: 0, B1: 0}, "visible": True}
                await socket.send(json.dumps(hello))
                while True:
                    frame = json.loads(await socket.recv())
                    if frame["type"] == "snapshot" and frame["stream"] == B1:
                        return socket, frame["state"]
            await asyncio.sleep(0.05)


async def command(socket: ClientConnection, number: int, **fields: Any) -> None:
    await socket.send(json.dumps({"type": "do", "id": number, "stream": B1, "command": fields}))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (frame := json.loads(await socket.recv()))["type"] not in ("ack", "refused"):
            pass
    assert frame["type"] == "ack", frame


@pytest.mark.timeout(600)  # a start takes seconds on a busy machine
async def test_people_are_in_the_same_rooms_with_the_same_time_left_after_the_server_was_killed(tmp_path: Path) -> None:
    async with a_live_session(tmp_path) as (server, mona, people), contextlib.AsyncExitStack() as stack:
        sockets, ids = [], []
        for person in people:
            socket, state = await snapshot(person)
            sockets.append(await stack.enter_async_context(socket))
            ids.append(state["reader"])
        desk, _ = await snapshot(mona)
        await stack.enter_async_context(desk)
        plan = {"way": "list", "minutes": 30}
        await command(
            desk, 1, type="breakouts.plan", plan=plan, rooms=[{"people": ids[:3]}, {"title": "Två", "people": ids[3:]}]
        )
        await command(desk, 2, type="breakouts.open")
        await command(desk, 3, type="breakouts.extend", minutes=5, room_id="b2")
        await command(desk, 4, type="breakout.move", person_id=ids[0], room_id="b2")
        before = [(await snapshot(person))[1] for person in (mona, *people)]
        await server.kill()
        await server.start()
        after = [(await snapshot(person))[1] for person in (mona, *people)]
        assert after == before
        assert set(after[0]["rooms"]["b2"]["people"]) == {ids[0], *ids[3:]} and after[0]["phase"] == "running"
        assert [state["rooms"]["b1"]["people"] != [] for state in after] == [True, False, True, True, False, False, False]

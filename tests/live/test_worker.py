"""The worker's end of the control connection."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

from live import wire
from live.worker import Control


async def test_of_requests_that_come_at_once_each_lets_others_go_before_the_next() -> None:
    reader, turns = asyncio.StreamReader(), list[str]()
    loop = asyncio.get_running_loop()

    def view(room: str, peer_id: str, heights: dict[str, int]) -> None:
        turns.append(peer_id)
        loop.call_soon(turns.append, "a packet")

    forwarder: Any = SimpleNamespace(view=view)
    near, far = socket.socketpair()
    with far:
        _, writer = await asyncio.open_connection(sock=near)
        for number in range(3):
            reader.feed_data(wire.frame(wire.Request(number, wire.View("room", f"peer {number}", {}))))
        reader.feed_eof()
        await Control(reader, writer).serve(forwarder)
        writer.close()
        await writer.wait_closed()
    assert turns == ["peer 0", "a packet", "peer 1", "a packet", "peer 2", "a packet"]

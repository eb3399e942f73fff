"""A link that loses packets, between a client and the engine: what is lost is asked for and sent again, both ways."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from av import VideoFrame

from live.client import EmbeddedEngine
from live.control import Admission
from tests.live.clients import Client, Picture, all_closed, prefer, publish, watch
from tests.live.conftest import until


class LossyLink(asyncio.DatagramProtocol):
    """Relays one client's datagrams to the engine and back from one address, losing RTP by chance."""

    def __init__(self, engine_port: int, seed: int, loss: float) -> None:
        self._engine = "127.0.0.1", engine_port
        self._chance, self._loss = random.Random(seed), loss
        self._client: Any = None
        self.lost = 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        assert self.transport
        if 127 < data[0] < 192 and not 192 <= data[1] <= 223 and self._chance.random() < self._loss:
            self.lost += 1
        elif address == self._engine:
            self.transport.sendto(data, self._client)
        else:
            self._client = address
            self.transport.sendto(data, self._engine)


class BehindLink:
    """An engine whose answers lead over the link."""

    def __init__(self, engine: EmbeddedEngine, link_port: int) -> None:
        self._engine, self._port = engine, link_port

    async def admit(self, *arguments: Any, **options: Any) -> Admission:
        admission = await self._engine.admit(*arguments, **options)
        answer = re.sub(r"(127\.0\.0\.1) \d+ typ host", rf"\1 {self._port} typ host", admission.answer)
        return Admission(admission.peer_id, answer)


@contextlib.asynccontextmanager
async def lossy(engine: EmbeddedEngine, loss: float) -> AsyncIterator[tuple[Any, LossyLink]]:
    transport, link = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: LossyLink(engine.port, 1, loss), local_addr=("127.0.0.1", 0)
    )
    yield BehindLink(engine, transport.get_extra_info("sockname")[1]), link
    transport.close()


class Detailed(Picture):
    """Noise, which takes many packets a picture."""

    async def recv(self) -> Any:
        frame = await super().recv()
        noise = np.random.default_rng(self._count).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        noisy = VideoFrame.from_ndarray(noise, format="rgb24")
        noisy.pts, noisy.time_base = frame.pts, frame.time_base
        return noisy


async def test_a_viewer_that_loses_packets_gets_them_again(engine: EmbeddedEngine) -> None:
    publisher = await publish(engine, "room", "anna")
    async with lossy(engine, 0.1) as (behind, link):
        viewer = await watch(behind, "room")
        async with all_closed(publisher, viewer):
            await viewer.until_frames("0", 60)
            await until(lambda: link.lost > 5)
            (found,) = await engine.statistics()
            assert found.rooms["room"].slots["programme"].resent > 0


async def test_a_publisher_that_loses_packets_is_asked_for_them(engine: EmbeddedEngine) -> None:
    async with lossy(engine, 0.1) as (behind, link):
        publisher = Client()
        publisher.connection.addTransceiver(Detailed(90), direction="sendonly")
        prefer(publisher.connection, "H264")
        admission = await behind.admit("room", "anna", await publisher.offer(), None, may_send=True, may_receive=False)
        await publisher.accept(admission.answer)
        await publisher.connected()
        viewer = await watch(engine, "room")
        async with all_closed(publisher, viewer):
            await viewer.until_frames("0", 30)
            (found,) = await engine.statistics()
            (track,) = found.rooms["room"].peers[admission.peer_id].tracks
            assert link.lost > 5 and track.nacks > 0
            assert track.lost < link.lost / 2

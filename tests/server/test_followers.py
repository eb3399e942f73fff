"""Followers over real transports: who keeps up gets all, who does not is told apart and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from rooms import messages as m
from server.followers import Connection, Followers
from server.frame_writer import FrameWriter
from server.outbox import Frame
from server.ring import Ring
from tests.server.pairs import RecordingRing, recording_ring, tcp_pair
from tests.server.running import PATIENCE_SECONDS

MOST = 100_000


class Tab(asyncio.Protocol):
    """The server's end of a connection, as `FrameProtocol` would drive its writer, and the reader's end."""

    def __init__(self) -> None:
        self.reader, self._theirs = tcp_pair(4096)

    async def open(self) -> Connection:
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=self._theirs)
        self.writer: FrameWriter | None = FrameWriter(transport)
        self.writer.allow(is_open=True)
        return Connection(m.Actor("p1"), self, lambda: m.Actor("p1"))

    def send(self, frame: Frame) -> None:
        assert self.writer is not None
        self.writer.write(frame.wire)

    def offer(self, frame: Frame, most: int) -> bool:
        assert self.writer is not None
        return self.writer.offer(frame.wire, most)

    def close(self, code: int) -> None:
        raise NotImplementedError

    async def finish(self) -> None:
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        assert self.writer is not None
        self.writer.is_lost = True
        self.writer.allow(is_open=False)

    def pause_writing(self) -> None:
        assert self.writer is not None
        self.writer.turn(is_behind=True)

    def resume_writing(self) -> None:
        assert self.writer is not None
        self.writer.turn(is_behind=False)

    async def read(self, count: int) -> bytes:
        """Reads `count` bytes at the reader's end."""
        self.reader.setblocking(False)
        data = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(data) < count:
                data += await asyncio.get_running_loop().sock_recv(self.reader, count - len(data))
        return data

    def is_silent(self) -> bool:
        """True if there is nothing to read."""
        self.reader.setblocking(False)
        try:
            return not self.reader.recv(1)
        except BlockingIOError:
            return True

    def shut(self) -> None:
        assert self.writer is not None
        self.writer.abort()
        self.reader.close()


@pytest.fixture(params=["ring", "transports"])
def ring(request: pytest.FixtureRequest) -> Iterator[RecordingRing | None]:
    """Both ways to everybody."""
    if request.param == "transports":
        yield None
        return
    with recording_ring() as ring:
        yield ring


@asynccontextmanager
async def following(count: int, ring: Ring | None) -> AsyncIterator[tuple[Followers, list[Tab], list[Connection]]]:
    followers, tabs = Followers(ring), [Tab() for _ in range(count)]
    connections = [await tab.open() for tab in tabs]
    for tab, connection in zip(tabs, connections, strict=True):
        assert tab.writer is not None

        def turned(connection: Connection = connection) -> None:
            followers.sort(connection)

        tab.writer.on_turn = turned
        followers.add(connection)
    try:
        yield followers, tabs, connections
    finally:
        for tab in tabs:
            tab.shut()
        await asyncio.sleep(0)  # the transports close in the next iteration


async def test_everybody_who_keeps_up_gets_the_frames_in_their_order(ring: RecordingRing | None) -> None:
    async with following(3, ring) as (followers, tabs, _):
        frames = [Frame(b"one"), Frame(b"two")]
        assert followers.tell(frames, MOST) == []
        assert [await tab.read(10) for tab in tabs] == [frames[0].wire + frames[1].wire] * 3


async def test_a_slow_reader_is_named_gets_nothing_more_and_delays_nobody(ring: RecordingRing | None) -> None:
    async with following(2, ring) as (followers, tabs, connections):
        big = Frame(b"x" * 3_000_000)
        connections[0].outbox.send(big)
        frame = Frame(b"hello")
        assert followers.tell([frame], MOST) == [connections[0]]
        assert await tabs[1].read(len(frame.wire)) == frame.wire
        assert await tabs[0].read(len(big.wire)) == big.wire
        assert tabs[0].is_silent()


async def test_whoever_falls_behind_by_the_very_message_is_not_sent_it_twice(ring: RecordingRing | None) -> None:
    async with following(2, ring) as (followers, tabs, _):
        big, after = Frame(b"x" * 3_000_000), Frame(b"after")
        assert followers.tell([big], MOST) == []
        for tab in tabs:
            assert await tab.read(len(big.wire)) == big.wire
        assert followers.tell([after], MOST) == []
        for tab in tabs:
            assert await tab.read(len(after.wire)) == after.wire
            assert tab.is_silent()


async def test_who_is_a_little_behind_still_gets_it(ring: RecordingRing | None) -> None:
    async with following(1, ring) as (followers, tabs, connections):
        big, frame = Frame(b"x" * 3_000_000), Frame(b"patience")
        connections[0].outbox.send(big)
        assert followers.tell([frame], most=10_000_000) == []
        assert (await tabs[0].read(len(big.wire) + len(frame.wire))).endswith(frame.wire)


async def test_who_left_hears_nothing(ring: RecordingRing | None) -> None:
    async with following(2, ring) as (followers, tabs, connections):
        followers.discard(connections[0])
        assert connections[0] not in followers and connections[1] in followers and len(followers) == 1
        frame = Frame(b"hello")
        followers.tell([frame], MOST)
        assert await tabs[1].read(len(frame.wire)) == frame.wire
        assert tabs[0].is_silent()


async def test_a_closing_connection_is_passed_over(ring: RecordingRing | None) -> None:
    async with following(2, ring) as (followers, tabs, connections):
        writer = connections[0].outbox.writer
        assert writer is not None
        last, frame = Frame(b"x" * 3_000_000), Frame(b"hello")
        writer.transport.set_write_buffer_limits(high=10_000_000)
        connections[0].outbox.send(last)
        writer.transport.close()  # once `last` is sent
        assert followers.tell([frame], MOST) == []
        assert await tabs[1].read(len(frame.wire)) == frame.wire
        assert await tabs[0].read(len(last.wire)) == last.wire
        assert await asyncio.get_running_loop().sock_recv(tabs[0].reader, 10) == b""

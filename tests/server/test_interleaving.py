"""Frames take two ways to one socket, past its transport and through it. Whatever happens in between, each client reads the
very bytes that were meant for it, in their order. A real uvicorn server, on both event loops, with and without a ring."""

from __future__ import annotations

import asyncio
import random
import socket
from asyncio import AbstractEventLoop, Runner
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import Any, Final

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame as Control
from websockets.frames import Opcode

from rooms import messages as m
from server import followers
from server.followers import Followers
from server.frame_writer import FrameWriter, encode_text_frame
from server.outbox import Frame
from tests.server.hall import Connection, Hall, serving
from tests.server.pairs import RecordingRing, recording_ring, reset
from tests.server.running import PATIENCE_SECONDS

UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
BUFFER: Final = 16_384  # bytes, so little that sends are short every now and then


class Straight:
    """An outbox that is nothing but its writer."""

    def __init__(self, writer: FrameWriter) -> None:
        self.writer: FrameWriter | None = writer
        self._writer = writer

    def send(self, frame: Frame) -> None:
        self._writer.write(frame.wire)

    def offer(self, frame: Frame, most: int) -> bool:
        return self._writer.offer(frame.wire, most)

    def close(self, code: int) -> None:
        raise NotImplementedError

    async def finish(self) -> None:
        raise NotImplementedError


class Guest:
    """One connection, both its ends. `expected` are the bytes that its client is to read, `got` those that it has read."""

    def __init__(self, client: socket.socket, server: Connection) -> None:
        self.client = client
        self.server = server
        self.follower = followers.Connection(m.Actor("p"), Straight(server.writer), lambda: None)
        self.expected = bytearray()
        self.got = bytearray()

    def read(self, most: int) -> None:
        """Reads what is there."""
        with suppress(BlockingIOError):
            self.got += self.client.recv(most)

    async def read_all(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.got) < len(self.expected):
                more = await asyncio.get_running_loop().sock_recv(self.client, 1 << 20)
                assert more, "the server hung up"
                self.got += more


class Party:
    """A hall, two streams, and guests who follow the first; every other guest follows the second one, too."""

    def __init__(self, hall: Hall, address: tuple[str, int], ring: RecordingRing | None) -> None:
        self.guests: list[Guest] = []
        self.all, self.some = Followers(ring), Followers(ring)
        self.hall = hall
        self._address = address

    async def enter(self, client: socket.socket | None = None) -> Guest:
        """Lets somebody in, with a socket that is not connected yet, if one is given; they follow nothing."""
        loop = asyncio.get_running_loop()
        client = client or socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        client.setblocking(False)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await loop.sock_connect(client, self._address)
            await loop.sock_sendall(client, UPGRADE)
            response = b""
            while not response.endswith(b"\r\n\r\n"):
                response += await loop.sock_recv(client, 1)
            server = await self.hall.entered.get()
        tcp = server.protocol.transport.get_extra_info("socket")
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)  # a busy machine may let somebody wait for long
        return Guest(client, server)

    async def join(self) -> Guest:
        guest = await self.enter()
        streams = [self.all, self.some] if len(self.guests) % 2 else [self.all]

        def sort() -> None:
            for stream in streams:
                if guest.follower in stream:
                    stream.sort(guest.follower)

        guest.server.writer.on_turn = sort
        for stream in streams:
            stream.add(guest.follower)
        self.guests.append(guest)
        return guest

    def part(self, guest: Guest) -> None:
        """What the hub does as soon as it hears that a connection has ended, which is later."""
        self.guests.remove(guest)
        self.all.discard(guest.follower)
        self.some.discard(guest.follower)

    def tell(self, stream: Followers, *payloads: bytes) -> None:
        frames = [Frame(payload) for payload in payloads]
        for guest in self.guests:
            if guest.follower in stream:
                guest.expected += b"".join(frame.wire for frame in frames)
        assert stream.tell(frames, most=1 << 40) == []


@asynccontextmanager
async def party(ring: RecordingRing | None) -> AsyncIterator[Party]:
    async with serving(send_buffer=BUFFER) as (hall, address):
        party = Party(hall, address, ring)
        try:
            yield party
        finally:
            for guest in party.guests:
                guest.server.writer.abort()
                guest.client.close()
            for guest in party.guests:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await guest.server.gone.wait()


LOOPS: Final[dict[str, Callable[[], AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
Run = Callable[[Callable[[Party], Coroutine[Any, Any, None]]], RecordingRing | None]


def run_party(loop: str, way: str, play: Callable[[Party], Coroutine[Any, Any, None]]) -> RecordingRing | None:
    async def main(ring: RecordingRing | None) -> None:
        async with party(ring) as host:
            await play(host)

    with Runner(loop_factory=LOOPS[loop]) as runner, recording_ring() if way == "ring" else nullcontext() as ring:
        runner.run(main(ring))
        return ring


WAYS: Final = [(loop, way) for loop in LOOPS for way in ("ring", "transports")]


@pytest.fixture(params=WAYS, ids="-".join)
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    yield partial(run_party, *request.param)


def by_ring(ring: RecordingRing | None, sent: int) -> bool:
    """Whether so many sends went past the transports, if there was a ring at all."""
    return ring is None or ring.sent == sent


def ping_as_the_protocol_does(guest: Guest, payload: bytes) -> None:
    protocol = guest.server.protocol
    protocol.conn.send_ping(payload)
    protocol.transport.write(b"".join(protocol.conn.data_to_send()))
    guest.expected += Control(Opcode.PING, payload).serialize(mask=False)


def test_everybody_who_has_nothing_waiting_is_reached_past_the_transport(run: Run) -> None:
    async def play(host: Party) -> None:
        for _ in range(4):
            await host.join()
        host.tell(host.all, b"one", b"two")
        host.tell(host.some, b"three")
        for guest in host.guests:
            await guest.read_all()
            assert guest.got == guest.expected

    assert by_ring(run(play), 4 + 2)


def test_no_frame_overtakes_what_waits_in_the_transport_whoever_wrote_it(run: Run) -> None:
    async def play(host: Party) -> None:
        slow, fast = await host.join(), await host.join()
        host.tell(host.all, b"x" * 100_000)  # short: the rest waits in the transport
        for number in range(20):
            ping_as_the_protocol_does(slow, b"%d" % number)
            host.tell(host.all, b"after ping %d" % number)
            await slow.server.say(f"said {number}")
            slow.expected += encode_text_frame(b"said %d" % number)
            host.tell(host.all, b"after said %d" % number)
            if number % 3 == 0:
                fast.read(1 << 20)
                await asyncio.sleep(0)
        for guest in host.guests:
            await guest.read_all()
            assert guest.got == guest.expected

    ring = run(play)
    assert ring is None or ring.short >= 2


def test_no_frame_overtakes_what_the_protocol_itself_has_just_written(run: Run) -> None:
    async def play(host: Party) -> None:
        guest = await host.join()
        host.tell(host.all, b"from now on there is nothing that waits")
        while not guest.server.writer.buffered:  # not so much that the reader counts as slow
            await guest.server.say("x" * 20_000)
            guest.expected += encode_text_frame(b"x" * 20_000)
        assert not guest.server.writer.is_behind
        host.tell(host.all, b"after it")
        await guest.read_all()
        assert guest.got == guest.expected

    assert by_ring(run(play), 1)


def test_who_caught_up_is_reached_past_the_transport_again(run: Run) -> None:
    async def play(host: Party) -> None:
        guest = await host.join()
        host.tell(host.all, b"x" * 500_000)
        await guest.read_all()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while guest.server.writer.buffered:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        host.tell(host.all, b"again")
        await guest.read_all()
        assert guest.got == guest.expected

    assert by_ring(run(play), 2)


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["goodbye", "reset"])
def test_a_descriptor_that_now_belongs_to_somebody_else_is_not_written_to(
    run: Run, end: Callable[[socket.socket], None]
) -> None:
    async def play(host: Party) -> None:
        gone, stays = await host.join(), await host.join()
        number = gone.server.writer.fd
        clients = [socket.socket() for _ in range(20)]  # these have numbers before the other is free
        host.hall.tarry.clear()
        end(gone.client)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await gone.server.gone.wait()
        newcomers = [await host.enter(client) for client in clients]
        assert number in [newcomer.server.writer.fd for newcomer in newcomers]
        assert gone.follower in host.all  # nobody has told the hub yet
        host.tell(host.all, b"not for newcomers")
        await stays.read_all()
        assert stays.got == stays.expected
        for newcomer in newcomers:
            newcomer.server.writer.write(encode_text_frame(b"hello"))
            newcomer.expected += encode_text_frame(b"hello")
            await newcomer.read_all()
            newcomer.read(1000)
            assert newcomer.got == newcomer.expected
        host.guests += newcomers
        host.hall.tarry.set()

    assert by_ring(run(play), 1)


def test_nothing_is_written_after_a_close_frame(run: Run) -> None:
    async def play(host: Party) -> None:
        by_us, by_them, stays = [await host.join() for _ in range(3)]
        await by_us.server.close(4408)
        host.tell(host.all, b"late")
        await stays.read_all()
        by_us.expected[:] = Control(Opcode.CLOSE, b"\x11\x38").serialize(mask=False)
        await by_us.read_all()
        goodbye = Control(Opcode.CLOSE, b"\x03\xe8")
        await asyncio.get_running_loop().sock_sendall(by_them.client, goodbye.serialize(mask=True))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await by_them.server.gone.wait()
        by_them.expected += goodbye.serialize(mask=False)
        await by_them.read_all()
        expected = bytes(by_them.expected)
        host.tell(host.all, b"later")
        await stays.read_all()
        assert stays.got == stays.expected
        by_them.read(1000)
        by_us.read(1000)
        assert by_them.got == expected and by_us.got == by_us.expected[: len(by_us.got)]

    assert by_ring(run(play), 2 + 1)


def test_nothing_is_written_to_a_transport_that_closes(run: Run) -> None:
    async def play(host: Party) -> None:
        closing, stays = await host.join(), await host.join()
        closing.server.protocol.transport.close()
        host.tell(host.all, b"late")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await asyncio.get_running_loop().sock_recv(closing.client, 1000) == b""
            await closing.server.gone.wait()
        await stays.read_all()
        assert stays.got == stays.expected

    assert by_ring(run(play), 1)


def test_a_connection_that_was_reset_is_noticed_by_its_transport_and_disturbs_nobody(run: Run) -> None:
    async def play(host: Party) -> None:
        lost, *stay = [await host.join() for _ in range(3)]
        reset(lost.client)
        host.tell(host.all, b"hello")
        host.tell(host.all, b"hello again")
        for guest in stay:
            await guest.read_all()
            assert guest.got == guest.expected
        async with asyncio.timeout(PATIENCE_SECONDS):
            await lost.server.gone.wait()
        assert not lost.server.writer.is_open
        host.tell(host.all, b"and again")

    run(play)


OPERATIONS: Final = [
    "tell all",
    "tell some",
    "tell several",
    "write",
    "say",
    "ping",
    "read",
    "read much",
    "turn",
    "leave",
    "abort",
]
Operation = tuple[str, int, int]  # what, to whom, how much


async def carry_out(host: Party, operation: Operation, number: int, left: list[Guest]) -> None:
    what, who, size = operation
    guest, payload = host.guests[who % len(host.guests)], b"%d:" % number + b"x" * size
    match what:
        case "tell all":
            host.tell(host.all, payload)
        case "tell some":
            host.tell(host.some, payload)
        case "tell several":
            host.tell(host.all, payload, b"and", payload)
        case "write":
            if guest.server.writer.write(encode_text_frame(payload)):
                guest.expected += encode_text_frame(payload)
        case "say":
            await guest.server.say(payload.decode())
            guest.expected += encode_text_frame(payload)
        case "ping":
            ping_as_the_protocol_does(guest, payload[:100])
        case "read" | "read much":
            guest.read(size if what == "read" else 1 << 20)
        case "turn":
            await asyncio.sleep(0)
        case "leave" | "abort" if len(host.guests) > 1:
            reset(guest.client) if what == "leave" else guest.server.writer.abort()
            host.tell(host.all, payload)  # before the server can have noticed
            await guest.server.gone.wait()
            host.tell(host.all, payload)  # before the hub has heard of it
            await host.join()  # most likely with the same descriptor
            host.tell(host.all, payload)
            host.part(guest)
            left.append(guest)


async def carry_out_all(host: Party, operations: list[Operation], guests: int) -> None:
    left: list[Guest] = []
    for _ in range(guests):
        await host.join()
    for number, operation in enumerate(operations):
        await carry_out(host, operation, number, left)
    for guest in host.guests:
        await guest.read_all()
    for guest in [*host.guests, *left]:
        if guest.client.fileno() >= 0:
            guest.read(1 << 20)
    assert all(guest.got == guest.expected for guest in host.guests)
    assert all(guest.expected.startswith(guest.got) for guest in left)
    for guest in left:
        guest.client.close()


SIZES: Final = st.sampled_from([0, 1, 120, 130, 3000, 20_000, 70_000])


@pytest.mark.parametrize(("loop", "way"), WAYS)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 4), SIZES), max_size=40))
def test_whatever_happens_everybody_reads_what_was_meant_for_them(loop: str, way: str, operations: list[Operation]) -> None:
    run_party(loop, way, partial(carry_out_all, operations=operations, guests=4))


def test_a_full_hall_in_disorder(run: Run) -> None:
    chance = random.Random(7)
    operations = [
        (chance.choice(OPERATIONS), chance.randrange(60), chance.choice([0, 10, 500, 5000, 20_000])) for _ in range(250)
    ]
    ring = run(partial(carry_out_all, operations=operations, guests=60))
    assert ring is None or (ring.short > 20 and ring.sent > 500)

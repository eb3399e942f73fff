"""The frame encoding against an independent parser, and `FrameProtocol` in a real uvicorn server on the loopback."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
from asyncio import Runner
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader
from websockets.version import version as websockets_version

from server.frame_writer import encode_text_frame
from server.frames import _TCP_OPTIONS, CONTROL_AT_ONCE, FrameProtocol, Inbox
from tests.server.hall import Connection, Hall, serving
from tests.server.running import PATIENCE_SECONDS

LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 200_000]
# The client itself shall neither push back nor give up.
UNBOUNDED: dict[str, Any] = {"max_size": None, "max_queue": None, "open_timeout": PATIENCE_SECONDS}


class Impatient(FrameProtocol):
    """Waits a moment, not ten seconds, for a client that does not answer a close."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = 0.05


@asynccontextmanager
async def meeting(protocol: type[FrameProtocol] = FrameProtocol, **options: Any) -> AsyncIterator[Meeting]:
    async with serving(protocol) as (hall, (host, port)), connect(f"ws://{host}:{port}/", **UNBOUNDED | options) as client:
        yield Meeting(hall, client, await hall.entered.get())


@dataclass
class Meeting:
    hall: Hall
    client: ClientConnection
    server: Connection

    async def read(self, count: int) -> list[str | bytes]:
        return [await self.client.recv() for _ in range(count)]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine on either event loop: their transports are different code."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        with Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return run


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # the protocol under test has no event to wait for
            await asyncio.sleep(0.001)


def parse(data: bytes) -> Frame:
    """Reads exactly one frame from a server with the websockets library's parser."""
    stream = StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    parsing = Frame.parse(stream.read_exact, mask=False)
    try:
        while True:
            next(parsing)
    except StopIteration as done:
        frame = done.value
    assert isinstance(frame, Frame)
    assert not stream.buffer
    return frame


@pytest.mark.parametrize("length", LENGTHS)
def test_a_frame_of_every_length_class_is_what_a_parser_reads(length: int) -> None:
    frame = parse(encode_text_frame(b"x" * length))
    assert (frame.opcode, frame.fin, frame.rsv1, bytes(frame.data)) == (Opcode.TEXT, True, False, b"x" * length)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_frame_is_byte_for_byte_what_the_library_would_send(length: int) -> None:
    payload = b"y" * length
    assert encode_text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@given(st.text(max_size=400))
def test_any_text_survives(text: str) -> None:
    assert bytes(parse(encode_text_frame(text.encode())).data).decode() == text


def test_frames_and_sent_messages_arrive_in_the_order_written(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            for number, length in enumerate(LENGTHS):
                assert met.server.writer.write(encode_text_frame(b"%d" % number + b"x" * length))
                await met.server.say(f"plain {number}")
            expected = [text for n, length in enumerate(LENGTHS) for text in (f"{n}" + "x" * length, f"plain {n}")]
            assert await met.read(2 * len(LENGTHS)) == expected

    run(main())


def test_a_ping_between_frames_is_answered_and_disturbs_nothing(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            for number in range(20):
                assert met.server.writer.write(encode_text_frame(b"before %d" % number))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await (await met.client.ping())
                met.server.protocol.send_keepalive_ping()
                assert met.server.writer.write(encode_text_frame(b"after %d" % number))
            assert await met.read(40) == [f"{when} {n}" for n in range(20) for when in ("before", "after")]
            await until(lambda: met.server.protocol.pending_ping_payload is None)

    run(main())


def test_nothing_is_written_before_the_handshake(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            assert met.server.wrote_before_accept is False
            met.server.writer.write(encode_text_frame(b"first"))
            assert await met.client.recv() == "first"

    run(main())


def test_nothing_is_written_after_the_server_said_goodbye(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            await met.server.close(4408)
            assert met.server.writer.write(encode_text_frame(b"late")) is False
            with pytest.raises(ConnectionClosed) as closed:
                await met.client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4408

    run(main())


def test_nothing_is_written_after_the_client_left(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            await met.client.close()
            assert (await met.hall.left.get())["code"] == 1000
            assert met.server.writer.write(encode_text_frame(b"late")) is False
            assert met.server.writer.buffered == 0

    run(main())


def test_nothing_is_written_after_the_application_returned(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            met.server.leave.set()
            await met.client.wait_closed()
            assert met.server.writer.write(encode_text_frame(b"late")) is False

    run(main())


def test_an_aborted_connection_is_gone_at_once(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            met.server.writer.abort()
            assert met.server.writer.write(encode_text_frame(b"late")) is False
            met.server.writer.abort()
            await met.client.wait_closed()
            assert met.client.close_code == 1006
            assert (await met.hall.left.get())["type"] == "websocket.disconnect"

    run(main())


@asynccontextmanager
async def slow_reader(protocol: type[FrameProtocol]) -> AsyncIterator[Meeting]:
    """A client whose socket is not read, and 8 MB on the way to it."""
    async with meeting(protocol, max_queue=1, close_timeout=0) as met:
        met.client.transport.pause_reading()
        frame = encode_text_frame(b"z" * 80_000)
        before = met.server.writer.buffered
        for _ in range(100):
            assert met.server.writer.write(frame)
            assert met.server.writer.buffered > before or met.server.writer.buffered == 0
        try:
            yield met
        finally:
            met.client.transport.abort()


def test_who_does_not_read_gets_no_pongs_to_pile_up(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            met.server.writer.turn(is_behind=True)
            unanswered = asyncio.ensure_future(await met.client.ping())
            protocol = met.server.protocol
            await until(lambda: protocol._control._left < CONTROL_AT_ONCE)
            await met.server.say("after it")
            assert await met.read(1) == ["after it"] and not unanswered.done()
            met.server.writer.turn(is_behind=False)
            await (await met.client.ping())

    run(main())


def test_a_slow_reader_is_seen_in_buffered_and_all_of_it_still_arrives(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(FrameProtocol) as met:
            await asyncio.sleep(0)  # uvloop hands over to the kernel at the end of an iteration
            assert 0 < met.server.writer.buffered < 8_000_000 + 100 * 10
            met.client.transport.resume_reading()
            assert {len(text) for text in await met.read(100)} == {80_000}
            assert met.server.writer.buffered == 0

    run(main())


def test_a_frame_is_offered_in_vain_to_a_reader_who_is_too_far_behind(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(FrameProtocol) as met:
            frame, buffered = encode_text_frame(b"an offer"), met.server.writer.buffered
            assert met.server.writer.offer(frame, most=100_000) is False
            assert met.server.writer.buffered == buffered
            assert met.server.writer.offer(frame, most=8_000_000) is True
            met.client.transport.resume_reading()
            assert (await met.read(101))[-1] == "an offer"
            await until(lambda: met.server.writer.offer(frame, most=0))
            assert await met.client.recv() == "an offer"

    run(main())


def test_an_offer_to_a_connection_that_closes_is_no_sign_of_a_slow_reader(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            await met.server.close(4408)
            assert met.server.writer.offer(encode_text_frame(b"late"), most=0) is True
            with pytest.raises(ConnectionClosed):
                await met.client.recv()

    run(main())


def test_an_abort_does_not_wait_for_a_slow_reader(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(FrameProtocol) as met:
            met.server.writer.abort()
            await until(lambda: met.server.protocol.disconnected)

    run(main())


def test_an_abort_after_the_last_byte_was_sent_and_the_connection_closed_is_harmless(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(FrameProtocol) as met:
            met.server.protocol.transport.close()  # as uvicorn does: once all is sent
            met.client.transport.resume_reading()
            await met.read(100)
            await until(lambda: met.server.protocol.disconnected)
            met.server.writer.abort()

    run(main())


def test_a_close_does_not_wait_for_a_slow_reader_and_ends_it(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(Impatient) as met:
            async with asyncio.timeout(PATIENCE_SECONDS):  # for ever, if it waited for the reader
                await met.server.say("neither does a message")
                await met.server.close(4408)
            assert met.server.writer.buffered > 1_000_000
            await until(lambda: met.server.protocol.disconnected)

    run(main())


def test_a_reader_who_answers_no_ping_is_dropped_with_all_that_is_buffered(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(Impatient) as met:
            met.server.protocol.keepalive_timeout()
            await until(lambda: met.server.protocol.disconnected)

    run(main())


def test_a_stalled_reader_does_not_hold_up_the_shutdown(run: Any) -> None:
    async def main() -> None:
        async with slow_reader(Impatient) as met:
            met.server.protocol.shutdown()
            await until(lambda: met.server.protocol.disconnected)

    run(main())


def test_compression_is_refused(run: Any) -> None:
    async def main() -> None:
        async with meeting(compression="deflate") as met:
            assert met.client.protocol.extensions == []

    run(main())


def test_small_packets_are_not_delayed_and_lost_peers_are_noticed_by_the_kernel(run: Any) -> None:
    async def main() -> None:
        async with meeting() as met:
            raw = met.server.protocol.transport.get_extra_info("socket")
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            values = {number: raw.getsockopt(socket.IPPROTO_TCP, number) for number, _ in _TCP_OPTIONS}
            assert values == dict(_TCP_OPTIONS)
            assert values[socket.TCP_NODELAY] == 1

    run(main())


def test_a_request_that_is_no_websocket_is_answered_and_harms_nobody(run: Any) -> None:
    async def main() -> None:
        async with serving() as (_, address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")  # no key
            assert (await reader.readline()).startswith(b"HTTP/1.1 4")
            writer.close()

    run(main())


def test_what_waits_is_read_in_order_and_a_reader_that_gave_up_takes_nothing(run: Any) -> None:
    async def main() -> None:
        inbox = Inbox()
        messages: list[ASGIReceiveEvent] = [{"type": "websocket.receive", "text": str(n)} for n in range(3)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inbox.get(), 0)
        reading = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        for message in messages:
            inbox.put_nowait(message)
        assert [await reading, await inbox.get()] == messages[:2]
        assert (inbox.qsize(), inbox.empty()) == (1, False)
        assert (await inbox.get(), inbox.empty()) == (messages[2], True)

    run(main())


def test_uvicorn_is_the_one_whose_internals_were_read() -> None:
    """After an upgrade: read `websockets_sansio_impl.py` again, see that `FrameProtocol` still fits, and change this."""
    assert uvicorn.__version__.startswith("0.54."), "uvicorn changed: read its WebSocketsSansIOProtocol again"
    assert int(websockets_version.split(".")[0]) == 17
    config = uvicorn.Config(Hall(), ws=FrameProtocol, lifespan="off", log_config=None)
    config.load()
    with Runner() as runner:
        loop = runner.get_loop()
        protocol = FrameProtocol(config, ServerState(), {}, _loop=loop)
    assert (protocol.handshake_complete, protocol.close_sent, protocol.disconnected) == (False, False, False)
    assert (protocol.close_timer, protocol.close_timeout, protocol.conn.available_extensions) == (None, 10.0, [])
    assert inspect.iscoroutinefunction(WebSocketsSansIOProtocol.run_asgi)
    for name in ("pause_writing", "resume_writing", "keepalive_timeout", "shutdown", "send"):
        assert inspect.isfunction(getattr(WebSocketsSansIOProtocol, name)), name
    source = inspect.getsource(WebSocketsSansIOProtocol)
    assert "call_later(self.close_timeout, self.transport.close)" in source  # what `send` replaces with an abort
    assert set(re.findall(r"self\.queue\.(\w+)", source)) == {"put_nowait", "get", "empty"}  # what `Inbox` has
    assert set(re.findall(r"self\.writable\.(\w+)", source)) == {"set", "clear", "wait"}  # `clear` in `pause_writing` alone
    assert "fin=" not in source  # it never sends a fragment, between which no other frame could stand

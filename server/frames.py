"""The WebSocket protocol under the application: `FrameProtocol` is what uvicorn is configured with
(`Config(ws=FrameProtocol)`), and offers each connection's `FrameWriter` (`frame_writer`) as an ASGI extension in the scope.
Where it is missing (another server), the application falls back to ASGI `send`.
"""

from __future__ import annotations

import socket
from asyncio import AbstractEventLoop, BaseTransport, Future, TimerHandle, get_running_loop
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

from live.limits import Budget
from server.frame_writer import FrameWriter, Watched, nobody_cares, tcp_socket

EXTENSION: Final = "plenum.frames"

# Nagle's algorithm would hold a frame back until the one before is acknowledged (uvloop turns it off by itself, asyncio for
# some listeners only). Who is gone without a word is noticed by the kernel within 20 s, idle or with data on the way, at no
# cost to us; WebSocket pings are for tabs that hang and for proxies, and can be rarer.
_TCP_OPTIONS: Final = [
    (number, value)
    for name, value in {
        "TCP_NODELAY": 1,
        "TCP_KEEPIDLE": 10,
        "TCP_KEEPINTVL": 5,
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": 20_000,  # milliseconds (RFC 5482)
    }.items()
    if (number := getattr(socket, name, None)) is not None  # not every system has all
]

MOST_FRAGMENTS: Final = 64  # of one message: browsers send one, libraries a few
MOST_WAITING: Final = 256  # messages that came at once and have not been read
CONTROL_PER_SECOND: Final = 10.0  # pings and pongs; we send one ping in 25 seconds
CONTROL_AT_ONCE: Final = 50.0


class Inbox:
    """Messages that wait for the application, which is one reader: what uvicorn uses of an `asyncio.Queue`, without its
    deques, which take 760 bytes each whether anything is in them or not. `FrameProtocol` bounds it."""

    __slots__ = ("_reader", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[ASGIReceiveEvent] = []
        self._reader: Future[None] | None = None

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        self._waiting.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while not self._waiting:
            self._reader = get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._waiting.pop(0)

    def qsize(self) -> int:
        return len(self._waiting)

    def empty(self) -> bool:
        return not self._waiting


class _Always:
    """An event that has happened: nobody waits until a transport can be written to (`FrameProtocol.pause_writing`)."""

    async def wait(self) -> Literal[True]:
        return True

    def set(self) -> None:
        pass


_WRITABLE: Final = _Always()


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's sans-I/O WebSocket protocol, with a `FrameWriter` in `scope["extensions"][EXTENSION]`, and with bounds for
    what it would keep or answer without end: fragments, messages that wait, pings. Who goes beyond them is failed (1008).

    It leans on internals of uvicorn, which `tests/server/test_frames.py` names one by one.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # A frame for all cannot be compressed for one; a compressor each would cost more memory than all the rest, too.
        self.conn.available_extensions = []
        self.queue = cast(Any, Inbox())  # as what uvicorn puts there, smaller
        self.writable = cast(Any, _WRITABLE)
        self._control = Budget(CONTROL_PER_SECOND, CONTROL_AT_ONCE)
        self.on_end: Callable[[], None] = nobody_cares  # called when the connection is gone

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.writer = FrameWriter(self.transport)
        self.transport = Watched(self.transport, self.writer)
        sock = tcp_socket(transport)
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _TCP_OPTIONS:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def connection_lost(self, exc: Exception | None) -> None:
        self.writer.is_lost = True
        self.writer.allow(is_open=False)
        self.on_end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # a request that cannot be read: uvicorn says nothing and waits for ever
            self.writer.abort()

    def handle_cont(self, event: Frame) -> None:
        """Empty fragments count for nothing in the size of a message, but each is kept."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self._fail("too many fragments")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.queue.qsize() >= MOST_WAITING:  # reading is paused meanwhile: all of it came in one piece
            self._fail("too many messages")
        else:
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """The library has answered already, in its buffer. Who does not read gets no pongs: RFC 6455, 5.5.3, wants one for
        the latest ping only."""
        if not self._control.take(1, self.loop.time()):
            self._fail("too many pings")
        elif self.writer.is_behind:
            self.conn.data_to_send()
        else:
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if not self._control.take(1, self.loop.time()):
            self._fail("too many pongs")
        else:
            super().handle_pong(event)

    def _fail(self, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(CloseCode.POLICY_VIOLATION, reason)
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        self.frames = []
        super().handle_parser_exception()
        self.writer.allow(is_open=False)
        self._abort_later()

    def run_asgi(self) -> Coroutine[Any, Any, None]:  # no coroutine around the coroutine
        extensions = cast("dict[str, object]", self.scope["extensions"])
        extensions[EXTENSION] = self.writer
        return super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.response = cast(Any, None)  # it is on its way, and would stay for as long as the connection
        self.writer.allow(is_open=self.handshake_complete and not self.close_sent and not self.transport.is_closing())
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self._abort_later()

    def pause_writing(self) -> None:
        """Lets `send` pass however much is buffered: above all a close frame, which ends a reader that is too slow."""
        self.writer.turn(is_behind=True)

    def resume_writing(self) -> None:
        self.writer.turn(is_behind=False)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_later()

    def _abort_later(self) -> TimerHandle:
        # `transport.close` waits until all is sent; a client that is alive but never reads would keep us for ever.
        return self.loop.call_later(self.close_timeout, self.writer.abort)

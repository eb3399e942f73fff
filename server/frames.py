"""The fast way out of the server: a WebSocket frame is encoded once, and the finished bytes go to every transport.

`server/hub.py` encodes; `FrameProtocol` is what uvicorn is configured with (`Config(ws=FrameProtocol)`) and offers each
connection's `FrameWriter` to the application as an ASGI extension in the scope. Where it is missing (another server), the
application falls back to ASGI `send`.
"""

from __future__ import annotations

import socket
import struct
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle
from collections.abc import Coroutine
from typing import Any, Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

EXTENSION: Final = "plenum.frames"

_FINAL_TEXT: Final = 0x81  # FIN, no reserved bits, opcode 1


def encode_text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, 5.2) around UTF-8 bytes, as it travels to any number of clients."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", _FINAL_TEXT, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length) + payload


class FrameWriter:
    """Writes finished frames to one connection, past ASGI `send`.

    Only whole, final frames may be written: then they can stand between the messages and control frames which the
    protocol itself sends, and its state knows nothing of them. There is no backpressure: whoever writes looks at
    `buffered` and gives up on a reader that is too slow.
    """

    __slots__ = ("_protocol",)

    def __init__(self, protocol: FrameProtocol) -> None:
        self._protocol = protocol

    def write(self, frame: bytes) -> bool:
        """Hands `frame` to the transport. False if the connection is not open (before the handshake, or closing): nothing
        was written. Never raises for a connection that is gone."""
        protocol = self._protocol
        transport = protocol.transport
        if not protocol.handshake_complete or protocol.close_sent or transport.is_closing():
            return False
        transport.write(frame)
        return True

    def offer(self, frame: bytes, most: int) -> bool:
        """Like `write`, unless more than `most` bytes wait (and more than the transport's high-water mark of 64 KiB): then
        False, and nothing is written. True too if the connection is not open, since nobody is behind there. For those who
        keep up the look costs nothing."""
        protocol = self._protocol
        transport = protocol.transport
        if protocol.is_behind and transport.get_write_buffer_size() > most:
            return False
        if protocol.handshake_complete and not protocol.close_sent and not transport.is_closing():
            transport.write(frame)
        return True

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._protocol.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Drops the connection and what is buffered for it, at once and without a closing handshake."""
        self._protocol.transport.abort()


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's sans-I/O WebSocket protocol, with a `FrameWriter` in `scope["extensions"][EXTENSION]`.

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
        self.is_behind = False  # more is buffered than the transport's high-water mark (64 KiB)
        # A frame for all cannot be compressed for one; a compressor each would cost more memory than all the rest, too.
        self.conn.available_extensions = []

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        # A frame a moment after another must not wait for the first one's acknowledgement (Nagle). uvloop sees to it
        # itself, asyncio only for listeners that were made with an explicit protocol number.
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run_asgi(self) -> Coroutine[Any, Any, None]:  # no coroutine around the coroutine
        extensions = cast("dict[str, object]", self.scope["extensions"])
        extensions[EXTENSION] = FrameWriter(self)
        return super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self._abort_later()

    def pause_writing(self) -> None:
        """Lets `send` pass however much is buffered: above all a close frame, which ends a reader that is too slow."""
        self.is_behind = True

    def resume_writing(self) -> None:
        self.is_behind = False

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_later()

    def _abort_later(self) -> TimerHandle:
        # `transport.close` waits until all is sent; a client that is alive but never reads would keep us for ever.
        return self.loop.call_later(self.close_timeout, self.transport.abort)

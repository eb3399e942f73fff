"""The fast way out of the server: a WebSocket frame is encoded once, and the finished bytes go to every transport.
Neighbours: `hub`, which encodes; `frames`, the protocol that the writer is part of.
"""

from __future__ import annotations

import socket
import struct
from asyncio import BaseTransport, Transport
from collections.abc import Callable
from typing import Any, Final

_FINAL_TEXT: Final = 0x81  # FIN, no reserved bits, opcode 1


def encode_text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, 5.2) around UTF-8 bytes, as it travels to any number of clients."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", _FINAL_TEXT, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length) + payload


def nobody_cares() -> None:
    pass


def tcp_socket(transport: BaseTransport) -> socket.socket | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None


class FrameWriter:
    """Writes finished frames to one connection, past ASGI `send`.

    Only whole, final frames may be written: then they can stand between the messages and control frames which the
    protocol itself sends, and its state knows nothing of them. There is no backpressure: whoever writes looks at
    `buffered` and gives up on a reader that is too slow.

    While it `is_open` and `is_clear`, frames may also be sent through the descriptor `fd`, past the transport, which holds
    nothing that would have to go first. That is looked at after every write to it, ours or the protocol's (`Watched`);
    nothing else fills it. A transport tells its protocol of its end before it closes the descriptor, so `on_turn` comes
    before the number can be somebody else's.
    """

    __slots__ = ("fd", "is_behind", "is_clear", "is_lost", "is_open", "on_turn", "transport")

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        sock = None if transport.get_extra_info("sslcontext") else tcp_socket(transport)
        self.fd = -1 if sock is None else sock.fileno()  # -1: not plain TCP, never clear
        self.is_open = False  # from the end of the handshake to our close frame
        self.is_behind = False  # more is buffered than the transport's high-water mark (64 KiB)
        self.is_clear = False  # nothing is buffered
        self.is_lost = False  # the transport is gone
        self.on_turn: Callable[[], None] = nobody_cares  # called when `is_open`, `is_behind` or `is_clear` has changed

    def write(self, frame: bytes) -> bool:
        """Hands `frame` to the transport. False if the connection is not open (before the handshake, or closing): nothing
        was written. Never raises for a connection that is gone."""
        if not self.is_open or self.transport.is_closing():
            return False
        self.transport.write(frame)
        self.look()
        return True

    def offer(self, frame: bytes, most: int) -> bool:
        """Like `write`, unless more than `most` bytes wait (and more than the high-water mark): then False, and nothing is
        written. True too if the connection is not open, since nobody is behind there."""
        if self.is_behind and self.buffered > most:
            return False
        self.write(frame)
        return True

    def turn(self, *, is_behind: bool) -> None:
        """For the protocol: the transport's buffer rose above the mark or fell below it."""
        self.is_behind = is_behind
        self.on_turn()

    def look(self) -> None:
        """Sees whether something waits in the transport."""
        is_clear = self.fd >= 0 and not self.transport.is_closing() and self.transport.get_write_buffer_size() == 0
        if is_clear != self.is_clear:
            self.is_clear = is_clear
            self.on_turn()

    def allow(self, *, is_open: bool) -> None:
        """For the protocol: from now on frames may be written, or not any more."""
        if is_open != self.is_open:
            self.is_open = is_open
            self.on_turn()

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Drops the connection and what is buffered for it, at once and without a closing handshake."""
        if not self.is_lost:  # asyncio's transport raises on some of the ways to get here twice
            self.allow(is_open=False)
            self.transport.abort()


class Watched(Transport):
    """A transport as its protocol sees it: the writer learns of all that goes through it."""

    __slots__ = ("_transport", "_writer")

    def __init__(self, transport: Transport, writer: FrameWriter) -> None:
        self._transport = transport
        self._writer = writer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)
        self._writer.look()

    def close(self) -> None:
        self._writer.allow(is_open=False)
        self._transport.close()

    def abort(self) -> None:
        self._writer.allow(is_open=False)
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

"""How frames leave: finished ones straight to the transport where the server offers it (`server/frame_writer.py`), by ASGI
`send` through a bounded queue elsewhere. Either way one slow reader never delays the others."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from server.frame_writer import FrameWriter, encode_text_frame
from server.frames import EXTENSION


class Frame:
    """A message, encoded once for everybody: as text for ASGI, as a finished WebSocket frame for transports."""

    __slots__ = ("text", "wire")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.wire = encode_text_frame(text)


class Outbox(Protocol):
    """What a connection sends through. `writer` is what is under it, if the server offers that."""

    writer: FrameWriter | None

    def send(self, frame: Frame) -> None: ...
    def offer(self, frame: Frame, most: int) -> bool:
        """Like `send`, but False, and nothing is sent, if the reader is behind by more than `most` bytes."""

    def close(self, code: int) -> None: ...
    async def finish(self) -> None:
        """Waits until what `close` began is done; returns at once if nothing was closed."""


class TransportOutbox:
    """Writes finished frames to the transport; its write buffer is the queue."""

    def __init__(self, writer: FrameWriter, websocket: WebSocket) -> None:
        self.writer: FrameWriter | None = writer
        self._writer = writer
        self._websocket = websocket
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: Frame) -> None:
        if self._closing is None:
            self._writer.write(frame.wire)

    def offer(self, frame: Frame, most: int) -> bool:
        return self._closing is not None or self._writer.offer(frame.wire, most)

    def close(self, code: int) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(_close(self._websocket, code))

    async def finish(self) -> None:
        if self._closing is not None:
            await self._closing


class QueueOutbox:
    """Frames wait in a queue, bounded by the hub through `offer`, until ASGI `send` takes them."""

    def __init__(self, websocket: WebSocket) -> None:
        self.writer: FrameWriter | None = None
        self._websocket = websocket
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._sender: asyncio.Task[None] | None = None
        self._code: int | None = None

    def send(self, frame: Frame) -> None:
        if self._code is None:
            self._frames.append(frame)
            self._waiting += len(frame.text)
            self._wake()

    def offer(self, frame: Frame, most: int) -> bool:
        if self._waiting > most:
            return False
        self.send(frame)
        return True

    def close(self, code: int) -> None:
        if self._code is None:
            self._code = code
            self._wake()

    async def finish(self) -> None:
        if self._code is not None and self._sender is not None:
            await self._sender

    def _wake(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            self._waiting -= len(frame.text)
            if self._websocket.application_state is not WebSocketState.CONNECTED:
                return
            try:
                await self._websocket.send_text(frame.text.decode())
            except (OSError, RuntimeError):  # the reader is gone; its receive loop ends the connection
                return
        if self._code is not None:
            await _close(self._websocket, self._code)


def outbox(websocket: WebSocket) -> Outbox:
    """The best outbox that the server under us offers for an accepted connection."""
    writer = websocket.scope.get("extensions", {}).get(EXTENSION)
    return QueueOutbox(websocket) if writer is None else TransportOutbox(writer, websocket)


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (OSError, RuntimeError, WebSocketDisconnect):  # closed by the other side meanwhile
        return

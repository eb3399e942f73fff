"""An ASGI application under a real uvicorn server with `FrameProtocol`: tests hold the server's side of every connection."""

from __future__ import annotations

import asyncio
import socket
from asyncio import Queue
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from server.frame_writer import FrameWriter, encode_text_frame
from server.frames import EXTENSION, FrameProtocol


@dataclass
class Connection:
    """The server's side of one connection, held open until the client goes or `leave` is set."""

    protocol: FrameProtocol
    writer: FrameWriter
    send: Callable[[dict[str, Any]], Awaitable[None]]
    wrote_before_accept: bool
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # the application has heard of the connection's end

    async def say(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def close(self, code: int) -> None:
        await self.send({"type": "websocket.close", "code": code})


class Hall:
    """An ASGI application that accepts everybody and hands each connection to the test."""

    def __init__(self) -> None:
        self.entered: Queue[Connection] = Queue()
        self.left: Queue[dict[str, Any]] = Queue()
        self.tarry = asyncio.Event()  # unset: who has left still does something before that is over
        self.tarry.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        writer, protocol = scope["extensions"][EXTENSION], send.__self__
        assert (await receive())["type"] == "websocket.connect"
        connection = Connection(protocol, writer, send, writer.write(encode_text_frame(b"too early")))
        await send({"type": "websocket.accept"})
        self.entered.put_nowait(connection)
        leaving = asyncio.ensure_future(connection.leave.wait())
        while True:
            receiving = asyncio.ensure_future(receive())
            await asyncio.wait({receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                receiving.cancel()
                return
            if (message := receiving.result())["type"] == "websocket.disconnect":
                connection.gone.set()
                await self.tarry.wait()
                leaving.cancel()
                return self.left.put_nowait(message)


@asynccontextmanager
async def serving(
    protocol: type[FrameProtocol] = FrameProtocol, send_buffer: int = 0
) -> AsyncIterator[tuple[Hall, tuple[str, int]]]:
    """A real server; gives the hall and its address. `send_buffer`: bytes that the kernel takes for a client who does not
    read, about; 0: as many as it likes."""
    hall = Hall()
    config = uvicorn.Config(hall, ws=protocol, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        if send_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        await server.startup(sockets=[listener])
        try:
            yield hall, listener.getsockname()
        finally:
            await server.shutdown(sockets=[listener])

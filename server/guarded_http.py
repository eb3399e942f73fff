"""uvicorn's HTTP protocol with what it lacks: time-outs for requests that trickle and readers that stall, bounds for heads
and pipelines, and a count of connections (`door`).

A WebSocket begins as a request here, so a handshake that never ends is a head that trickles. From the upgrade on it is
`frames`' to look after. It leans on internals of uvicorn, which `tests/server/test_guarded_http.py` names one by one.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.door import CROWDED, Door
from server.frames import FrameProtocol
from server.settings import Settings

MOST_PIPELINED: Final = 8  # requests that wait while one is answered
LOGGER: Final = "uvicorn.error.http"  # of what cannot be read, a child of uvicorn's
HEAR_OUT_SECONDS: Final = 3.0  # for the head of a request that will be refused


@dataclass(frozen=True)
class Patience:
    """How long, in seconds, and how much: of a head, bytes and fields."""

    request: float
    stall: float
    head: int
    fields: int

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        return cls(settings.request_seconds, settings.stall_seconds, settings.head_bytes, settings.head_fields)


class TooMuch(Exception):
    """Ends the parser: uvicorn answers with what `send_400_response` makes of it."""


class GuardedHttp(HttpToolsProtocol):
    """A connection is in one of four conditions. Waiting for a head, or for the rest of a body: `request` seconds, then 408.
    Answering: whoever does not take what is buffered within `stall` seconds is cut off. Idle after an answer: uvicorn's
    keep-alive, five seconds."""

    def __init__(
        self,
        door: Door,
        patience: Patience,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door, self._patience = door, patience
        self.logger = logging.getLogger(LOGGER)
        self._peer: str | None = None  # None: not counted
        self._deadline: TimerHandle | None = None  # of the head or body that is awaited
        self._stall: TimerHandle | None = None
        self._in_head = True
        self._head = 0  # bytes that came while a head was awaited
        self._read = self._fields = 0  # of this head, as far as it has been read
        self._refusal: HTTPStatus | None = None  # instead of 400

    # --- the connection

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        verdict = self._door.connected(peer)
        if verdict == "cut_off":
            transport.abort()
            return
        self._peer = peer
        if verdict != "in":  # in the state of whatever it asks, a WebSocket too
            self.app_state = self.app_state | {CROWDED: "crowded" if verdict == "crowded" else "full_house"}
        self._await(self._patience.request if verdict == "in" else HEAR_OUT_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch_nothing()
        if self._peer is not None:
            self._door.disconnected(self._peer)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        if self.pipeline or not (self.cycle is None or self.cycle.response_complete):
            self.transport.abort()  # an answer that is under way would never hear of this connection's end
            return
        self._watch_nothing()
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if self._peer is not None and isinstance(protocol, FrameProtocol):
            protocol.on_end = partial(self._door.disconnected, self._peer)

    def _watch_nothing(self) -> None:
        self._await(None)
        self._watch_reader(stalls=False)

    # --- requests

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            if not self._head and self._deadline is None:  # the next request on a connection that was kept
                self._await(self._patience.request)
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > self._patience.head and not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._read, self._fields = True, 0, 0
        if self._deadline is None:  # behind another request, in the same breath
            self._await(self._patience.request)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, length: int) -> None:
        self._read += length
        if self._read > self._patience.head or self._fields > self._patience.fields:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise TooMuch

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refusal = HTTPStatus.TOO_MANY_REQUESTS
            raise TooMuch
        self._await(self._patience.request)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._await(None)

    def _await(self, seconds: float | None) -> None:
        """From now on so long for what comes next of the request; None: nothing is awaited."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if self._in_head and not self._head:  # browsers connect in advance, and may then have nothing to ask
            self.transport.close()
            return
        self._door.refusals["request_seconds"] += 1
        self._refusal = HTTPStatus.REQUEST_TIMEOUT
        self.send_400_response("")

    # --- answers

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for a request that cannot be read. In the middle of an answer nothing can be said."""
        status, self._refusal = self._refusal or HTTPStatus.BAD_REQUEST, None
        if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._door.refusals["head_bytes"] += 1
        elif status is HTTPStatus.TOO_MANY_REQUESTS:
            self._door.refusals["pipelined"] += 1
        self._await(None)
        is_answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if is_answering or self.pipeline:
            self.transport.abort()
        elif not self.transport.is_closing():
            body = f"{status.value} {status.phrase}\n".encode()
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            self.transport.write(head.encode() + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
            self.transport.close()
            self._watch_reader(stalls=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # what is buffered still goes out, if it is taken
            self._watch_reader(stalls=True)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader(stalls=True)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(stalls=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._watch_reader(stalls=False)

    def shutdown(self) -> None:
        super().shutdown()
        self._watch_reader(stalls=True)

    def _watch_reader(self, *, stalls: bool) -> None:
        if self._stall is not None:
            self._stall.cancel()
        self._stall = self.loop.call_later(self._patience.stall, self._cut_off) if stalls else None

    def _cut_off(self) -> None:
        self._stall = None
        self._door.refusals["stall_seconds"] += 1
        self.transport.abort()


def guarded(door: Door, settings: Settings) -> Callable[..., asyncio.Protocol]:
    """What uvicorn makes of every connection (`Config(http=...)`)."""
    return partial(GuardedHttp, door, Patience.of(settings))

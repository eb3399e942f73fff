"""Runs the application under uvicorn: the sans-I/O WebSocket protocol with our frame writer, no per-message deflate."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, Final, cast

import structlog
import uvicorn
from structlog.tracebacks import ExceptionDictTransformer

from live.control import MediaEngine
from live.engine import EmbeddedEngine
from server.app import create_app
from server.frames import FrameProtocol
from server.guarded_http import LOGGER, guarded
from server.hand_over import seconds_to_leave
from server.log_scrubbing import scrubbed
from server.settings import Settings

SHUTDOWN_SECONDS: Final = 5


class DrainingServer(uvicorn.Server):
    """Asked to end, it says so at `/readyz` and goes on for `seconds`, so that a load balancer sends newcomers elsewhere
    before anybody is told to leave. Asked twice, it ends at once. `end` is what is left to do then."""

    def __init__(
        self, config: uvicorn.Config, draining: asyncio.Event, seconds: float, end: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._end = end
        self._draining = draining
        self._seconds = seconds
        self._ends: tuple[float, int] | None = None  # when, by `time.monotonic`, and the signal that asked for it

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._seconds and self._ends is None:
            self._ends = time.monotonic() + self._seconds, sig
        else:
            super().handle_exit(sig, frame)
        self._draining.set()

    async def on_tick(self, counter: int) -> bool:
        if self._ends is not None and not self.should_exit and time.monotonic() >= self._ends[0]:
            super().handle_exit(self._ends[1], None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._end()  # not later: uvicorn raises the signal that ended it once more, and the process is gone


def configuration(
    settings: Settings, engine: MediaEngine | None = None, draining: asyncio.Event | None = None
) -> uvicorn.Config:
    """uvicorn's configuration; `engine` and `draining` as in `create_app`. No access log: addresses can be
    secrets (personal links)."""
    configure_logging(settings.log_level)
    app = create_app(settings, engine=engine, draining=draining)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=cast(Any, guarded(app.state.door, settings)),  # any callable will do, whatever its type says
        ws=FrameProtocol,
        proxy_headers=False,  # `server/door.py` knows whom to believe
        ws_max_size=settings.message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=25.0,  # proxies close what is silent for a minute; lost networks are noticed by TCP (FrameProtocol)
        ws_ping_timeout=20.0,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        lifespan="on",
    )


async def serve(settings: Settings, engine: EmbeddedEngine, listeners: list[socket.socket] | None = None) -> None:
    """Runs until SIGINT or SIGTERM, and stops the engine, which the caller started. `listeners`: on which it answers; else
    on the settings' port, once it is ready."""
    calm_collector()
    draining = asyncio.Event()
    server = DrainingServer(configuration(settings, engine, draining), draining, seconds_to_leave(settings), engine.stop)
    await server.serve(listeners)


def calm_collector() -> None:
    """Makes the garbage collector rarer. Connections are many objects that live long: a broadcast to thousands of them set
    off several collections that found nothing, a tenth of its cost."""
    gc.collect()
    gc.freeze()  # what is there now, modules above all, is never looked at again
    gc.set_threshold(50_000, 20, 50)


def configure_logging(level: str) -> None:
    """JSON lines on stderr, the libraries' too, each with the request that it belongs to, if it belongs to one; no personal
    data, no addresses of pages."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,  # `request`, of `server/request_id.py`
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = [
        # without the values of variables: they may be personal, or secrets
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
        scrubbed,
    ]
    handler = logging.StreamHandler(sys.stderr)
    finishing = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering]
    of_libraries = [structlog.stdlib.add_logger_name, *shared]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=finishing, foreign_pre_chain=of_libraries))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING))
    logging.getLogger(LOGGER).setLevel(logging.ERROR)  # any stranger causes warnings, by the thousand
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

"""A quick start: the first media worker comes up in its own process while this one still loads its libraries, which takes
longer than everything else together. Nothing heavy may be imported here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import ModuleType

import uvloop

from live.adoption import name_of
from live.engine import EmbeddedEngine
from live.limits import Limits
from live.processors import default_workers
from server.descriptors import make_room
from server.settings import Settings

Check = Callable[[Settings], Awaitable[None]]


def start(
    settings: Settings, check: Check, announce: Callable[[], None], listeners: list[socket.socket] | None = None
) -> None:
    """Runs a server until SIGINT or SIGTERM. `check` may refuse, by an exception of its own, before anybody is answered;
    `announce` is called when nothing stands in the way. `listeners`: on which it answers; else it opens its port itself,
    when it is ready. Raises `MediaRefused` if the media engine does not come up."""
    settings = replace(settings, connections=make_room(settings.connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_start(settings, check, announce, listeners))


def embedded_engine(settings: Settings, *, keeps: bool = False) -> EmbeddedEngine:
    """The media engine as the settings want it. `keeps`: its workers wait for another server if this one is killed."""
    workers = settings.media_workers or default_workers()
    return EmbeddedEngine(
        settings.media_hosts,
        settings.media_port,
        workers=workers,
        limits=media_limits(settings),
        public_tcp_port=settings.media_public_tcp_port,
        node=settings.node_name,
        proxies=settings.proxies,
        seats=settings.media_seats,
        name=kept_name(settings) if keeps else "",
        keep=settings.media_keep_seconds,
    )


def kept_name(settings: Settings) -> str:
    """Under which media workers wait for another server in this directory. "": they do not. Of several nodes another one
    takes over what a killed one had."""
    return "" if settings.redis_url or not settings.media_keep_seconds else name_of(settings.directory)


def media_limits(settings: Settings) -> Limits:
    """Of each media worker."""
    return Limits(
        peers=settings.media_peers,
        peers_per_room=settings.media_room_peers,
        rooms=settings.media_rooms,
        tcp_connections=settings.media_tcp_connections,
        tcp_strangers_per_host=settings.media_tcp_strangers,
        tcp_strangers=max(Limits().tcp_strangers, settings.media_tcp_strangers),
        setup=settings.media_setup_seconds,
        idle=settings.media_idle_seconds,
    )


async def _start(
    settings: Settings, check: Check, announce: Callable[[], None], listeners: list[socket.socket] | None
) -> None:
    engine = embedded_engine(settings, keeps=True)
    engine.begin()
    try:
        module = await asyncio.to_thread(_load)
        await check(settings)
        await engine.wait_until_up()
        announce()
        await module.serve(settings, engine, listeners)
    finally:
        await engine.stop()


def _load() -> ModuleType:
    from server import serve

    return serve

"""The way to Redis: connecting, reconnecting, deadlines, in one place. Neighbours: `node` (who is there), `redis_bus`.

What is told here is a hint, and may be lost: whoever must know looks in the journal. So nothing ever waits for Redis, and
nothing piles up for one that is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

ANSWER_SECONDS: Final = 2.0  # for one command, and for a connection
LIVENESS_SECONDS: Final = 1.0  # how often the subscription's connection is asked for a sign of life
SILENCE_SECONDS: Final = 3.0  # after which it is given up
PAUSE_SECONDS: Final = (0.1, 0.5)  # before the next try
WAITING_MESSAGES: Final = 10_000  # to be told; past it the oldest are dropped, and others find them in the journal
AT_ONCE: Final = 256  # messages in one round trip
MOST_CONNECTIONS: Final = 64

# What `client` and `publish` raise when Redis does not answer. `RuntimeError` is uvloop's, for a connection that just ended.
AWAY: Final = (RedisError, OSError, TimeoutError, RuntimeError)

Listener = Callable[[bytes], None]

_log = structlog.get_logger("redis")


class _Pool(BlockingConnectionPool):
    """Once it is closed there are no connections: neither a new one nor one that was just being made. Redis' own would leave
    either open for good."""

    _is_closed = False

    async def get_connection(self, *_: Any, **__: Any) -> Any:
        self._check()
        connection = await super().get_connection()  # type: ignore[no-untyped-call]
        try:
            self._check()
        except RedisConnectionError:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: Any) -> None:
        if self._is_closed:
            await connection.disconnect(nowait=True)
        await super().release(connection)

    async def aclose(self) -> None:
        self._is_closed = True
        await super().aclose()

    def _check(self) -> None:
        if self._is_closed:
            raise RedisConnectionError("closed")


class RedisLink:
    """`on(channel, listener)` for what is to be heard, then `run()` as long as the node lives; `tell` without waiting,
    `publish` and `client` with an answer or one of `AWAY` within `ANSWER_SECONDS`."""

    def __init__(self, url: str) -> None:
        pool = _Pool.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            max_connections=MOST_CONNECTIONS,
            timeout=ANSWER_SECONDS,  # where all are in use
            retry=Retry(NoBackoff(), 0),  # whoever asks decides what to do next
        )
        self.client = Redis.from_pool(pool)
        # Channels do not know databases, so the number is in the name: redis://host/1 is another conference than /0.
        self._prefix = f"plenum:{urlsplit(url).path.strip('/') or '0'}"
        self._listeners: dict[str, list[Listener]] = {}
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=WAITING_MESSAGES)
        self._wake = asyncio.Event()
        self.is_subscribed = False
        self.on_subscribed: list[Callable[[], None]] = []  # called after every time that hearing began (again)

    def key(self, *parts: str) -> str:
        """The name of a key or channel of this conference's."""
        return ":".join((self._prefix, *parts))

    def on(self, channel: str, listener: Listener) -> None:
        """`listener` is called with every message on `key(channel)`. Before `run()`; it must not wait."""
        self._listeners.setdefault(self.key(channel), []).append(listener)

    def tell(self, channel: str, message: bytes) -> None:
        """Publishes soon, in the order of the calls, or not at all if Redis is away."""
        self._waiting.append((self.key(channel), message))
        self._wake.set()

    async def publish(self, channel: str, message: bytes) -> int:
        """Publishes now; returns how many heard it. Raises one of `AWAY`."""
        heard: int = await self.client.publish(self.key(channel), message)
        return heard

    async def run(self) -> None:
        """Hears and tells until it is cancelled, whatever becomes of Redis."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_forever(), name="redis subscription")
            group.create_task(self._tell_forever(), name="redis publisher")

    async def close(self) -> None:
        """Tells what still waits, if Redis takes it at once, and hangs up."""
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(ANSWER_SECONDS):
                while self._waiting:
                    await self._tell_some()
        with contextlib.suppress(*AWAY):
            await self.client.aclose()

    # --- hearing

    async def _hear_forever(self) -> None:
        said = False  # that it is away: once
        while True:
            try:
                await self._hear()
            except AWAY as error:
                if self.is_subscribed or not said:
                    _log.warning("Redis is away; nodes go by the journal until it is back", reason=type(error).__name__)
                    said = True
                self.is_subscribed = False
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))

    async def _hear(self) -> None:
        """One connection's life. Raises one of `AWAY` at its end."""
        # Answers that do not come are our own to notice, by `SILENCE_SECONDS`: silence is normal here.
        async with self.client.pubsub() as subscription:
            await subscription.subscribe(*self._listeners)
            heard_at = asked_at = time.monotonic()
            while True:
                message = await subscription.get_message(timeout=LIVENESS_SECONDS / 2)
                now = time.monotonic()
                if message is not None:
                    heard_at = now
                    self._take(message)
                elif now - heard_at > SILENCE_SECONDS:
                    raise TimeoutError("Redis says nothing")
                if now - asked_at > LIVENESS_SECONDS:
                    asked_at = now
                    await subscription.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe" and not self.is_subscribed:
            self.is_subscribed = True
            _log.info("Redis is there")
            for begun in self.on_subscribed:
                begun()
        elif message["type"] == "message":
            channel = message["channel"].decode()
            for listener in self._listeners.get(channel, ()):
                try:
                    listener(message["data"])
                except msgspec.DecodeError as error:  # of a node that runs another release; what it meant is in the journal
                    _log.warning("a message was not understood", channel=channel, reason=str(error))
                except Exception:  # a bug, which must not cost those who listen to other channels
                    _log.exception("a message was not taken in", channel=channel)

    # --- telling

    async def _tell_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._tell_some()
                except AWAY:  # worth nothing later: the journal is read meanwhile
                    self._waiting.clear()
                    await asyncio.sleep(random.uniform(*PAUSE_SECONDS))

    async def _tell_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        async with self.client.pipeline(transaction=False) as pipeline:
            for channel, message in batch:
                pipeline.publish(channel, message)
            await pipeline.execute()

"""Questions from one node to another about media, and notices to all, through Redis' channels. Neighbours: `redis` (the way
there), `media_wire` (the messages), `media_engine` (who asks and answers).

Redis, not HTTP between nodes: they need no addresses of each other, no port and no secret more, and a room can only be found
while Redis is there anyway. A channel may lose messages: a question has a deadline, and notices have numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, get_args

import msgspec
import structlog

from live.control import MediaRefused, RefusalCode
from server.cluster import media_wire as wire
from server.cluster.redis import AWAY, RedisLink

ANSWER_SECONDS: Final = 10.0
MOST_ASKED: Final = 1024  # questions under way; more are refused at once
MOST_ANSWERING: Final = 512  # others' questions; more are refused at once, so that whoever asks tries again
NOTICES: Final = "media:notices"

_log = structlog.get_logger("media nodes")
T = TypeVar("T")


class Moved(Exception):
    """Whoever was asked does not have the room, or not any more."""


class Calls:
    """`answer(lease, call)` for what others ask, which may raise `MediaRefused` or `Moved`; `hear(notices)`."""

    def __init__(
        self,
        link: RedisLink,
        node: str,
        answer: Callable[[str, wire.Call], Awaitable[Any]],
        hear: Callable[[wire.Notices], None],
    ) -> None:
        self._link, self._node, self._answer = link, node, answer
        self._hear = hear
        self._asked: dict[int, tuple[str, asyncio.Future[msgspec.Raw]]] = {}  # with the lease that was asked
        self._answering: set[asyncio.Task[None]] = set()
        self._next_id = 0
        self._message: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(wire.Message)
        self._notices = msgspec.msgpack.Decoder(wire.Notices)
        link.on(self._channel(node), self._take)
        link.on(NOTICES, lambda message: self._hear(self._notices.decode(message)))

    async def ask(self, lease: str, call: wire.Call, kind: type[T], *, seconds: float = ANSWER_SECONDS) -> T:
        """Asks whoever has a lease, and waits for so long. Raises `MediaRefused` or `Moved`."""
        if len(self._asked) >= MOST_ASKED:
            raise MediaRefused("media_unavailable", "too many questions under way")
        self._next_id += 1
        request = wire.Request(self._next_id, self._node, lease, call)
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._asked[request.id] = lease, future
        try:
            async with asyncio.timeout(seconds):
                channel = self._channel(wire.node_of(lease))
                if not await self._link.publish(channel, msgspec.msgpack.encode(request)):
                    raise MediaRefused("media_unavailable", "that node does not listen")
                return msgspec.msgpack.decode(await future, type=kind)
        except AWAY:
            raise MediaRefused("media_unavailable", "that node does not answer") from None
        except msgspec.DecodeError:
            raise MediaRefused("media_unavailable", "that node runs another release") from None
        finally:
            self._asked.pop(request.id, None)

    def tell(self, notices: wire.Notices) -> None:
        """Tells all nodes."""
        self._link.tell(NOTICES, msgspec.msgpack.encode(notices))

    def fail(self, lease: str) -> None:
        """The lease is over: who waits for its answers does not any longer."""
        for asked, future in self._asked.values():
            if asked == lease and not future.done():
                future.set_exception(Moved())

    async def stop(self) -> None:
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    @staticmethod
    def _channel(node: str) -> str:
        return f"media:to:{node}"

    def _take(self, data: bytes) -> None:
        message: wire.Message = self._message.decode(data)
        match message:
            case wire.Request():
                self._begin(message)
            case wire.Result(request_id, value):
                if (asked := self._asked.get(request_id)) and not asked[1].done():
                    asked[1].set_result(msgspec.Raw(bytes(value)))
            case wire.Failure(request_id):
                if (asked := self._asked.get(request_id)) and not asked[1].done():
                    asked[1].set_exception(_error(message))

    def _begin(self, request: wire.Request) -> None:
        if len(self._answering) >= MOST_ANSWERING:
            self._reply(request, wire.Failure(request.id, "media_unavailable", "too many questions"))
            return
        task = asyncio.create_task(self._respond(request))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _respond(self, request: wire.Request) -> None:
        try:
            value = await self._answer(request.lease, request.call)
            reply: wire.Message = wire.Result(request.id, msgspec.Raw(msgspec.msgpack.encode(value)))
        except MediaRefused as refusal:
            reply = wire.Failure(request.id, refusal.code, str(refusal))
        except Moved:
            reply = wire.Failure(request.id, "moved")
        except Exception as error:
            _log.exception("a question of another node failed", call=type(request.call).__name__)
            reply = wire.Failure(request.id, "media_unavailable", type(error).__name__)
        self._reply(request, reply)

    def _reply(self, request: wire.Request, reply: wire.Message) -> None:
        self._link.tell(self._channel(request.sender), msgspec.msgpack.encode(reply))


def _error(failure: wire.Failure) -> Exception:
    if failure.code == "moved":
        return Moved()
    code: RefusalCode = next((known for known in get_args(RefusalCode) if known == failure.code), "media_unavailable")
    return MediaRefused(code, failure.detail)

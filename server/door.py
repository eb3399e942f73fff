"""Who comes in, and how many at once: connections are counted, in all and by address, and so are requests and WebSockets
under way by whose they are. What is too much is refused in words, and nobody else notices.

Neighbours: `guarded_http`, which counts connections and cuts off slow ones; `clients`, whose address it is; `guesses`,
wrong links; `limits`, how much of everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import Final, Literal

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms.errors import Refused
from server.clients import Proxies, block_of
from server.settings import Settings

EXCESS_OF_ADDRESS: Final = 32  # connections beyond the limit that are heard out, to be told why they are refused
EXCESS: Final = 128  # likewise, of all together; what is beyond that is cut off without a word
CLOSE_TOO_MANY: Final = 4429
CROWDED: Final = "crowded"  # in a request's state: its connection is one too many, a refusal's code
FORWARDED: Final = "x-forwarded-for"

# What is counted for `/metrics`: settings by their names, and what is a constant.
COUNTED: Final = (
    "connections",
    "connections_per_address",
    "connections_per_person",
    "request_seconds",
    "stall_seconds",
    "head_bytes",
    "body_bytes",
    "pipelined",
    "messages_per_second",
    "wrong_links",
)

Verdict = Literal["in", "crowded", "full", "cut_off"]

_log = structlog.get_logger("plenum")


class Door:
    """What is open now. One for the whole server; memory follows the connections, which are bounded."""

    def __init__(self, settings: Settings) -> None:
        self._most, self._most_of_address = settings.connections, settings.connections_per_address
        self.proxies = Proxies(settings.trusted_proxies)
        self.refusals: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self.connections = 0  # HTTP and WebSocket
        self._connections: Counter[str] = Counter()  # by address; a proxy's own count under ""
        self._under_way: Counter[str] = Counter()  # requests and WebSockets, by whose they are
        self._warned = False

    def connected(self, peer: str) -> Verdict:
        """Counts a connection that has been made, unless it is to be cut off. `disconnected` ends what this began."""
        key = self._key(peer)
        verdict = self._judge(key)
        if verdict != "in":
            self.refusals["connections" if verdict != "crowded" else "connections_per_address"] += 1
        if verdict != "cut_off":
            self._connections[key] += 1
            self.connections += 1
        return verdict

    def _judge(self, key: str) -> Verdict:
        beyond = self.connections - self._most
        beyond_of_address = self._connections[key] - self._most_of_address if key else -1
        if beyond >= EXCESS or beyond_of_address >= EXCESS_OF_ADDRESS:
            return "cut_off"
        if beyond_of_address >= 0:
            return "crowded"
        return "full" if beyond >= 0 else "in"

    def disconnected(self, peer: str) -> None:
        _take_one(self._connections, self._key(peer))
        self.connections -= 1

    def _key(self, peer: str) -> str:
        return "" if self.proxies.trusts(peer) else block_of(peer)

    def begin(self, address: str) -> bool:
        """Counts a request or WebSocket; False: there are too many of this address. `end` ends what this began."""
        if self._under_way[address] >= self._most_of_address:
            self.refusals["connections_per_address"] += 1
            return False
        self._under_way[address] += 1
        return True

    def end(self, address: str) -> None:
        _take_one(self._under_way, address)

    def client(self, scope: Scope) -> str:
        """Whose request it is. Somebody else's `X-Forwarded-For` is not believed, and told of once: behind a proxy that is
        not in the settings a whole town hall has one address."""
        peer = (scope.get("client") or ("",))[0]
        forwarded = Headers(scope=scope).getlist(FORWARDED)
        if forwarded and not self._warned and not self.proxies.trusts(peer):
            self._warned = True
            _log.warning("X-Forwarded-For from an address that is not in PLENUM_TRUSTED_PROXIES was not believed")
        return self.proxies.client(peer, forwarded)


class Doorkeeper:
    """Middleware: `client` in the scope is whose request it is, and only so many of one address are under way."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = self._door.client(scope)
        scope["client"] = (client, 0)
        address, crowded = block_of(client), scope.get("state", {}).get(CROWDED)
        if crowded or not self._door.begin(address):
            await _refuse(scope, receive, send, crowded or "crowded")
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._door.end(address)


async def _refuse(scope: Scope, receive: Receive, send: Send, code: str) -> None:
    """A WebSocket has to be open for its page to learn why it is closed."""
    if scope["type"] == "http":
        raise Refused(code)
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": CLOSE_TOO_MANY})


class BodyLimit:
    """Middleware: a request's body is at most so long, whatever its header says."""

    def __init__(self, app: ASGIApp, door: Door, most: int) -> None:
        self._app = app
        self._door = door
        self._most = most

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return (self._serve if scope["type"] == "http" else self._app)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self._most:
            self._refuse()
        heard = 0

        async def receive_some() -> Message:
            nonlocal heard
            message = await receive()
            heard += len(message.get("body", b""))
            if heard > self._most:
                self._refuse()
            return message

        await self._app(scope, receive_some, send)

    def _refuse(self) -> None:
        self._door.refusals["body_bytes"] += 1
        raise Refused("too_large")


def _take_one(counts: Counter[str], key: str) -> None:
    """Keys without a count are not kept."""
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]

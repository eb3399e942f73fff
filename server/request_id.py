"""A name for every request, in its answer and in every line that is logged while it is served (`X-Request-ID`): so that a
proxy's line, ours and what a visitor saw can be laid side by side. A WebSocket is one request, for as long as it lasts."""

from __future__ import annotations

import re
import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

HEADER: Final = "X-Request-ID"
_GOOD: Final = re.compile(
    r"[0-9a-f-]{16,64}"
)  # as proxies and UUIDs are; it ends up in logs, and must not be anybody's name


class RequestId:
    """Outermost of all: what the others log has it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        name = request_id(Headers(scope=scope).get(HEADER, ""))

        async def send_with_name(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        with bound_contextvars(request=name):
            await self._app(scope, receive, send_with_name if scope["type"] == "http" else send)


def request_id(brought: str) -> str:
    """What a proxy calls the request, or a new name."""
    return brought if _GOOD.fullmatch(brought) else secrets.token_hex(16)

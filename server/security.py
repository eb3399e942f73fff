"""Security headers for every answer, and the check that what changes something comes from our own pages.

The policy allows no inline script or style but the import map, which carries the request's nonce. Pure ASGI: bodies and
WebSockets pass untouched.
"""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms.errors import Refused
from server.errors import Errors
from server.settings import Settings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_USED: Final = ("camera", "microphone", "display-capture", "autoplay", "fullscreen", "speaker-selection")
_UNUSED: Final = ("geolocation", "payment", "usb", "serial", "hid", "midi", "browsing-topics")
_PERMISSIONS: Final = ", ".join([*(f"{name}=(self)" for name in _USED), *(f"{name}=()" for name in _UNUSED)])


def middleware(settings: Settings) -> list[Middleware]:
    """What every request passes, outermost first: an error page has the security headers too."""
    return [Middleware(SecurityHeaders, url=settings.url), Middleware(Errors), Middleware(SameOrigin)]


class SecurityHeaders:
    """Outermost: a nonce for the request (`request.state.nonce`), headers for the answer."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._fixed = _fixed_headers(https=url.startswith("https://"))
        self._socket = "ws" + url.removeprefix("http")  # http → ws, https → wss

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
                headers["Content-Security-Policy"] = content_security_policy(nonce, self._socket)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameOrigin:
    """Refuses unsafe requests unless a browser says that they come from our own pages. Those with a bearer token and no
    cookie bring their own proof (WHIP and WHEP) and may come from anywhere. No cookie alone is no excuse: browsers keep
    `SameSite` cookies back from other sites' forms, which could still sign the visitor in as somebody else, or out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            connection = HTTPConnection(scope)
            has_cookie, has_proof = "cookie" in connection.headers, "authorization" in connection.headers
            if (has_cookie or not has_proof) and not is_same_origin(connection, unmarked=not has_cookie):
                raise Refused("foreign_origin")
        await self._app(scope, receive, send)


def is_same_origin(connection: HTTPConnection, *, unmarked: bool = True) -> bool:
    """True if a request or WebSocket comes from our own pages. Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata)
    and, on plain HTTP, by `Origin` (RFC 6454) alone; `unmarked` is the answer for those who say neither, which for a
    WebSocket means: no browser."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = connection.headers.get("origin")
    if origin is None:
        return unmarked
    host = urlsplit(origin).netloc
    return bool(host) and host == connection.headers.get("host")


def content_security_policy(nonce: str, socket: str) -> str:
    """The policy (W3C CSP 3) of one answer. `socket`: where the WebSocket is, for browsers whose `'self'` is without it."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src 'self' {socket}",
            "font-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )


def _fixed_headers(*, https: bool) -> dict[str, str]:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Not "no-referrer": with it, browsers send `Origin: null` with our own forms (Fetch, "append a request Origin
        # header"), and on plain HTTP the check above would have nothing to go by. Other sites are told nothing either way.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers

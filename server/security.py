"""Security headers for every answer, and the check that what changes something comes from our own pages.

The policy allows no inline script or style but the import map, which carries the request's nonce. Pure ASGI: bodies and
WebSockets pass untouched.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms.errors import Refused
from server.door import BodyLimit, Door, Doorkeeper
from server.errors import Errors
from server.request_id import RequestId
from server.settings import Settings

_OWN: Final = "own_origin"  # in the request's state
_PORTS: Final = {"http": 80, "https": 443}

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

# Media software may be a page of another site. What it may do hangs on its token; browsers keep our cookies from it.
_SOFTWARE: Final = ("/whip/", "/whep/")
_SHARED: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link",
    "Cross-Origin-Resource-Policy": "cross-origin",
}

_USED: Final = ("camera", "microphone", "display-capture", "autoplay", "fullscreen", "speaker-selection")
_UNUSED: Final = ("geolocation", "payment", "usb", "serial", "hid", "midi", "browsing-topics")
_PERMISSIONS: Final = ", ".join([*(f"{name}=(self)" for name in _USED), *(f"{name}=()" for name in _UNUSED)])


def middleware(settings: Settings, door: Door) -> list[Middleware]:
    """What every request passes, outermost first: an error page has the security headers too."""
    # Whoever has nothing to do with WebSockets hands them on without a coroutine: each would last as long as the connection.
    return [
        Middleware(RequestId),
        Middleware(SecurityHeaders, url=settings.url),
        Middleware(Errors),
        Middleware(Doorkeeper, door=door),
        Middleware(BodyLimit, door=door, most=settings.body_bytes),
        Middleware(SameOrigin, url=settings.public_url),
    ]


class SecurityHeaders:
    """A nonce for the request (`request.state.nonce`), headers for the answer."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._fixed = _fixed_headers(https=url.startswith("https://"))
        self._socket = "ws" + url.removeprefix("http")  # http → ws, https → wss

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return (self._serve if scope["type"] == "http" else self._app)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        fixed = self._fixed | _SHARED if scope["path"].startswith(_SOFTWARE) else self._fixed

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in fixed.items():
                    headers.setdefault(name, value)
                headers["Content-Security-Policy"] = content_security_policy(nonce, self._socket)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameOrigin:
    """Refuses unsafe requests unless a browser says that they come from our own pages. Those with a bearer token and no
    cookie bring their own proof (WHIP and WHEP) and may come from anywhere. No cookie alone is no excuse: browsers keep
    `SameSite` cookies back from other sites' forms, which could still sign the visitor in as somebody else, or out.
    `url`: the public address, if there is one."""

    def __init__(self, app: ASGIApp, url: str = "") -> None:
        self._app = app
        self._own = origin_of(url)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope.setdefault("state", {})[_OWN] = self._own  # for WebSockets too, which ask `is_same_origin` themselves
        return (self._serve if scope["type"] == "http" else self._app)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in SAFE_METHODS:
            connection = HTTPConnection(scope)
            has_cookie, has_proof = "cookie" in connection.headers, "authorization" in connection.headers
            if (has_cookie or not has_proof) and not is_same_origin(connection, unmarked=not has_cookie):
                raise Refused("foreign_origin")
        await self._app(scope, receive, send)


def is_same_origin(connection: HTTPConnection, *, unmarked: bool = True) -> bool:
    """True if a request or WebSocket comes from our own pages. Scripts can set neither `Origin` (RFC 6454) nor
    `Sec-Fetch-Site` (W3C Fetch Metadata), so either is proof. The public address as `Origin`, scheme and port included, is
    enough: it does not depend on a proxy that keeps `Host`, nor on how a browser compares `wss:` with `https:`. Else
    `Sec-Fetch-Site` decides; where a browser sends none (plain HTTP, WebSockets), an `Origin` that names our `Host`. That
    is no match for a `Sec-Fetch-Site` that says no: behind a proxy it cannot tell http: from https:. `unmarked` is the
    answer for those who say neither, which for a WebSocket means: no browser."""
    origin, site = connection.headers.get("origin"), connection.headers.get("sec-fetch-site")
    own = connection.scope.get("state", {}).get(_OWN, "")
    if own and origin == own:
        return True
    if site is not None:
        return site == "same-origin"
    if origin is None:
        return unmarked
    host = origin.partition("://")[2]
    return bool(host) and host == connection.headers.get("host")


def origin_of(url: str) -> str:
    """The origin of an address as browsers write it (RFC 6454, 6.2): no default port, lower case, names in ASCII. "" if it
    has none."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            return ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    except ValueError:  # no such port, no such name
        return ""
    return f"{parts.scheme}://{host}{port}"


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

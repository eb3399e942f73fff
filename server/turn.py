"""TURN servers for clients (RFC 8656): where they are, and credentials that end by themselves, as coturn's `use-auth-secret`
takes them: until when and for whom, with an HMAC-SHA1 of that by the secret that both servers know.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from server.settings import Settings

VALID_FOR: Final = timedelta(hours=12)  # a conference day; coturn asks again only for new allocations


class IceServer(Struct, frozen=True):
    """As `RTCIceServer` (WebRTC, 4.2.4) has it."""

    urls: tuple[str, ...]
    username: str
    credential: str


def ice_servers(settings: Settings, person_id: str, now: datetime) -> tuple[IceServer, ...]:
    """What a person's client is given; nothing where there is no TURN server. The TURN server can tell people from each
    other, for its quota, and not who they are."""
    if not settings.turn_servers:
        return ()
    label = hmac.digest(settings.turn_secret.encode(), b"label " + person_id.encode(), "sha256").hex()[:16]
    username = f"{int((now + VALID_FOR).timestamp())}:{label}"
    credential = base64.b64encode(hmac.digest(settings.turn_secret.encode(), username.encode(), "sha1")).decode()
    return (IceServer(settings.turn_servers, username, credential),)


def link_values(servers: tuple[IceServer, ...]) -> list[str]:
    """The same as `Link` headers (RFC 9725, 4.6), one for each address."""
    return [
        f'<{url}>; rel="ice-server"; username="{server.username}"; credential="{server.credential}"; '
        'credential-type="password"'
        for server in servers
        for url in server.urls
    ]

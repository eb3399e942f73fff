"""A browser without pages: signs in with a personal link, keeps the cookie, posts. Neighbour: `tab`, its WebSocket."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

TIMEOUT_SECONDS: Final = 10.0
FORM: Final = "application/x-www-form-urlencoded"


class Answer(Struct, frozen=True):
    """`headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class NotTaken(Exception):
    """The server answered with a status that says no."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body[:200]!r}")
        self.status = answer.status


class Visitor:
    """One person's browser. `base`: the server's address, without a trailing slash."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self.cookie = ""  # "plenum=…" once signed in
        self._token = token

    async def sign_in(self) -> None:
        """Opens the personal link. Raises `NotTaken`, or `OSError` if the server is not there."""
        answer = await request(self.base, "GET", f"/join/{self._token}")
        if answer.status != 303:
            raise NotTaken(answer)
        cookies = SimpleCookie(answer.headers.get("set-cookie", ""))
        self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())

    async def post(self, path: str, body: bytes, content_type: str) -> Answer:
        """Posts as one of our own pages does. Raises `NotTaken`, or `OSError`."""
        headers = {"Cookie": self.cookie, "Origin": self.base, "Content-Type": content_type}
        return taken(await request(self.base, "POST", path, body, headers))

    async def post_form(self, path: str, fields: Mapping[str, str]) -> Answer:
        return await self.post(path, urlencode(fields).encode(), FORM)


def taken(answer: Answer) -> Answer:
    """The answer, unless it says no. Raises `NotTaken`."""
    if answer.status >= 400:
        raise NotTaken(answer)
    return answer


async def request(
    base: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One HTTP request on a connection of its own; redirects are not followed. Raises `OSError`."""
    return await asyncio.to_thread(_request, base, method, path, body, dict(headers or {}))


def _request(base: str, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()

"""Who somebody is: personal links become signed cookies; media software gets bearer tokens.

A cookie holds nothing but the id of the link it came from, so that revoking the link ends the cookie at its next use.
"""

from __future__ import annotations

from typing import Final, Literal

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.responses import Response

from rooms import messages as m
from rooms.errors import Refused
from server.links import Link, Links
from server.people import People

COOKIE: Final = "plenum"
COOKIE_SECONDS: Final = 30 * 24 * 3600

MediaPurpose = Literal["whip", "whep"]


class MediaPass(Struct, frozen=True):
    """What a bearer token lets its holder do: send (`whip`) or receive (`whep`) in one room, as one person."""

    room: str
    actor: m.Actor


class Identity:
    """Signs in and recognises. The rules of who may do what are in `rooms/access.py`."""

    def __init__(self, secret: bytes, links: Links, people: People, *, secure: bool) -> None:
        self._links = links
        self._people = people
        self._secure = secure
        self._cookies = URLSafeTimedSerializer(secret, salt="plenum cookie")
        self._passes = URLSafeSerializer(secret, salt="plenum media pass")

    def actor(self, connection: HTTPConnection) -> m.Actor | None:
        """Who is signed in, with the roles they have now; None: nobody, or the link was revoked."""
        try:
            link_id = self._cookies.loads(connection.cookies.get(COOKIE, ""), max_age=COOKIE_SECONDS)
        except BadSignature:
            return None
        return self._actor_of_link(link_id)

    def knows(self, token: str) -> bool:
        """Whether a link has this token, as far as is known without asking the database."""
        return self._links.knows(token)

    async def find(self, token: str) -> tuple[Link, m.Actor]:
        """The link with a token and whose it is. Raises `Refused`: `link_unknown` or `link_revoked`."""
        link = await self._links.find(token)
        actor = self._actor_of_link(link.id)
        if actor is None:
            await self._people.refresh()
            actor = self._actor_of_link(link.id)
        if actor is None:
            raise Refused("link_unknown")
        return link, actor

    def sign_in(self, response: Response, link: Link) -> None:
        """Sets the cookie that stands for a link."""
        value = self._cookies.dumps(link.id)
        assert isinstance(value, str)
        response.set_cookie(
            COOKIE, value, max_age=COOKIE_SECONDS, httponly=True, samesite="lax", secure=self._secure, path="/"
        )

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path="/")

    async def issue(self, person_id: str) -> str:
        """The token of a person's link, made if they have none."""
        return (await self._links.ensure(person_id)).token

    async def revoke(self, person_id: str) -> None:
        """Ends a person's links, cookies and media passes."""
        await self._links.revoke(person_id)

    async def media_token(self, room: str, person_id: str, purpose: MediaPurpose) -> str:
        """A bearer token for WHIP or WHEP software; it ends with the person's link."""
        link = await self._links.ensure(person_id)
        value = self._passes.dumps([purpose, room, link.id])
        assert isinstance(value, str)
        return value

    def media_pass(self, connection: HTTPConnection, purpose: MediaPurpose) -> MediaPass:
        """What the request's bearer token allows (RFC 6750). Raises `Refused("not_signed_in")`."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise Refused("not_signed_in")
            meant_for, room, link_id = self._passes.loads(token.strip())
        except (BadSignature, ValueError, TypeError):
            raise Refused("not_signed_in") from None
        actor = self._actor_of_link(link_id)
        if actor is None or meant_for != purpose:
            raise Refused("not_signed_in")
        return MediaPass(room, actor)

    def actor_of(self, person_id: str) -> m.Actor | None:
        """Somebody with the roles they have now; None for who is not known, or whose links were all revoked."""
        person = self._people.get(person_id)
        return None if person is None or not self._links.has(person_id) else self._people.actor(person)

    def _actor_of_link(self, link_id: object) -> m.Actor | None:
        person_id = self._links.person_of(link_id) if isinstance(link_id, str) else None
        person = self._people.get(person_id) if person_id is not None else None
        return None if person is None else self._people.actor(person)

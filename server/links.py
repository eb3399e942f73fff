"""Personal links: how a person signs in. One link opens the conference for one person, on as many devices as they like.

A link's token is HMAC-SHA256 (RFC 2104) of the link's id under the server's secret, so that `plenum links` can print the
same links again for a second e-mail, while the database holds ids and digests only: a copy of the database opens nothing
without the secret, which is a file of its own. Revoking marks the link; the next `ensure` makes a new one with a new id,
and so with another token. A token signed with an earlier secret goes on working, as it is looked up by its digest.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms.errors import Refused
from server.database import Database
from server.tables import links


class Link(Struct, frozen=True):
    """A link that is in force, with the token that goes into its address."""

    id: str
    person_id: str
    token: str


def token_of(secret: bytes, link_id: str) -> str:
    """The token of a link: 43 characters that are safe in a URL, 256 bits."""
    digest = hmac.digest(secret, b"plenum personal link\0" + link_id.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def digest_of(token: str) -> str:
    """What the database keeps of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Links:
    """The links there are. `await load()` first; `person_of` then answers without waiting."""

    def __init__(self, database: Database, secret: bytes, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._secret = secret
        self._now = now
        self._in_force: dict[str, str] = {}  # person by link
        self._digests: frozenset[str] = frozenset()  # of all links, withdrawn ones too
        self._version: object = None
        self._loading = asyncio.Lock()  # an older reading must not overwrite a newer one

    async def load(self) -> None:
        """Reads which links are in force."""

        async def work(connection: AsyncConnection) -> tuple[object, dict[str, str], frozenset[str]]:
            columns = links.c.id, links.c.person_id, links.c.digest, links.c.revoked
            rows = (await connection.execute(select(*columns))).all()
            in_force = {row.id: row.person_id for row in rows if not row.revoked}
            return await _version(connection), in_force, frozenset(row.digest for row in rows)

        async with self._loading:
            self._version, self._in_force, self._digests = await self._database.read(work)

    async def refresh(self) -> bool:
        """Reads again if another process (`plenum links`) has issued or revoked; returns whether it had."""
        if await self._database.read(_version) == self._version:
            return False
        await self.load()
        return True

    def person_of(self, link_id: str) -> str | None:
        """Whom a link in force belongs to; None once it is revoked. Cookies carry the link's id and are checked here."""
        return self._in_force.get(link_id)

    def has(self, person_id: str) -> bool:
        """Whether somebody has a link in force."""
        return person_id in self._in_force.values()

    def knows(self, token: str) -> bool:
        """Whether there is, or was, a link with this token, without asking the database: False for what is wrong, and for
        what another process has issued since the last `refresh`."""
        return digest_of(token) in self._digests

    async def ensure(self, person_id: str) -> Link:
        """The person's link; a new one if they have none in force."""
        return (await self.ensure_all([person_id]))[person_id]

    async def ensure_all(self, person_ids: Iterable[str]) -> dict[str, Link]:
        """Everybody's link, by person, in one commit."""
        wanted = list(dict.fromkeys(person_ids))
        found = await self._database.read(self._printable)
        new = [self._new_link(person_id) for person_id in wanted if person_id not in found]
        at = self._now().timestamp()
        rows = [{"id": n.id, "person_id": n.person_id, "digest": digest_of(n.token), "created_at": at} for n in new]

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(links), rows)

        if rows:
            await self._database.write(work)
            await self.load()
        found |= {link.person_id: link for link in new}
        return {person_id: found[person_id] for person_id in wanted}

    async def revoke(self, person_id: str) -> int:
        """Ends every link of a person, and so every cookie that came from one; returns how many were in force."""

        async def work(connection: AsyncConnection) -> int:
            mine = update(links).where(links.c.person_id == person_id, ~links.c.revoked).values(revoked=True)
            return (await connection.execute(mine)).rowcount

        count = await self._database.write(work)
        await self.load()
        return count

    async def find(self, token: str) -> Link:
        """The link with a token. Raises `Refused`: `link_unknown`, or `link_revoked`."""

        async def work(connection: AsyncConnection) -> Row[Any] | None:
            return (await connection.execute(select(links).where(links.c.digest == digest_of(token)))).first()

        row = await self._database.read(work)
        if row is None:
            raise Refused("link_unknown")
        if row.revoked:
            raise Refused("link_revoked")
        if row.id not in self._in_force:  # issued by another process a moment ago
            await self.load()
        return Link(row.id, row.person_id, token)

    def _new_link(self, person_id: str) -> Link:
        link_id = secrets.token_urlsafe(12)
        return Link(link_id, person_id, token_of(self._secret, link_id))

    async def _printable(self, connection: AsyncConnection) -> dict[str, Link]:
        """Links in force whose token can be derived, by person: those made under another secret cannot be printed."""
        rows = await connection.execute(select(links).where(~links.c.revoked).order_by(links.c.created_at))
        return {
            row.person_id: Link(row.id, row.person_id, token)
            for row in rows
            if hmac.compare_digest(digest_of(token := token_of(self._secret, row.id)), row.digest)
        }


async def _version(connection: AsyncConnection) -> object:
    """Changes with every link that is issued or revoked."""
    numbers = select(func.count(), func.count().filter(links.c.revoked), func.max(links.c.created_at)).select_from(links)
    return tuple((await connection.execute(numbers)).one())

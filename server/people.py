"""The people of a conference: one table, the only place that knows who an id is. Events refer to people by id.

`People` keeps them all in memory, since every command asks for one. Another process may import while the server runs
(`plenum people import`): `refresh` notices. Neighbours: `people_file` reads tables of people, `links` signs them in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from msgspec.structs import asdict
from sqlalchemy import Row, bindparam, func, insert, select
from sqlalchemy import update as update_rows
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.database import Database
from server.person import ROLES, Import, Person
from server.tables import people

__all__ = ["Import", "People", "Person"]


class People:
    """All people, in memory and in the database. `await load()` first."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._by_id: dict[str, Person] = {}
        self._by_email: dict[str, Person] = {}
        self._version: object = None
        self.on_gone: Callable[[frozenset[str]], None] = lambda gone: None  # told who is not there any more
        self._loading = asyncio.Lock()  # an older reading must not overwrite a newer one

    async def load(self) -> None:
        """Reads everybody."""

        async def work(connection: AsyncConnection) -> tuple[object, list[Person]]:
            version = await _version(connection)
            return version, [_person(row) for row in await connection.execute(select(people))]

        async with self._loading:
            self._version, found = await self._database.read(work)
            found.sort(key=lambda person: (person.name, person.email))  # here: databases differ about the order of letters
            gone = frozenset(self._by_id) - {person.id for person in found}
            self._by_id = {person.id: person for person in found}
            self._by_email = {person.email: person for person in found}
        if gone:
            self.on_gone(gone)

    async def refresh(self) -> bool:
        """Reads everybody again if another process has changed somebody; returns whether it had."""
        if await self._database.read(_version) == self._version:
            return False
        await self.load()
        return True

    def get(self, person_id: str) -> Person | None:
        return self._by_id.get(person_id)

    def with_email(self, email: str) -> Person | None:
        return self._by_email.get(email.strip().lower())

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return list(self._by_id.values())

    def name_of(self, person_id: str) -> str:
        """Somebody's name; "" for who is not known (any more)."""
        person = self.get(person_id)
        return person.name if person is not None else ""

    def actor(self, person: Person) -> m.Actor:
        """The person as `rooms` knows them."""
        return m.Actor(person.id, person.name, frozenset(person.roles))

    async def apply(self, plan: Import) -> None:
        """Does what the plan says, in one commit. A person whom another import has added since then is refused by the
        database (`sqlalchemy.exc.IntegrityError`), and nothing is imported."""
        at = self._now().timestamp()
        additions = [_row(person, at) for person in plan.added]
        updates = [{**_row(after, at), "key": after.id} for _, after in plan.changed]

        async def work(connection: AsyncConnection) -> None:
            if additions:
                await connection.execute(insert(people), additions)
            if updates:
                await connection.execute(update_rows(people).where(people.c.id == bindparam("key")), updates)

        if not plan.is_empty:
            await self._database.write(work)
            await self.load()


async def _version(connection: AsyncConnection) -> object:
    """Changes with every import and removal."""
    return tuple((await connection.execute(select(func.count(), func.max(people.c.changed_at)).select_from(people))).one())


def _row(person: Person, at: float) -> dict[str, Any]:
    return {**asdict(person), "roles": " ".join(person.roles), "changed_at": at}


def _person(row: Row[Any]) -> Person:
    values = dict(row._mapping)
    del values["changed_at"]
    roles = tuple(cast(m.Role, role) for role in values.pop("roles").split() if role in ROLES)
    return Person(**values, roles=roles)

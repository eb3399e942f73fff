"""Where the keys of anonymous polls are: files of one node's (`vault`), or a table where several nodes share them.

In the table they are covered by a pad that is derived from the server's secret, so that neither a dump nor the database's
write-ahead log alone has a key. docs/operations.md says what is left to the operator.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from pathlib import Path
from typing import Final, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms.errors import Refused
from server.database import Database
from server.database.dialect import insert_if_free, upsert
from server.tables import vault
from server.vault import KEY_BYTES, Vault, voter_of

_log: Final = structlog.get_logger("vault")


class Keys(Protocol):
    """Keys by name (a poll's id, or `survey`). One that was destroyed stays destroyed."""

    async def prepare(self, name: str) -> None:
        """Like `ensure`, with time."""

    async def ensure(self, name: str) -> None:
        """Creates the key if it is missing; durable when this returns. Raises `Refused`."""

    async def voter(self, name: str, person_id: str) -> str:
        """The name under which a person answers. Raises `KeyError` if there is no key."""

    async def holds(self, name: str) -> bool: ...

    async def destroy(self, name: str) -> None:
        """Harmless if it is gone."""

    def forget(self, name: str) -> None:
        """Another node destroys it, or is about to: it leaves the memory."""


class FileKeys:
    """Of one node. `ensure` and `voter` never let anybody else go first: what was checked before still holds after them."""

    def __init__(self, directory: Path) -> None:
        self._vault = Vault(directory)

    async def prepare(self, name: str) -> None:
        await asyncio.to_thread(self._vault.ensure, name)

    async def ensure(self, name: str) -> None:
        try:
            self._vault.ensure(name)
        except OSError as error:
            _log.error("cannot write a key", reason=str(error))
            raise Refused("read_only") from error

    async def voter(self, name: str, person_id: str) -> str:
        return self._vault.voter(name, person_id)

    async def holds(self, name: str) -> bool:
        return self._vault.holds(name)

    async def destroy(self, name: str) -> None:
        await asyncio.to_thread(self._vault.destroy, name)

    def forget(self, name: str) -> None:
        """`destroy` does it."""


class TableKeys:
    """Of several nodes. A row without a key is one that was destroyed."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret
        self._known: dict[str, bytes] = {}
        self._over: set[str] = set()  # whose keys are not to be in memory again, whoever still asks for them

    async def prepare(self, name: str) -> None:
        await self.ensure(name)

    async def ensure(self, name: str) -> None:
        if name not in self._known:
            await self._keep(name, secrets.token_bytes(KEY_BYTES))

    async def voter(self, name: str, person_id: str) -> str:
        key = self._known.get(name) or await self._read(name)
        if key is None:
            raise KeyError(name)
        self._remember(name, key)
        return voter_of(key, person_id)

    async def holds(self, name: str) -> bool:
        return await self._read(name) is not None

    async def destroy(self, name: str) -> None:
        statement = upsert(self._database.dialect, vault, "name")

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement, {"name": name, "key": None})

        self.forget(name)
        await self._database.write(work)
        await self._database.checkpoint(vault)

    def forget(self, name: str) -> None:
        self._over.add(name)
        self._known.pop(name, None)

    def _remember(self, name: str, key: bytes) -> None:
        if name not in self._over:
            self._known[name] = key

    async def adopt(self, directory: Path) -> None:
        """Takes over what a node on its own has left: polls may be open."""
        alone = Vault(directory)
        for name, key in alone.contents():
            await self._keep(name, key)
            self._known.pop(name, None)
            alone.destroy(name)

    async def is_in_use(self) -> bool:
        """Whether there are keys, or were."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(select(vault.c.name).limit(1))).first() is not None

        return await self._database.read(work)

    async def _keep(self, name: str, new: bytes) -> None:
        """The new key, unless there is one, or was."""
        statement = insert_if_free(self._database.dialect, vault)

        async def work(connection: AsyncConnection) -> bytes | None:
            await connection.execute(statement, {"name": name, "key": self._covered(name, new)})
            kept: bytes | None = (await connection.execute(select(vault.c.key).where(vault.c.name == name))).scalar_one()
            return kept

        if (kept := await self._database.write(work)) is not None:
            self._remember(name, self._covered(name, kept))

    async def _read(self, name: str) -> bytes | None:
        async def work(connection: AsyncConnection) -> bytes | None:
            found: bytes | None = (await connection.execute(select(vault.c.key).where(vault.c.name == name))).scalar()
            return found

        found = await self._database.read(work)
        return None if found is None else self._covered(name, found)

    def _covered(self, name: str, key: bytes) -> bytes:
        """A key under its pad, or out from under it. Each pad covers one key: a name is never used twice."""
        pad = hmac.digest(self._secret, b"plenum vault\0" + name.encode(), "sha256")
        return bytes(a ^ b for a, b in zip(key, pad, strict=True))


async def open_keys(database: Database, directory: Path, secret: bytes, *, several: bool) -> Keys:
    """`several`: there may be other nodes. One that is alone again stays with the table that they have left."""
    if database.dialect == "sqlite":
        return FileKeys(directory)
    shared = TableKeys(database, secret)
    if not several and not await shared.is_in_use():
        return FileKeys(directory)
    await shared.adopt(directory)
    return shared

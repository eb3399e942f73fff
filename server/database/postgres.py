"""PostgreSQL through asyncpg: for several nodes, or where there is one already. A few connections write, a pool reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from rooms.errors import Refused
from server.database import postgres_hosts, schema
from server.database.dialect import Dialect
from server.database.failure import DatabaseFailure
from server.database.outage import BUSY, PATIENCE, PAUSE, is_outage, sqlstate
from server.database.postgres_writer import PostgresWriter, forget_the_dead
from server.database.schema import Standing
from server.database.writer import Saved, Waiting, Work, Writer

T = TypeVar("T")

WRITERS: Final = 4  # PostgreSQL itself lets their commits share a flush of its log
READERS: Final = 5  # and as many again for a moment
OLDEST: Final = 130_000  # PostgreSQL 13
UNREADABLE: Final = (
    "the address of the database cannot be read; it is postgresql://USER:PASSWORD@HOST:PORT/NAME, "
    "where / @ : ? # % in a password are written as %2F %40 %3A %3F %23 %25"
)
CONNECT_SECONDS: Final = 5.0  # for each host
CLOSE_SECONDS: Final = 2.0
STATEMENT_SECONDS: Final = 20.0  # a server that says nothing for so long is away
MIGRATION_SECONDS: Final = 3600.0  # tables can be large
PURGE_SECONDS: Final = 600.0  # for each of them

# A node that is stopped in the middle of a transaction (SIGSTOP, a frozen virtual machine) keeps nobody else waiting longer.
SESSION: Final = {
    "application_name": "plenum",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}
# Whether the tables can be made; whether something can be written into them.
MAY_MAKE: Final = text("SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT pg_is_in_recovery()")
MAY_WRITE: Final = text("SELECT has_table_privilege('events', 'INSERT') AND NOT pg_is_in_recovery()")
CHECKPOINT_TRIES: Final = 5
CHECKPOINT_PAUSE: Final = 0.2  # seconds between them
CHECKPOINT_LOCK: Final = text("SET lock_timeout = '300ms'")  # whoever wants the table meanwhile waits behind us

_log = structlog.get_logger("database")


class Postgres:
    """See `Backend`."""

    dialect: Dialect = "postgresql"

    def __init__(self, address: str) -> None:
        self._address = address
        self._reading: AsyncEngine | None = None
        self._writing: AsyncEngine | None = None
        self._writers: list[PostgresWriter] = []

    async def look(self) -> Standing:
        engine = self._engine(poolclass=NullPool).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with _reaching():
            async with engine.connect() as connection:
                await _check(connection)
                found = await connection.run_sync(schema.standing)
                may_write = (await connection.execute(MAY_MAKE if found.revision == "" else MAY_WRITE)).scalar_one()
        if not may_write:
            raise DatabaseFailure("PostgreSQL takes nothing from this user, or is a standby")
        return found

    async def open(self, queue: asyncio.Queue[Waiting], saved: Saved) -> Sequence[Writer]:
        # A read is one transaction that sees one state of all tables, as it is in SQLite.
        self._reading = self._engine(
            pool_size=READERS, max_overflow=READERS, pool_pre_ping=True, pool_timeout=STATEMENT_SECONDS
        ).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writing = self._engine(poolclass=NullPool)
        with _reaching():
            async with self._writing.connect() as connection:
                await _check(connection)
            await schema.bring_up_to_date(self._engine(MIGRATION_SECONDS, poolclass=NullPool))
            async with self._writing.begin() as connection:
                await forget_the_dead(connection)
        self._writers = [PostgresWriter(self._writing, queue, saved) for _ in range(WRITERS)]
        return self._writers

    async def close(self) -> None:
        """Hangs up, and says so if the server is there to be told."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(writer.close() for writer in self._writers))
                for engine in (self._reading, self._writing):
                    if engine is not None:
                        await engine.dispose()

    async def read(self, work: Work[T]) -> T:
        """Once more after a connection broke; a restart of the server takes a moment. What waits for a table that is being
        written anew is refused, as writes are."""
        assert self._reading is not None, "open() first"
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE
        while True:
            try:
                async with self._reading.connect() as connection:
                    return await work(connection)
            except Exception as error:
                if sqlstate(error) in BUSY:
                    raise Refused("try_again") from error
                if not is_outage(error):
                    raise
                if loop.time() > give_up_at:
                    _log.error("cannot read", reason=_reason(error))
                    raise Refused("try_again") from error
            await asyncio.sleep(PAUSE)

    async def purge(self, tables: Sequence[Table]) -> bool:
        return await self.checkpoint(tables)

    async def checkpoint(self, tables: Sequence[Table]) -> bool:
        """Writes `tables` anew without what was deleted (`VACUUM FULL`). Earlier contents stay in PostgreSQL's own
        write-ahead log, in replicas and in backups for as long as the operator keeps these: docs/operations.md. False if
        somebody kept the tables busy all the time: then autovacuum does it, some time."""
        engine = self._engine(PURGE_SECONDS, poolclass=NullPool)
        for _ in range(CHECKPOINT_TRIES):
            try:
                async with engine.connect() as connection:
                    alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await alone.execute(CHECKPOINT_LOCK)
                    for table in tables:
                        await alone.execute(text(f"VACUUM (FULL) {table.name}"))
                    return True
            except Exception as error:
                if not is_outage(error) and sqlstate(error) not in ("55P03", "40P01"):  # busy
                    raise
            await asyncio.sleep(CHECKPOINT_PAUSE)
        _log.error("tables not written anew, what was deleted is still in their files", tries=CHECKPOINT_TRIES)
        return False

    def _engine(self, seconds: float = STATEMENT_SECONDS, **options: Any) -> AsyncEngine:
        """`seconds`: what a statement may take."""

        async def connect() -> Any:
            """By asyncpg's own reading of the address: several hosts, `sslmode` and the like mean what libpq means."""
            try:
                return await postgres_hosts.connect(
                    self._address, CONNECT_SECONDS, command_timeout=seconds, server_settings=SESSION
                )
            except ValueError:  # what it says can have a piece of the password in it
                raise DatabaseFailure(UNREADABLE) from None

        # Errors are logged, and the values in a statement are names, answers and comments: none of them in a message.
        return create_async_engine("postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **options)


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    """A server that is away is told in one line."""
    try:
        yield
    except Exception as error:
        if is_outage(error):
            raise DatabaseFailure(f"PostgreSQL cannot be reached: {_reason(error)}") from error
        raise


async def _check(connection: AsyncConnection) -> None:
    """Asserts that a commit is on the disk when it is reported."""
    names = ("server_version_num", "server_encoding", "fsync", "full_page_writes", "synchronous_commit")
    columns = ", ".join(f"current_setting('{name}')" for name in names)
    version, encoding, *durable, commit = (await connection.execute(text(f"SELECT {columns}"))).one()
    if int(version) < OLDEST:
        raise DatabaseFailure(f"PostgreSQL {int(version) // 10_000} is too old: {OLDEST // 10_000} or later is needed")
    if encoding != "UTF8":
        raise DatabaseFailure(f"the PostgreSQL database is encoded as {encoding}, not UTF8: create it with ENCODING 'UTF8'")
    if durable != ["on", "on"] or commit not in ("on", "remote_apply"):
        settings = f"fsync={durable[0]}, full_page_writes={durable[1]}, synchronous_commit={commit}"
        raise DatabaseFailure(f"PostgreSQL runs with {settings}: a power cut would lose what was acknowledged; set them on")


def _reason(error: BaseException) -> str:
    """In one line, without the address, which may have a password in it."""
    origin: BaseException = error
    while isinstance(origin, DBAPIError) and origin.orig is not None:
        origin = origin.orig
    text = " ".join(str(origin).split())[:200]
    return text.partition(">: ")[2] or text or type(origin).__name__

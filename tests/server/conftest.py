"""Where the database is: SQLite in a file, and a PostgreSQL of our own, for the tests of what must be alike on both."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from bench.postgres import PostgresServer
from bench.redis import RedisServer
from server.__main__ import main

Command = Callable[..., tuple[object, str]]


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Commands and servers that run in this process decide what is logged; the next test shall not notice."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process; its status, and what it said."""

    def run(*arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        told = capsys.readouterr()
        return left.value.code, told.out + told.err

    return run


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL for all tests of a run. Without the programs, tests that ask for it are skipped, and say so."""
    try:
        server = PostgresServer()
    except LookupError as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture(scope="session")
def postgres_places(postgres: PostgresServer) -> Iterator[str]:
    """Addresses of empty places in PostgreSQL, made a few at a time."""

    def more() -> Iterator[str]:
        while True:
            yield from postgres.create_schemas([f"t{uuid4().hex[:12]}" for _ in range(50)])

    return more()


@pytest.fixture
def postgres_place(postgres_places: Iterator[str]) -> str:
    """The address of an empty place in PostgreSQL."""
    return next(postgres_places)


@pytest.fixture(scope="session")
def redis_numbers() -> Iterator[int]:
    """Each test its own database, and with it its own channels."""
    return itertools.count()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A private Redis for all tests of a run. Without the program, tests that ask for it are skipped, and say so. Whoever
    pauses or kills it brings it back."""
    try:
        server = RedisServer()
    except LookupError as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def redis_url(redis: RedisServer, redis_numbers: Iterator[int]) -> str:
    """The address of an empty database in Redis."""
    return redis.url(next(redis_numbers))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """What `Database` takes: an empty place in each of the back ends."""
    if request.param == "sqlite":
        return tmp_path / "plenum.db"
    address: str = request.getfixturevalue("postgres_place")
    return address


@pytest.fixture
def stored(request: pytest.FixtureRequest, place: Path | str, tmp_path: Path) -> Callable[[], dict[str, bytes]]:
    """Every byte that the database and its neighbours keep, by file: of PostgreSQL, the files of the tables and indexes. Its
    own write-ahead log is the operator's (docs/operations.md)."""

    def read() -> dict[str, bytes]:
        found = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        if isinstance(place, str):
            server: PostgresServer = request.getfixturevalue("postgres")
            server.execute("CHECKPOINT")
            schema = place.rpartition("=")[2]
            relations = f"SELECT pg_relation_filepath(oid) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace"
            toast = f"SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace"
            paths = filter(None, server.execute(f"{relations} UNION {toast} AND reltoastrelid > 0").split("\n"))
            found |= {path: (server.folder / path).read_bytes() for path in paths}
        return found

    return read

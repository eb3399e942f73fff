"""`plenum doctor`: what is wrong is found, and each finding says what to do."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.postgres import PostgresServer
from server import doctor
from server.__main__ import main
from server.cli.doctor import check_database
from server.database import Database, opened, schema
from server.doctor import Finding
from server.settings import Settings
from tests.server.running import CONFERENCE, running
from tests.server.test_schema import DUMPS, old


def bound(kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def free_port() -> int:
    with bound(socket.SOCK_STREAM) as sock:
        return int(sock.getsockname()[1])


@contextmanager
def stun_server(*, mapped: str, rubbish: bytes = b"") -> Iterator[int]:
    """Answers one Binding request, or says something else."""
    with bound(socket.SOCK_DGRAM) as sock:

        def answer() -> None:
            request, sender = sock.recvfrom(2048)
            mask = struct.pack("!I", doctor.STUN_COOKIE)
            address = bytes(a ^ b for a, b in zip(socket.inet_aton(mapped), mask, strict=True))
            value = struct.pack("!BBH", 0, 1, 0) + address
            software = struct.pack("!HH", 0x8022, 3) + b"abc\0"
            body = software + struct.pack("!HH", doctor.XOR_MAPPED_ADDRESS, len(value)) + value
            sock.sendto(rubbish or struct.pack("!HH", 0x0101, len(body)) + request[4:20] + body, sender)

        thread = threading.Thread(target=answer)
        thread.start()
        yield sock.getsockname()[1]
        thread.join()


def only(findings: Iterator[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.level, []).append(one)
        assert bool(one.remedy) == (one.level != "ok"), one
    return found


def test_free_ports_are_good_and_taken_ones_are_named() -> None:
    assert set(only(doctor.check_ports(Settings(port=free_port(), media_port=0)))) == {"ok"}
    with bound(socket.SOCK_DGRAM) as media:
        number = media.getsockname()[1]
        wrong = only(doctor.check_ports(Settings(port=free_port(), media_port=number)))["error"]
    assert [f"UDP {number}" in one.found for one in wrong] == [True]


def test_the_ports_of_all_workers_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where their number is the machine's."""
    monkeypatch.setattr(doctor, "default_workers", lambda: 2)
    with bound(socket.SOCK_DGRAM) as media:
        number = media.getsockname()[1]
        (wrong,) = only(doctor.check_ports(Settings(port=free_port(), media_port=number - 1)))["error"]
    assert f"UDP {number} taken" in wrong.found


def test_a_port_that_another_program_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    with bound(socket.SOCK_STREAM) as other:
        found = only(doctor.check_ports(Settings(port=other.getsockname()[1], media_port=0)))
    assert "PLENUM_PORT" in found["error"][0].remedy


async def test_a_running_server_is_known(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        port = int(run.url.rpartition(":")[2])
        found = await asyncio.to_thread(lambda: only(doctor.check_ports(Settings(port=port, media_port=0))))
    assert "running" in found["ok"][0].found and set(found) == {"ok"}


@pytest.mark.parametrize(
    ("url", "level"),
    [("", "warning"), ("http://conference.example.org", "error"), ("https://127.0.0.1:1", "error")],
)
def test_pages_without_tls_or_that_cannot_be_reached(url: str, level: str) -> None:
    found = doctor.check_tls(Settings(public_url=url))
    assert found.level == level and found.remedy


def test_a_disk_that_is_full_or_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((1 << 20, "error"), (5 << 30, "warning"), (50 << 30, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert doctor.check_disk(tmp_path / "not" / "yet").level == level
    assert doctor.check_disk(Path("/proc/1")).level == "error"
    assert not list(tmp_path.iterdir())


def test_datagrams_to_oneself_arrive_and_addresses_of_others_are_said_to_be() -> None:
    found = only(doctor.check_udp(Settings(public_addresses="127.0.0.1,192.0.2.77")))
    assert "127.0.0.1" in found["ok"][0].found
    assert "192.0.2.77" in found["warning"][0].found and "UDP 8001" in found["warning"][0].remedy


def test_the_address_that_a_turn_server_sees() -> None:
    with stun_server(mapped="127.0.0.1") as port:
        found = doctor.check_turn(f"turn:127.0.0.1:{port}", ("127.0.0.1",))
    assert found.level == "ok" and "at 127.0.0.1" in found.found
    with stun_server(mapped="192.0.2.9") as port:
        found = doctor.check_turn(f"turn:127.0.0.1:{port}", ("192.0.2.1",))
    assert found.level == "warning" and "192.0.2.9" in found.found


def test_a_turn_server_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    with stun_server(mapped="192.0.2.9", rubbish=b"x" * 40) as port:
        assert doctor.check_turn(f"turn:127.0.0.1:{port}").level == "error"
    with bound(socket.SOCK_DGRAM) as silent:
        assert doctor.check_turn(f"turn:127.0.0.1:{silent.getsockname()[1]}").level == "error"
    assert doctor.check_turn(f"turns:127.0.0.1:{free_port()}").level == "error"
    with bound(socket.SOCK_STREAM) as there:
        assert doctor.check_turn(f"turn:127.0.0.1:{there.getsockname()[1]}?transport=tcp").level == "ok"


@pytest.mark.parametrize("damaged", [False, True])
def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: bool
) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK", 0)
    monkeypatch.setattr(doctor, "TOO_LITTLE_DISK", 0)
    monkeypatch.setenv("PLENUM_PORT", str(free_port()))
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")
    (tmp_path / "conference.toml").write_text(CONFERENCE)
    if damaged:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "plenum.db").write_bytes(b"no database" * 1000)
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as left:
            main(["doctor", "-C", str(tmp_path), *options])
        out = capsys.readouterr().out
        assert left.value.code == int(damaged), out
    told = msgspec.json.decode(out)
    assert told["works"] is not damaged
    assert {one["check"] for one in told["findings"]} == {"ports", "tls", "clock", "disk", "udp", "database"}
    assert [one["level"] for one in told["findings"] if one["check"] == "database"] == ["error" if damaged else "ok"]


def test_the_command_looks_at_redis_where_there_are_several_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("PLENUM_DATABASE_URL", f"postgresql://plenum:hemligt@{nowhere}/plenum")
    monkeypatch.setenv("PLENUM_REDIS_URL", f"redis://:hemligt@{nowhere}/0")
    monkeypatch.setenv("PLENUM_SECRET", "s" * 32)
    monkeypatch.setenv("PLENUM_PORT", str(free_port()))
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")
    (tmp_path / "conference.toml").write_text(CONFERENCE)
    with pytest.raises(SystemExit):
        main(["doctor", "-C", str(tmp_path), "--json"])
    out = capsys.readouterr().out
    found = {one["check"]: one for one in msgspec.json.decode(out)["findings"]}
    for what, variable in (("database", "PLENUM_DATABASE_URL"), ("redis", "PLENUM_REDIS_URL")):
        assert found[what]["level"] == "error" and variable in found[what]["remedy"]
    assert "hemligt" not in out


Prepare = Callable[[Database], Awaitable[None]]
Kept = Callable[[], object]


@pytest.fixture
def kept(request: pytest.FixtureRequest, place: Path | str, tmp_path: Path) -> Kept:
    """All there is: of SQLite every file, of PostgreSQL, where reading leaves traces, the tables and which they are."""
    if isinstance(place, Path):
        return lambda: {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    server, owner = request.getfixturevalue("postgres"), f"'{schema_of(place)}'"

    def read() -> str:
        columns = (
            f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = {owner} ORDER BY 1, 2"
        )
        found: str = server.execute(columns)
        return found + (server.execute(f"SELECT xmin, * FROM {schema_of(place)}.alembic_version") if found else "")

    return read


def schema_of(address: str) -> str:
    return address.rpartition("=")[2]


def make_empty(place: Path | str) -> None:
    if isinstance(place, Path):
        place.touch()


async def nothing(database: Database) -> None:
    """It is as it was made."""


async def age(database: Database) -> None:
    await mark(database, schema.REVISIONS[-3])


async def outdo(database: Database) -> None:
    await mark(database, "9999")


async def mark(database: Database, revision: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))

    await database.write(work)


@pytest.mark.parametrize(
    ("prepare", "level", "words", "remedy"),
    [
        (nothing, "ok", "can be used", ""),
        (age, "warning", "older than this Plenum by 2 steps", "the next start"),
        (outdo, "error", "newer than this Plenum (it is 9999)", "update Plenum"),
    ],
)
async def test_a_database_is_left_as_it_is(
    place: Path | str, kept: Kept, prepare: Prepare, level: str, words: str, remedy: str
) -> None:
    async with opened(place) as database:
        await prepare(database)
    before = kept()
    found = await check_database(settings_at(place))
    assert (found.check, found.level) == ("database", level)
    assert words in found.found
    assert remedy in found.remedy and bool(remedy) == bool(found.remedy)
    assert kept() == before


async def test_a_database_of_the_first_release_is_not_brought_up_to_date(tmp_path: Path) -> None:
    old(tmp_path / "old.db", DUMPS[0])
    before = (tmp_path / "old.db").read_bytes()
    found = await check_database(settings_at(tmp_path / "old.db"))
    assert f"by {len(schema.REVISIONS) - 1} steps (it is 0001)" in found.found
    assert (tmp_path / "old.db").read_bytes() == before


async def test_an_empty_database_stays_empty(place: Path | str, kept: Kept) -> None:
    make_empty(place)
    before = kept()
    found = await check_database(settings_at(place))
    assert found.level == "ok" and "the first start makes the tables" in found.found
    assert kept() == before


async def test_a_database_that_a_server_is_using_can_be_looked_at(place: Path | str) -> None:
    async with opened(place) as database:
        await mark(database, schema.REVISIONS[-2])  # in SQLite: in the log beside the file
        assert "by 1 step " in (await check_database(settings_at(place))).found


async def test_a_user_who_may_not_write_is_no_good(postgres: PostgresServer, postgres_place: str) -> None:
    async with opened(postgres_place):
        pass
    name = schema_of(postgres_place)
    reader = f"reader_of_{name}"
    for right in (
        "",
        f"GRANT USAGE ON SCHEMA {name} TO {reader}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {reader}",
    ):
        postgres.execute(right or f"CREATE ROLE {reader} LOGIN")
    found = await check_database(settings_at(f"postgresql://{reader}@{postgres_place.partition('@')[2]}"))
    assert found.level == "error" and "takes nothing from this user" in found.found


def settings_at(place: Path | str) -> Settings:
    """Whose database is there."""

    class Elsewhere(Settings):
        database = place

    return Elsewhere(database_url=place if isinstance(place, str) else "")

"""PostgreSQL's primary dies, and its standby is promoted: commands wait or are refused meanwhile, nothing acknowledged is
lost or done twice, and nobody is thrown out."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.postgres import PostgresServer, PostgresStandby
from rooms import messages as m
from server.database import Database, DatabaseFailure, postgres, postgres_writer
from server.database.postgres_hosts import _first, hosts_of
from server.tables import answers
from tests.server.running import running, until

S1 = "session/s1"
DRAFTS = 60  # at most, of a moderator
PREPARE = {"type": "session.prepare", "session_id": "s2"}


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, PostgresStandby]]:
    """A primary that acknowledges a commit when its standby has it, too."""
    try:
        primary = PostgresServer(synchronous_commit="remote_apply")
    except LookupError as missing:
        pytest.skip(str(missing))
    with primary, PostgresStandby(primary) as standby:
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        yield primary, standby


def address(*servers: PostgresServer) -> str:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://plenum@{hosts}/postgres?target_session_attrs=primary"


@pytest.mark.timeout(300)
async def test_a_failover_loses_nothing_and_nobody(
    tmp_path: Path, pair: tuple[PostgresServer, PostgresStandby], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (postgres, postgres_writer):
        monkeypatch.setattr(module, "PATIENCE", 1.0)  # somebody shall be refused before the standby is promoted
    primary, standby = pair

    async def is_synchronous() -> bool:
        query = "SELECT string_agg(sync_state, '') FROM pg_stat_replication"
        return await asyncio.to_thread(primary.execute, query) == "sync"

    await until(is_synchronous)
    with pytest.raises(DatabaseFailure, match="cannot be reached"):  # a standby alone is an outage, and no bug
        await Database(address(standby)).open()
    async with running(tmp_path, database_url=address(standby, primary)) as run:
        await run.go_live()
        mona, anna = [await run.client(who, ("conference", S1)) for who in ("mona", "anna")]
        desk = await run.client("mona", (m.CONFERENCE,))
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        stop = asyncio.Event()
        drafted, answered, refused = list[str](), list[int](), list[str]()

        async def draft() -> None:
            while not stop.is_set() and len(drafted) < DRAFTS:
                title = f"Förslag {len(drafted)}"
                command = {"type": "poll.draft", "title": title, "options": ["Ja", "Nej"], "anonymous": False}
                while (said := await mona.do(S1, command))["type"] != "ack":
                    refused.append(said["code"])
                drafted.append(title)

        async def answer() -> None:
            while not stop.is_set():
                option = len(answered) % 2
                command = {"type": "poll.answer", "poll_id": "s1-p1", "option": option}
                while (said := await anna.do(S1, command))["type"] != "ack":
                    refused.append(said["code"])
                answered.append(option)
                await asyncio.sleep(0.05)  # as fast as one may

        working = [asyncio.create_task(draft()), asyncio.create_task(answer())]
        await until(lambda: len(drafted) > 3 and len(answered) > 3)
        await asyncio.to_thread(primary.stop, "immediate")
        assert (await desk.do(m.CONFERENCE, PREPARE))["code"] == "try_again"  # the others may be in doubt, and wait
        counts = len(drafted), len(answered)
        await asyncio.to_thread(standby.promote)
        await until(lambda: (len(drafted) > counts[0] + 2 or len(drafted) == DRAFTS) and len(answered) > counts[1] + 2)
        stop.set()
        await asyncio.gather(*working)
        assert (await desk.do(m.CONFERENCE, PREPARE))["type"] == "ack"
        assert set(refused) <= {"try_again"}

        entries = await run.services.journal.read(S1)
        titles = [entry.event.poll.title for entry in entries if isinstance(entry.event, m.PollDrafted)]
        assert titles == ["Ska vi?", *drafted]
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        await mona.until(lambda frame: frame["type"] == "event" and frame["seq"] == len(entries) and frame["stream"] == S1)
        seqs = [seq for seq, _ in mona.events(S1)]
        assert seqs == list(range(len(entries) - len(seqs) + 1, len(entries) + 1))
        assert mona.close_code is None and anna.close_code is None

        async def chosen(connection: AsyncConnection) -> list[int]:
            return list((await connection.execute(select(answers.c.option).where(answers.c.voter == "anna"))).scalars())

        assert await run.services.database.read(chosen) == [answered[-1]]


async def test_a_host_that_is_silent_keeps_nobody_from_the_primary(
    postgres: PostgresServer, postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection and says nothing, as one whose disk hangs; one without power does not even do that."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        place = postgres_place.replace("@", f"@127.0.0.1:{port},") + "&target_session_attrs=primary"
        database = Database(place)
        await database.open()
        assert await database.read(_one) == 1
        await database.close()
    nobody = Database(place)  # now it refuses
    await nobody.open()
    await nobody.close()


class Connection:
    """As far as the choice between two goes."""

    def __init__(self) -> None:
        self.is_open = True

    def terminate(self) -> None:
        self.is_open = False


@pytest.mark.parametrize("fails", [True, False])
async def test_what_comes_second_at_the_same_moment_is_hung_up(fails: bool) -> None:
    """An error that nobody asks for would be reported as a bug; a connection that nobody has stays open for good."""
    made: list[Connection] = []

    async def attempt(number: int) -> Connection:
        if fails and number == 1:
            raise OSError("nobody there")
        made.append(Connection())
        return made[-1]

    unasked: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unasked.append(context))
    chosen = await _first([attempt(0), attempt(1)])
    await asyncio.sleep(0)  # callbacks
    gc.collect()
    assert [one for one in made if one.is_open] == [chosen]
    assert len(made) == (1 if fails else 2) and not unasked


async def _one(connection: AsyncConnection) -> int:
    return 1


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("postgresql://u:p@a,b:6000/n?target_session_attrs=primary", ("u:p@a", "u:p@b:6000")),
        ("postgresql://u:p%40@[::1]:1,b/n?target_session_attrs=read-write&sslmode=require", ("u:p%40@[::1]:1", "u:p%40@b")),
        ("postgresql://a,b/n?target_session_attrs=primary", ("a", "b")),
        ("postgresql://u@a,b/n", ("u@a,b",)),
        ("postgresql://u@a,b/n?target_session_attrs=any", ("u@a,b",)),
    ],
)
def test_hosts_are_told_apart_where_only_one_can_be_meant(given: str, hosts: tuple[str, ...]) -> None:
    rest = given[given.index("/n") :]
    assert hosts_of(given) == tuple(f"postgresql://{host}{rest}" for host in hosts)

"""What PostgreSQL, and the way to it, can do to us: nothing acknowledged is lost, nothing is done twice, nobody is told what
is not known."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from bench.postgres import PostgresServer, Stop
from rooms.errors import Refused
from server.cli.failure import describe
from server.database import Database, DatabaseFailure, Work
from server.database import postgres as backend
from server.database.dialect import upsert
from server.database.postgres_writer import PostgresWriter
from server.tables import attendance, commits, people, votes
from tests.server.running import PATIENCE_SECONDS, until
from tests.server.wire import Fate, wired


@asynccontextmanager
async def database(address: str) -> AsyncIterator[Database]:
    one = Database(address)
    try:
        await one.open()
        yield one
    finally:
        await one.close()


def stay(number: int) -> Work[int]:
    """A row that can be there twice if a write is done twice."""

    async def work(connection: AsyncConnection) -> int:
        row = {"session_id": "s1", "person_id": f"p{number}", "from_at": 0.0, "seen_at": 0.0, "visible": True}
        await connection.execute(insert(attendance), {**row, "id": uuid4().hex})
        return number

    return work


async def stays(one: Database) -> Counter[str]:
    async def work(connection: AsyncConnection) -> Counter[str]:
        return Counter((await connection.execute(select(attendance.c.person_id))).scalars())

    return await one.read(work)


@pytest.mark.parametrize(("verbosity", "names_them"), [("default", True), ("terse", False)])
async def test_its_own_log_quotes_values_unless_it_is_told_not_to(
    postgres: PostgresServer, postgres_place: str, verbosity: str, names_them: bool
) -> None:
    """As docker-compose.yml and docs/operations.md tell it."""
    email = f"{uuid4().hex}@example.org"

    def person(number: int) -> Work[None]:
        async def work(connection: AsyncConnection) -> None:
            row = {"id": f"p{number}", "name": "Anna Ek", "email": email, "roles": "attendee"}
            await connection.execute(insert(people), row)

        return work

    async with database(f"{postgres_place}&log_error_verbosity={verbosity}") as one:
        await one.write(person(1))
        with pytest.raises(IntegrityError):
            await one.write(person(2))
    told = (postgres.folder.parent / "log").read_text()
    assert (email in told) is names_them and "Anna Ek" not in told


async def test_whoever_reads_what_is_being_written_anew_is_told_to_try_again(postgres_place: str) -> None:
    """As `VACUUM FULL` does with a large table."""
    async with database(postgres_place) as one, database(postgres_place) as other:
        locked, done = asyncio.Event(), asyncio.Event()

        async def lock(connection: AsyncConnection) -> None:
            await connection.execute(text("LOCK TABLE attendance IN ACCESS EXCLUSIVE MODE"))
            locked.set()
            await done.wait()

        async def read(connection: AsyncConnection) -> None:
            await connection.execute(text("SET LOCAL lock_timeout = '10ms'"))
            await connection.execute(select(attendance.c.person_id))

        locking = asyncio.create_task(other.write(lock))
        await locked.wait()
        with pytest.raises(Refused, match="try_again"):
            await one.read(read)
        done.set()
        await locking
        await one.read(read)


@pytest.mark.parametrize("setting", ["synchronous_commit=off", "synchronous_commit=local"])
async def test_a_server_that_would_lose_what_it_has_confirmed_is_refused(postgres_place: str, setting: str) -> None:
    with pytest.raises(DatabaseFailure, match=f"{setting}.*a power cut would lose"):
        async with database(f"{postgres_place}&{setting}"):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid:5432"])
async def test_a_server_that_is_not_there_is_one_line_without_the_password(host: str) -> None:
    with pytest.raises(DatabaseFailure) as failure:
        async with database(f"postgresql://plenum:geheim@{host}/plenum"):
            pass
    line = describe(failure.value)
    assert line is not None
    assert line.startswith("PostgreSQL cannot be reached: ")
    assert "\n" not in line
    assert "geheim" not in line


@pytest.mark.parametrize("rest", ["gehe/im@localhost/x", "geheim@localhost:abc/x", "geheim@[::1/x"])
async def test_an_address_that_cannot_be_read_is_one_line_without_the_password(rest: str) -> None:
    with pytest.raises(DatabaseFailure, match="cannot be read") as failure:
        async with database(f"postgresql://plenum:{rest}"):
            pass
    assert "gehe" not in str(failure.value)
    assert failure.value.__suppress_context__


async def test_a_database_that_does_not_exist_is_one_line(postgres: PostgresServer) -> None:
    with pytest.raises(Exception, match="does not exist") as failure:
        async with database(postgres.url("nowhere")):
            pass
    line = describe(failure.value)
    assert line is not None
    assert "nowhere" in line


@pytest.mark.parametrize("fate", ["unheard", "lost"])
async def test_a_commit_whose_outcome_was_not_heard_is_looked_up_and_done_exactly_once(
    postgres_place: str, fate: Fate
) -> None:
    async with wired(postgres_place) as (wire, near), database(near) as one:
        for number in range(5):
            wire.next_commit = fate
            writes = [one.write(stay(10 * number + n)) for n in range(4)]
            assert await asyncio.gather(*writes) == [10 * number + n for n in range(4)]
        assert wire.cuts == 5
        assert await stays(one) == Counter({f"p{10 * a + b}": 1 for a in range(5) for b in range(4)})
        assert one.saves


async def test_a_driver_that_fails_in_the_middle_of_a_commit_does_not_decide_what_came_of_it(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it says: if it is not the database's word, that is asked."""
    commit, failures = AsyncTransaction.commit, [RuntimeError("unexpected message")]

    async def commit_and_fail(transaction: AsyncTransaction) -> None:
        await commit(transaction)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(AsyncTransaction, "commit", commit_and_fail)
    async with database(postgres_place) as one:
        assert await one.write(stay(1)) == 1
        assert await stays(one) == Counter({"p1": 1})
    assert not failures


@pytest.mark.parametrize("before", [0, 1], ids=["the first of its writer", "a later one"])
async def test_a_commit_that_is_still_on_its_way_is_waited_for(
    postgres: PostgresServer, postgres_place: str, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Else it would be done again, and then once more when it arrives."""
    monkeypatch.setattr(backend, "WRITERS", 1)
    async with wired(postgres_place) as (wire, near), database(near) as one:
        for number in range(before):
            await one.write(stay(number))
        wire.next_commit = "late"
        writing = asyncio.create_task(one.write(stay(7)))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

        async def is_waited_for() -> bool:
            return await asyncio.to_thread(postgres.execute, waiting) == "1"

        await until(is_waited_for)
        assert not writing.done()
        wire.arrive.set()
        assert await writing == 7
        assert await stays(one) == Counter({"p7": 1} | {f"p{number}": 1 for number in range(before)})


async def test_an_outcome_that_cannot_be_looked_up_yet_is_not_told(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes: "try again" would be done twice, "done" could be lost."""
    monkeypatch.setattr("server.database.postgres_writer.PATIENCE", 0.1)
    async with wired(postgres_place) as (wire, near), database(near) as one:

        async def cut_and_commit(connection: AsyncConnection) -> None:
            await stay(1)(connection)
            wire.next_commit, wire.stays_cut = "unheard", True

        writing = asyncio.create_task(one.write(cut_and_commit))
        await until(lambda: wire.cuts == 1)
        wire.cut()  # the others' connections, too
        with pytest.raises(Refused, match="try_again"):  # others are told soon, since nothing of theirs was begun
            for number in range(2, 20):
                await one.write(stay(number))
        assert not writing.done()
        wire.stays_cut = False
        wire.mend()
        await writing
        assert (await stays(one))["p1"] == 1


async def test_while_it_is_away_writes_are_refused_in_the_end_and_afterwards_all_is_well(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wired(postgres_place) as (wire, near), database(near) as one:
        await one.write(stay(1))
        wire.cut()
        with monkeypatch.context() as impatient:
            for module in ("postgres", "postgres_writer"):
                impatient.setattr(f"server.database.{module}.PATIENCE", 0.3)
            answers = await asyncio.gather(*(one.write(stay(n)) for n in range(100, 200)), return_exceptions=True)
            assert {str(answer) for answer in answers} == {"try_again"}
            saved = [one.saves]  # as /healthz tells the operator
            with pytest.raises(Refused, match="try_again"):
                await stays(one)
        wire.mend()
        await one.write(stay(2))
        assert [*saved, one.saves] == [False, True]
        assert await stays(one) == Counter(("p1", "p2"))


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_writes_wait_while_the_server_restarts_and_nothing_is_lost_or_done_twice(
    postgres: PostgresServer, postgres_place: str, how: Stop
) -> None:
    async with database(postgres_place) as one:
        acknowledged: list[int] = []
        numbers = iter(range(100_000))
        stop = asyncio.Event()

        async def person() -> None:
            while not stop.is_set():
                with contextlib.suppress(Refused):
                    acknowledged.append(await one.write(stay(next(numbers))))

        people = [asyncio.create_task(person()) for _ in range(8)]
        await until(lambda: len(acknowledged) > 20)
        await asyncio.to_thread(postgres.restart, how)
        before = len(acknowledged)
        await until(lambda: len(acknowledged) > before + 20)
        stop.set()
        await asyncio.gather(*people)
        found = await stays(one)
        assert set(found.values()) == {1}
        assert found.keys() == {f"p{number}" for number in acknowledged}


async def test_two_writes_in_each_others_way_are_both_done(postgres_place: str) -> None:
    """A deadlock: PostgreSQL ends one of the two transactions, and it is done again."""
    async with database(postgres_place) as here, database(postgres_place) as there:
        has_first = {"a": asyncio.Event(), "b": asyncio.Event()}

        def crossing(mine: str, other: str) -> Work[None]:
            async def work(connection: AsyncConnection) -> None:
                vote = upsert("postgresql", votes, "question_id", "person_id")
                await connection.execute(vote, {"question_id": mine, "person_id": "anna", "up": True})
                has_first[mine].set()
                await has_first[other].wait()
                await connection.execute(vote, {"question_id": other, "person_id": "anna", "up": True})

            return work

        await asyncio.gather(here.write(crossing("a", "b")), there.write(crossing("b", "a")))
        assert here.saves
        assert there.saves


async def test_a_node_that_is_frozen_in_a_transaction_keeps_the_others_waiting_for_a_moment_only(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backend.SESSION, "idle_in_transaction_session_timeout", "300ms")
    async with database(postgres_place) as frozen, database(postgres_place) as other:
        begun, thaw = asyncio.Event(), asyncio.Event()
        vote = upsert("postgresql", votes, "question_id", "person_id")
        row = {"question_id": "q", "person_id": "anna"}

        async def freeze(connection: AsyncConnection) -> None:
            await connection.execute(vote, {**row, "up": False})
            begun.set()
            await thaw.wait()

        async def go_on(connection: AsyncConnection) -> None:
            await connection.execute(vote, {**row, "up": True})

        freezing = asyncio.create_task(frozen.write(freeze))
        await begun.wait()
        await other.write(go_on)
        thaw.set()
        await freezing  # done again, after the other


@pytest.mark.parametrize(("state", "code"), [("53100", "read_only"), ("55P03", "try_again"), ("57014", "try_again")])
async def test_a_full_disk_and_a_lock_that_is_not_given_are_refusals(postgres_place: str, state: str, code: str) -> None:
    async with database(postgres_place) as one:

        async def failing(connection: AsyncConnection) -> None:
            await connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"))

        found = await asyncio.gather(one.write(failing), one.write(stay(1)), return_exceptions=True)
        assert [str(found[0]), found[1]] == [code, 1]
        assert await stays(one) == Counter(["p1"])


async def test_a_read_sees_one_state_of_all_tables(postgres_place: str) -> None:
    async with database(postgres_place) as one:

        async def twice(connection: AsyncConnection) -> tuple[int, int]:
            first = len((await connection.execute(select(attendance.c.id))).all())
            await one.write(stay(1))
            return first, len((await connection.execute(select(attendance.c.id))).all())

        assert await one.read(twice) == (0, 0)
        assert await stays(one) == Counter(["p1"])


async def test_a_checkpoint_that_a_reader_blocks_is_given_up_and_told(postgres_place: str) -> None:
    async with database(postgres_place) as one:

        async def reading(connection: AsyncConnection) -> bool:
            await connection.execute(select(votes))
            return await one.checkpoint(votes)

        assert not await one.read(reading)
        assert await one.checkpoint(votes)


async def test_writers_that_end_leave_nothing_behind(postgres_place: str) -> None:
    async with database(postgres_place) as one:
        await asyncio.gather(*(one.write(stay(n)) for n in range(20)))

    async def marks(connection: AsyncConnection) -> int:
        return len((await connection.execute(select(commits))).all())

    async with database(postgres_place) as one:
        assert await one.read(marks) == 0
        await one.write(stay(21))
        assert await one.read(marks) == 1


async def test_a_server_that_says_nothing_keeps_nobody_from_hanging_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(PostgresWriter):
        async def close(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(backend, "CLOSE_SECONDS", 0.01)
    silent = backend.Postgres("postgresql://plenum@localhost/plenum")
    silent._writers = [Silent.__new__(Silent)]
    await asyncio.wait_for(silent.close(), PATIENCE_SECONDS)

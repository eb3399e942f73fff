"""Presence as rows: a killed server neither loses nor invents minutes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms.attendance import Period, Stretch, merge
from server.database import Database
from server.presence import Presence
from server.tables import attendance
from tests.fakes import FakeClock
from tests.server.running import running, until


async def stretches(database: Database) -> list[Stretch]:
    async def work(connection: AsyncConnection) -> list[Stretch]:
        rows = await connection.execute(select(attendance).order_by(attendance.c.from_at))
        return [Stretch(r.person_id, r.session_id, r.from_at, r.seen_at, r.visible) for r in rows]

    return await database.read(work)


async def opened(place: Path | str, clock: FakeClock) -> tuple[Database, Presence]:
    database = Database(place)
    await database.open()
    return database, Presence(database, clock, heartbeat=15)


async def test_a_stretch_lasts_from_entering_to_leaving(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    start = clock().timestamp()
    presence.enter("tab", "anna", "s1", visible=True)
    clock.advance(600)
    presence.leave("tab", "s1")
    await presence.flush()
    assert await stretches(database) == [Stretch("anna", "s1", start, start + 600, True)]
    await database.close()


async def test_of_who_was_erased_nothing_more_is_written(place: Path | str) -> None:
    database, presence = await opened(place, FakeClock())
    for who in ("anna", "bo"):
        presence.enter(f"{who}s tab", who, "s1", visible=True)
    presence.forget("anna")
    await presence.flush()
    presence.leave("annas tab", "s1")  # when the connection has noticed
    await presence.stop()
    assert {stretch.person_id for stretch in await stretches(database)} == {"bo"}
    assert not presence.is_present("s1", "anna")
    await database.close()


async def test_whoever_has_a_tab_on_each_of_two_nodes_or_moves_is_there_once(place: Path | str) -> None:
    clock = FakeClock()
    nodes = [await opened(place, clock) for _ in range(2)]
    start = clock().timestamp()
    nodes[0][1].enter("tab", "anna", "s1", visible=True)
    clock.advance(300)
    nodes[1][1].enter("other tab", "anna", "s1", visible=True)
    clock.advance(300)
    nodes[0][1].leave("tab", "s1")
    clock.advance(300)
    nodes[1][1].leave("other tab", "s1")
    clock.advance(5)  # on the way to the first node again
    nodes[0][1].enter("tab", "anna", "s1", visible=True)
    clock.advance(95)
    for _, presence in nodes:
        await presence.stop()
    found = await stretches(nodes[0][0])
    (anna,) = merge(found, Period(start, start + 3600))
    assert sum(span.to_at - span.from_at for span in anna.spans) == 1000
    for database, _ in nodes:
        await database.close()


async def test_going_to_the_background_is_a_stretch_of_its_own(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    presence.enter("tab", "anna", "s1", visible=True)
    clock.advance(60)
    presence.enter("tab", "anna", "s1", visible=False)
    assert presence.present("s1") == (1, 1)
    clock.advance(30)
    await presence.stop()
    assert [(s.seen_at - s.from_at, s.visible) for s in await stretches(database)] == [(60, True), (30, False)]
    await database.close()


async def test_a_killed_server_keeps_what_the_last_heartbeat_wrote_and_no_more(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    start = clock().timestamp()
    presence.start()
    presence.enter("tab", "anna", "s1", visible=True)

    async def seen_at() -> float:
        return max((row.seen_at for row in await stretches(database)), default=0.0)

    async def is_written() -> bool:
        return await seen_at() == clock().timestamp()

    await until(is_written)  # a new stretch does not wait for a heartbeat
    for _ in range(2):
        clock.advance(50)
        await until(is_written)
    clock.advance(10)  # then the process dies: nothing more is written, `stop` never runs
    period = Period(start, start + 3600)
    assert [p.seconds for p in merge(await stretches(database), period)] == [100]

    reborn = Presence(database, clock, heartbeat=15)
    clock.advance(5)  # the page is back fifteen seconds after the last heartbeat
    reborn.enter("tab again", "anna", "s1", visible=True)
    clock.advance(85)
    await reborn.stop()
    assert [p.seconds for p in merge(await stretches(database), period)] == [200]  # the gap is bridged, nothing doubled
    await presence.stop()
    await database.close()


async def test_two_tabs_are_one_person(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    presence.enter("laptop", "anna", "s1", visible=False)
    presence.enter("phone", "anna", "s1", visible=True)
    presence.enter("other", "bo", "s1", visible=False)
    assert presence.present("s1") == (2, 1)
    assert presence.people("s1") == {"anna": True, "bo": False}
    presence.leave("phone", "s1")
    presence.leave("laptop", "s1")
    presence.leave("laptop", "s1")
    assert presence.present("s1") == (1, 1)
    await database.close()


async def test_whom_the_server_disconnects_is_present_no_longer(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        anna = await run.client("anna", ("conference", "session/s1"))
        await anna.heard("mine")
        assert run.services.presence.is_present("s1", "anna")
        run.services.hub.close_all(4408)
        assert await anna.closed() == 4408
        await until(lambda: not run.services.presence.is_present("s1", "anna"))


async def test_a_failing_database_does_not_end_the_log(place: Path | str) -> None:
    database, presence = await opened(place, FakeClock())
    presence.enter("tab", "anna", "s1", visible=True)
    await database.write(lambda connection: connection.execute(text("ALTER TABLE attendance RENAME TO away")))
    await presence.flush()
    await database.write(lambda connection: connection.execute(text("ALTER TABLE away RENAME TO attendance")))
    await presence.flush()
    assert [s.person_id for s in await stretches(database)] == ["anna"]
    await database.close()


async def test_a_clock_that_is_set_back_does_not_stop_the_heartbeat(place: Path | str) -> None:
    clock = FakeClock()
    database, _ = await opened(place, clock)
    presence = Presence(database, clock, heartbeat=0.05)
    presence.enter("tab", "anna", "s1", visible=True)
    presence.start()

    async def is_seen_now() -> bool:
        return [s.seen_at for s in await stretches(database)] == [clock().timestamp()]

    await until(is_seen_now)
    clock.advance(55)
    await until(is_seen_now)
    clock.advance(-45)
    await until(is_seen_now)
    await presence.stop()
    await database.close()


async def test_the_time_a_machine_slept_is_nobodys_presence(place: Path | str) -> None:
    clock = FakeClock()
    database, _ = await opened(place, clock)
    presence = Presence(database, clock, heartbeat=0.05)
    start = clock().timestamp()
    presence.enter("tab", "anna", "s1", visible=True)
    presence.start()

    async def last_seen() -> float:
        return max((s.seen_at for s in await stretches(database)), default=0.0)

    async def is_seen_now() -> bool:
        return await last_seen() == clock().timestamp()

    await until(is_seen_now)
    clock.advance(30)
    await until(is_seen_now)
    clock.advance(7200)
    await until(is_seen_now)
    clock.advance(20)
    await presence.stop()
    found = [(s.from_at - start, s.seen_at - start, s.visible) for s in await stretches(database)]
    assert found == [(0, 30, True), (7230, 7250, True)]
    assert [p.seconds for p in merge(await stretches(database), Period(start, start + 9000))] == [50]
    await database.close()


async def test_a_connection_that_ends_as_the_machine_wakes_was_there_only_until_it_slept(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    start = clock().timestamp()
    presence.start()
    presence.enter("tab", "anna", "s1", visible=True)
    presence.enter("other", "bo", "s1", visible=True)
    clock.advance(7200)
    presence.leave("tab", "s1")
    presence.enter("other", "bo", "s1", visible=False)
    await presence.stop()
    assert {s.seen_at - s.from_at for s in await stretches(database)} == {0}
    seconds = {p.person_id: p.seconds for p in merge(await stretches(database), Period(start, start + 9000))}
    assert seconds == {"anna": 0, "bo": 0}
    await database.close()


async def test_a_short_stall_is_no_sleep(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    presence.start()
    presence.enter("tab", "anna", "s1", visible=True)
    clock.advance(60)
    await presence.stop()
    assert [s.seen_at - s.from_at for s in await stretches(database)] == [60]
    await database.close()


async def test_a_hall_that_came_at_once_is_not_written_at_once(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    people = 1500
    for number in range(people):
        presence.enter(f"tab{number}", f"person{number}", "s1", visible=True)
    presence.beat()
    await presence.flush()
    for _ in range(30):
        clock.advance(1)
        presence.beat()
        await presence.flush()
        rows = await stretches(database)
        assert sum(1 for row in rows if row.seen_at == clock().timestamp()) == people / 15
    assert min(row.seen_at for row in rows) > clock().timestamp() - 15  # yet nobody waited longer than a heartbeat
    await database.close()


async def test_whoever_comes_later_is_seen_within_a_heartbeat_too(place: Path | str) -> None:
    clock = FakeClock()
    database, presence = await opened(place, clock)
    for second in range(60):
        clock.advance(1)
        presence.enter(f"tab{second}", f"person{second}", "s1", visible=True)
        if second % 3 == 2:
            presence.leave(f"tab{second - 1}", "s1")
        presence.beat()
        await presence.flush()
        present = presence.people("s1")
        seen = [row.seen_at for row in await stretches(database) if row.person_id in present]
        assert min(seen) > clock().timestamp() - 15
    await database.close()


async def test_a_database_that_says_nothing_does_not_keep_a_server_from_ending(
    place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(work: object) -> None:
        await asyncio.Event().wait()

    database, presence = await opened(place, FakeClock())
    presence.enter("tab", "anna", "s1", visible=True)
    with monkeypatch.context() as patched:
        patched.setattr(database, "write", wait)
        patched.setattr("server.presence.STOP_SECONDS", 0.01)
        await presence.stop()
    assert not presence.is_present("s1", "anna")
    await database.close()

"""What follows from an event, also after a kill: polls are counted, keys destroyed, stages emptied, recordings finished."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from rooms.errors import Refused
from server.journal import Entry
from server.reactions import Reactions
from server.stagehand import Stagehand
from server.vault import Vault
from tests.server.running import Running, running, until

S1 = "session/s1"
ANONYMOUS = {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": True}


async def on_stage(run: Running, person_id: str) -> None:
    person = run.services.people.get(person_id)
    assert person is not None
    await run.services.streams.handle(S1, run.services.people.actor(person), m.StageEnter())


async def test_a_session_that_ends_closes_its_poll_empties_its_stage_and_ends_its_media(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", ("conference", S1))
        anna = await run.client("anna", (S1,))
        await mona.do(S1, ANONYMOUS)
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        await anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 1})
        await on_stage(run, "siri")
        seat = await run.services.seats.admit(_actor(run, "anna"), "s1", "v=0", {"0": "audio"}, sends=False)
        assert seat.peer_id
        await mona.do("conference", {"type": "session.end", "session_id": "s1"})
        assert (await mona.event("poll.counted"))["event"]["counts"] == []  # one answer to an anonymous poll is not told
        await mona.event("stage.left")
        await until(lambda: run.services.seats.count == 0)
        await until(lambda: not Vault(tmp_path / "data" / "keys").holds("s1-p1"))


async def test_what_a_kill_cut_off_is_caught_up_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", (S1,))
        anna = await run.client("anna", (S1,))
        await mona.do(S1, ANONYMOUS)
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        await anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 0})
        await on_stage(run, "siri")
        # as if the process died right after this became durable: nothing that listens is told
        journal, streams = run.services.journal, run.services.streams
        now = run.services.now()
        await journal.append(S1, streams.seq(S1) + 1, [m.PollClosed("s1-p1", now)], actor="mona", cause=None, at=now)
        ended = [m.SessionEnded("s1", now)]
        await journal.append("conference", streams.seq("conference") + 1, ended, actor="mona", cause=None, at=now)
    async with running(tmp_path) as run:
        await until(lambda: run.services.streams.room("s1").polls["s1-p1"].counts == ())
        await until(lambda: not run.services.streams.room("s1").stage)
        await until(lambda: not Vault(tmp_path / "data" / "keys").holds("s1-p1"))


async def test_who_leaves_the_page_leaves_the_stage_after_a_while(tmp_path: Path) -> None:
    async with running(tmp_path, stage_grace_seconds=0.1) as run:
        await run.go_live()
        bo = await run.client("bo", (S1,))
        siri = await run.client("siri", (S1,))
        await siri.do(S1, {"type": "stage.enter"})
        await siri.close()
        await bo.event("stage.left")
        assert "siri" not in run.services.streams.room("s1").stage


async def test_who_comes_back_in_time_stays_on_stage(tmp_path: Path) -> None:
    async with running(tmp_path, stage_grace_seconds=300.0) as run:
        await run.go_live()
        stagehand: Stagehand = cast(Any, run.services.seats.on_change).__self__
        siri = await run.client("siri", (S1,))
        await siri.do(S1, {"type": "stage.enter"})
        await siri.close()
        await until(lambda: stagehand.waiting == 1)
        await run.client("siri", (S1,))
        await until(lambda: stagehand.waiting == 0)
        assert "siri" in run.services.streams.room("s1").stage


async def test_a_recording_that_could_not_start_is_told_as_failed(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", (S1,))
        (tmp_path / "data" / "recordings").write_text("no folder can be here")
        await mona.do(S1, {"type": "recording.start"})
        failed = await mona.event("recording.failed")
        assert failed["event"]["recording_id"] == "s1-r1"


def _actor(run: Running, person_id: str) -> m.Actor:
    person = run.services.people.get(person_id)
    assert person is not None
    return run.services.people.actor(person)


async def test_a_session_is_wound_up_though_somebody_closes_its_poll_at_the_same_moment(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        streams = run.services.streams
        await streams.handle(S1, m.SYSTEM, m.PollDraft("Ska vi?", ("Ja", "Nej"), anonymous=False))
        await streams.handle(S1, m.SYSTEM, m.PollOpen("s1-p1"))
        await on_stage(run, "siri")
        async with streams.stream(S1).lock:  # both see the poll open, one is first
            closing = asyncio.create_task(streams.handle(S1, m.SYSTEM, m.PollClose("s1-p1")))
            await streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionEnd("s1"))
        await closing
        await until(lambda: not streams.room("s1").stage)


async def test_who_enters_the_stage_while_the_end_of_the_session_is_being_written_leaves_it(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        database, streams = run.services.database, run.services.streams
        gates = [asyncio.Event(), asyncio.Event()]
        reached = [asyncio.Event(), asyncio.Event()]

        async def hold(number: int) -> None:
            async def work(connection: AsyncConnection) -> None:
                reached[number].set()
                await gates[number].wait()

            await database.write(work)

        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(hold(0))]
        await reached[0].wait()
        tasks.append(asyncio.create_task(streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionEnd("s1"))))
        await until(lambda: database._queue.qsize() == 1)
        tasks.append(asyncio.create_task(hold(1)))
        gates[0].set()
        await reached[1].wait()  # the end is in this commit, the entrance will be in the next
        tasks.append(asyncio.create_task(on_stage(run, "siri")))
        await until(lambda: database._queue.qsize() == 1)
        gates[1].set()
        await asyncio.gather(*tasks)
        await until(lambda: not streams.room("s1").stage)


async def test_what_the_disk_refuses_is_tried_again() -> None:
    class Ballots:
        tries = 0

        async def forget_survey(self) -> None:
            self.tries += 1
            if self.tries == 1:
                raise Refused("read_only")

    ballots, nothing = Ballots(), cast(Any, None)
    reactions = Reactions(nothing, cast(Any, ballots), nothing, nothing, lambda place, detail: "")
    at = datetime(2026, 3, 25, tzinfo=UTC)
    reactions.heed_own(Entry(m.CONFERENCE, 1, at, "mona", m.SurveyClosed(at), b""))
    await until(lambda: ballots.tries == 2)
    await reactions.stop()


async def test_what_was_to_be_tried_again_is_not_once_the_server_ends() -> None:
    nothing = cast(Any, None)
    reactions = Reactions(nothing, nothing, nothing, nothing, lambda place, detail: "")
    tries = 0

    async def wait_for_the_database() -> None:
        nonlocal tries
        tries += 1
        raise Refused("try_again")

    reactions._put("lane", wait_for_the_database)
    await until(lambda: tries == 1)
    await reactions.stop()
    reactions._put("lane", wait_for_the_database)  # as its timer does
    await reactions.drain()
    assert tries == 1

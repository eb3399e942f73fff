"""PostgreSQL restarts under a running conference: pages stay connected, commands wait, nothing acknowledged is lost or done
twice, and everybody hears everything in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.postgres import PostgresServer
from rooms import messages as m
from server.tables import answers
from tests.server.running import Client, running, until

S1 = "session/s1"
DRAFTS = 60  # at most, of a moderator


async def test_a_restart_of_the_database_loses_nothing_and_nobody(
    tmp_path: Path, postgres: PostgresServer, postgres_place: str
) -> None:
    async with running(tmp_path, database_url=postgres_place) as run:
        await run.go_live()
        mona, anna = [await run.client(who, ("conference", S1)) for who in ("mona", "anna")]
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        stop = asyncio.Event()
        drafted: list[str] = []
        answered: list[int] = []

        async def draft() -> None:
            while not stop.is_set() and len(drafted) < DRAFTS:
                title = f"Förslag {len(drafted)}"
                command = {"type": "poll.draft", "title": title, "options": ["Ja", "Nej"], "anonymous": False}
                while (await mona.do(S1, command))["type"] != "ack":  # "try again", as the page would
                    assert not stop.is_set()
                drafted.append(title)

        async def answer() -> None:
            while not stop.is_set():
                option = len(answered) % 2
                command = {"type": "poll.answer", "poll_id": "s1-p1", "option": option}
                while (await anna.do(S1, command))["type"] != "ack":
                    assert not stop.is_set()
                answered.append(option)
                await asyncio.sleep(0.05)  # as fast as one may

        working = [asyncio.create_task(draft()), asyncio.create_task(answer())]
        await until(lambda: len(drafted) > 3 and len(answered) > 3)
        await asyncio.to_thread(postgres.restart, "immediate")
        counts = len(drafted), len(answered)
        await until(lambda: (len(drafted) > counts[0] + 2 or len(drafted) == DRAFTS) and len(answered) > counts[1] + 2)
        stop.set()
        await asyncio.gather(*working)

        entries = await run.services.journal.read(S1)
        titles = [entry.event.poll.title for entry in entries if isinstance(entry.event, m.PollDrafted)]
        assert titles == ["Ska vi?", *drafted]
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        await in_step(mona, len(entries))  # who hears of drafts

        async def chosen(connection: AsyncConnection) -> list[int]:
            return list((await connection.execute(select(answers.c.option).where(answers.c.voter == "anna"))).scalars())

        assert await run.services.database.read(chosen) == [answered[-1]]
        async with httpx.AsyncClient(timeout=60, base_url=run.url) as browser:
            assert (await browser.get("/healthz")).json()["status"] == "ok"


async def in_step(client: Client, last: int) -> None:
    """Everything after the snapshot was heard once, in order."""
    await client.until(lambda frame: frame["type"] == "event" and frame["stream"] == S1 and frame["seq"] == last)
    seqs = [seq for seq, _ in client.events(S1)]
    assert seqs == list(range(last - len(seqs) + 1, last + 1))

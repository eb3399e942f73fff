"""Tallies and presence as signals."""

from __future__ import annotations

from pathlib import Path

from tests.server.running import running

S1 = "session/s1"


async def test_after_a_restart_a_newcomer_sees_how_many_have_voted(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona, anna = [await run.client(name, (S1,)) for name in ("mona", "anna")]
        await anna.do(S1, {"type": "question.ask", "text": "Hur gör ni?"})
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        await anna.do(S1, {"type": "question.vote", "question_id": "s1-q1", "up": True})
    async with running(tmp_path) as run:
        for person_id in ("bo", "mona"):  # the first who comes, and who comes later
            newcomer = await run.client(person_id, (S1,))
            assert (await newcomer.heard("tally"))["votes"] == {"s1-q1": 1}

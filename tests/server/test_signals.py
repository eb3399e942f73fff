"""Tallies and presence as signals."""

from __future__ import annotations

from pathlib import Path

from tests.server.running import Client, running

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


async def tallied(client: Client, poll_id: str, count: int) -> None:
    await client.until(lambda frame: frame["type"] == "tally" and frame["answered"].get(poll_id) == count)


async def test_an_anonymous_poll_has_no_number_before_three_have_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona, anna, bo, siri = [await run.client(name, (S1,)) for name in ("mona", "anna", "bo", "siri")]
        for number, anonymous in ((1, True), (2, False)):
            draft = {"type": "poll.draft", "title": f"Ska vi {number}?", "options": ["Ja", "Nej"], "anonymous": anonymous}
            await mona.do(S1, draft)
            await mona.do(S1, {"type": "poll.open", "poll_id": f"s1-p{number}"})
        for count, someone in enumerate((anna, bo, siri), 1):
            for number in (1, 2):
                await someone.do(S1, {"type": "poll.answer", "poll_id": f"s1-p{number}", "option": 1})
            await tallied(mona, "s1-p2", count)
        await tallied(mona, "s1-p1", 3)
        told = {f["answered"]["s1-p1"] for f in mona.frames if f["type"] == "tally" and "s1-p1" in f["answered"]}
        assert told == {3}

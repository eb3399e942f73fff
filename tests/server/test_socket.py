"""The protocol over real sockets: greeting, events, resume, refusals, bad input, slow readers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.exceptions import InvalidStatus

from server.links import Links
from server.people import Import, People
from server.socket import MOST_STREAMS
from tests.server.running import CONFERENCE, Running, running, until

S1 = "session/s1"
ASK = {"type": "question.ask", "text": "Hur gör ni?"}


async def test_hello_is_answered_with_welcome_snapshots_and_what_is_mine(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        anna = await run.client("anna", ("conference", S1))
        await anna.heard("mine")
        kinds = [frame["type"] for frame in anna.frames]
        assert kinds[:4] == ["welcome", "snapshot", "snapshot", "mine"]
        assert anna.frames[0]["name"] == "Anna Ek"
        assert anna.frames[1]["state"]["programme"]["sessions"][0]["id"] == "s1"


async def test_an_event_reaches_everyone_who_may_hear_it_before_the_acknowledgement_reaches_anyone_else(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna, bo, mona = [await run.client(name, ("conference", S1)) for name in ("anna", "bo", "mona")]
        assert (await anna.do(S1, ASK))["type"] == "ack"
        asked = await mona.event("question.asked")
        assert asked["people"] == {"anna": "Anna Ek"}
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        for someone in (anna, bo):
            await someone.event("question.published")
        assert [kind for _, kind in bo.events(S1)] == ["question.published"]
        assert [kind for _, kind in anna.events(S1)] == ["question.asked", "question.published"]


async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", (S1,))
        anna = await run.client("anna", (S1,))
        await anna.do(S1, ASK)
        await anna.event("question.asked")
        ((last, _),) = anna.events(S1)
        await anna.close()
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        again = await run.connect("anna")
        await again.hello({S1: last})
        caught_up = await again.heard("caught_up")
        assert [kind for _, kind in again.events(S1)] == ["question.published", "poll.opened"]
        assert caught_up["seq"] == run.services.streams.seq(S1)
        assert not [frame for frame in again.frames if frame["type"] == "snapshot"]


async def test_a_command_sent_again_is_acknowledged_and_not_done_again(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        first = await run.client("anna", (S1,), name="tab")
        assert (await first.do(S1, ASK, 7))["type"] == "ack"
        await first.close()
        second = await run.client("anna", (S1,), name="tab")
        assert (await second.do(S1, ASK, 7))["type"] == "ack"
        assert len(run.services.streams.room("s1").questions) == 1


async def test_somebody_elses_tab_of_the_same_name_makes_no_command_pass_for_done(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", (S1,), name="desk")
        anna = await run.client("anna", (S1,), name="tab")
        bo = await run.client("bo", (S1,), name="tab")
        for someone in (anna, bo):
            assert (await someone.do(S1, ASK | {"text": f"Av {someone is anna}"}, 7))["type"] == "ack"
        assert len(run.services.streams.room("s1").questions) == 2
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        for someone in (anna, bo):
            vote = {"type": "question.vote", "question_id": "s1-q1", "up": True}
            assert (await someone.do(S1, vote, 8))["type"] == "ack"
        assert run.services.ballots.votes("s1-q1") == 2


async def test_a_tab_that_follows_all_it_may_can_still_ask_for_a_sign_of_life(tmp_path: Path) -> None:
    plans = "".join(
        f'[[sessions]]\nid = "t{n}"\ntitle = "T{n}"\nkind = "plenary"\nstart = "2026-03-26 {9 + n:02}:00"\n'
        f'end = "2026-03-26 {10 + n:02}:00"\nroom = "plenum"\n'
        for n in range(8)
    )
    (tmp_path / "conference.toml").write_text(CONFERENCE + plans)
    async with running(tmp_path) as run:
        streams = ["conference", *(f"session/t{n}" for n in range(7))]
        assert len(streams) == MOST_STREAMS
        anna = await run.client("anna", streams)
        await anna.follow("conference", run.services.streams.seq("conference"))
        await anna.heard("caught_up", stream="conference")
        await anna.follow("session/t7")
        assert (await anna.heard("refused"))["code"] == "too_many"


async def test_answers_and_votes_are_rows_counted_once(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona, anna, bo, siri = [await run.client(name, (S1,)) for name in ("mona", "anna", "bo", "siri")]
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": True})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        answers = [anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": n % 2}) for n in range(9)]
        assert {reply["type"] for reply in await asyncio.gather(*answers)} == {"ack"}
        await bo.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 1})
        await siri.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 0})
        await bo.until(lambda f: f["type"] == "tally" and f["answered"].get("s1-p1") == 3)
        await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
        counted = await mona.event("poll.counted")
        assert sum(counted["event"]["counts"]) == 3
        late = await anna.do(S1, {"type": "poll.answer", "poll_id": "s1-p1", "option": 1})
        assert (late["type"], late["code"]) == ("refused", "poll_closed")
        await mona.do(S1, {"type": "poll.show", "poll_id": "s1-p1"})
        assert (await bo.event("poll.shown"))["event"]["counts"] == counted["event"]["counts"]


async def test_a_vote_can_be_taken_back(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona, anna = [await run.client(name, (S1,)) for name in ("mona", "anna")]
        await anna.do(S1, ASK)
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        for up in (True, True, False, True):
            await anna.do(S1, {"type": "question.vote", "question_id": "s1-q1", "up": up})
        assert run.services.ballots.votes("s1-q1") == 1
        await anna.do(S1, {"type": "question.vote", "question_id": "s1-q1", "up": False})
        await mona.until(lambda f: f["type"] == "tally" and f["votes"].get("s1-q1") == 0)


async def test_votes_stand_when_the_session_has_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona, anna = [await run.client(name, (S1,)) for name in ("mona", "anna")]
        await anna.do(S1, ASK)
        await mona.do(S1, {"type": "question.publish", "question_id": "s1-q1"})
        await anna.do(S1, {"type": "question.vote", "question_id": "s1-q1", "up": True})
        await mona.do("conference", {"type": "session.end", "session_id": "s1"})
        for client, up in ((anna, False), (mona, True)):
            late = await client.do(S1, {"type": "question.vote", "question_id": "s1-q1", "up": up})
            assert (late["type"], late["code"]) == ("refused", "session_ended")
        assert run.services.ballots.votes("s1-q1") == 1


MODERATOR_COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("conference", {"type": "session.prepare", "session_id": "s2"}),
    ("conference", {"type": "session.go_live", "session_id": "s1"}),
    ("conference", {"type": "session.end", "session_id": "s1"}),
    ("conference", {"type": "survey.open"}),
    ("conference", {"type": "survey.close"}),
    (S1, {"type": "stage.enter"}),
    (S1, {"type": "stage.set_media", "camera": True, "microphone": True, "screen": True}),
    (S1, {"type": "stage.leave"}),
    (S1, {"type": "stage.remove", "person_id": "siri"}),
    (S1, {"type": "poll.draft", "title": "x", "options": ["a", "b"], "anonymous": True}),
    (S1, {"type": "poll.discard", "poll_id": "s1-p1"}),
    (S1, {"type": "poll.open", "poll_id": "s1-p1"}),
    (S1, {"type": "poll.close", "poll_id": "s1-p1"}),
    (S1, {"type": "poll.count", "poll_id": "s1-p1", "counts": [9, 9]}),
    (S1, {"type": "poll.show", "poll_id": "s1-p1"}),
    (S1, {"type": "question.publish", "question_id": "s1-q1"}),
    (S1, {"type": "question.dismiss", "question_id": "s1-q1"}),
    (S1, {"type": "question.mark_answered", "question_id": "s1-q1"}),
    (S1, {"type": "recording.start"}),
    (S1, {"type": "recording.stop"}),
    (S1, {"type": "recording.finish", "recording_id": "s1-r1", "duration": 1.0}),
    (S1, {"type": "recording.fail", "recording_id": "s1-r1", "reason": "x"}),
]


async def test_an_attendee_who_sends_every_moderator_command_is_refused_every_time(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna = await run.client("anna", ("conference", S1))
        before = run.services.streams.seq("conference"), run.services.streams.seq(S1)
        for stream, command in MODERATOR_COMMANDS:
            reply = await anna.do(stream, command)
            assert (reply["type"], reply["code"]) == ("refused", "forbidden"), command
        assert (run.services.streams.seq("conference"), run.services.streams.seq(S1)) == before


BAD_FRAMES = [
    "",
    "null",
    "{",
    "[]",
    '{"type":"hello"}',
    '{"type":"hello","client":"x","follow":{},"visible":true,"extra":1}',
    '{"type":"nonsense"}',
    '{"type":"do","id":-1,"stream":"conference","command":{"type":"survey.open"}}',
    '{"type":"do","id":1,"stream":"conference","command":{"type":"no.such"}}',
    '{"type":"do","id":1,"stream":"../etc","command":{"type":"survey.open"}}',
    '{"type":"do","id":1,"stream":"session/s1","command":{"type":"poll.answer","poll_id":"x","option":99}}',
    '{"type":"do","id":1e400,"stream":"conference","command":{"type":"survey.open"}}',
    '{"type":"follow","stream":"session/\\u0000","since":0}',
    "[" * 5000,
    b"\x00\x01\x02",
]


@pytest.mark.parametrize("bad", BAD_FRAMES, ids=range(len(BAD_FRAMES)))
async def test_who_does_not_speak_the_protocol_is_closed_and_nobody_else_notices(tmp_path: Path, bad: str | bytes) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna = await run.client("anna", (S1,))
        other = await run.client("bo", (S1,))
        await other.send(bad)
        assert await other.closed() == 4400
        assert (await anna.do(S1, ASK))["type"] == "ack"


async def test_a_message_that_is_too_large_ends_its_connection_only(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna, bo = [await run.client(name, (S1,)) for name in ("anna", "bo")]
        await bo.send({"type": "do", "id": 1, "stream": S1, "command": {"type": "question.ask", "text": "x" * 100_000}})
        assert await bo.closed() in (1009, 1006)
        assert (await anna.do(S1, ASK))["type"] == "ack"


async def test_a_command_before_hello_is_a_violation(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        bo = await run.connect("bo")
        await bo.send({"type": "do", "id": 1, "stream": S1, "command": ASK})
        assert await bo.closed() == 4400


@pytest.mark.parametrize("stream", ["session/nowhere", "session/s99"])
async def test_a_stream_that_is_not_in_the_programme_is_refused(tmp_path: Path, stream: str) -> None:
    async with running(tmp_path) as run:
        bo = await run.client("bo")
        await bo.follow(stream)
        assert (await bo.heard("refused"))["code"] == "not_found"
        assert (await bo.do(stream, ASK))["code"] == "not_found"


async def test_a_command_in_the_wrong_stream_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        mona = await run.client("mona")
        assert (await mona.do("conference", {"type": "recording.start"}))["code"] == "not_found"
        assert (await mona.do(S1, {"type": "survey.open"}))["code"] == "not_found"


async def test_a_stranger_is_told_to_sign_in(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        assert await (await run.connect(None)).closed() == 4401
        forged = await run.connect(None, headers={"Cookie": "plenum=ImFubmEi.aaaa.bbbb"})
        assert await forged.closed() == 4401


async def test_a_page_from_elsewhere_cannot_connect_with_the_visitors_cookie(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        with pytest.raises(InvalidStatus) as caught:
            await run.connect("anna", headers={"Origin": "https://evil.example"})
        assert caught.value.response.status_code == 403


async def test_a_flood_is_refused_and_the_connection_stays(tmp_path: Path) -> None:
    async with running(tmp_path, messages_per_second=5.0) as run:
        await run.go_live()
        anna = await run.client("anna", (S1,))
        for number in range(60):
            await anna.send({"type": "do", "id": number, "stream": S1, "command": {"type": "stage.enter"}})
        assert (await anna.heard("refused", code="too_fast"))["message"]
        await until(lambda: sum(f["type"] == "refused" for f in anna.frames) == 60)
        assert anna.close_code is None


async def test_one_person_cannot_open_connections_without_end(tmp_path: Path) -> None:
    async with running(tmp_path, connections_per_person=2) as run:
        await run.client("anna")
        await run.client("anna")
        assert await (await run.connect("anna")).closed() == 4429
        await run.client("bo")


async def test_a_revoked_link_ends_the_cookie(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        cookie = await run.cookie("anna")
        await run.services.identity.revoke("anna")
        late = await run.connect(None, headers={"Cookie": f"plenum={cookie}"})
        assert await late.closed() == 4401


async def test_presence_counts_people_not_tabs_and_tells_those_in_the_background(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        anna = await run.client("anna", (S1,))
        other_tab = await run.client("anna", (S1,))
        bo = await run.client("bo", (S1,))
        await anna.heard("presence", present=2, background=0)
        await bo.send({"type": "visibility", "visible": False})
        await anna.heard("presence", present=2, background=1)
        await other_tab.close()
        await bo.close()
        await anna.heard("presence", present=1, background=0)


async def test_a_slow_reader_is_told_to_resync_and_the_others_hear_everything(tmp_path: Path) -> None:
    async with running(tmp_path, outbox_bytes=100_000, messages_per_second=10_000) as run:
        await run.go_live()
        slow = await run.client("bo", (S1,))
        mona = await run.client("mona", (S1,))
        slow.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
        slow.socket.transport.pause_reading()
        drafts = 0
        while run.services.hub.count > 1 and drafts < 4000:
            drafts += 1
            await _publish_a_question(run, mona, drafts)
        assert run.services.hub.count == 1
        assert len(mona.events(S1)) == run.services.streams.seq(S1)
        slow.socket.transport.resume_reading()  # and nobody has to wait for it at the end


async def _publish_a_question(run: Running, mona: Any, number: int) -> None:
    await mona.do(S1, {"type": "question.ask", "text": f"{number} " + "å" * 490})
    await mona.do(S1, {"type": "question.publish", "question_id": f"s1-q{number}"})


async def test_an_answer_sent_again_after_the_poll_closed_is_acknowledged_as_it_was_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        mona = await run.client("mona", (S1,))
        first = await run.client("anna", (S1,), name="tab")
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": True})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        answer = {"type": "poll.answer", "poll_id": "s1-p1", "option": 1}
        assert (await first.do(S1, answer, 7))["type"] == "ack"
        await first.close()
        await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
        second = await run.client("anna", (S1,), name="tab")
        assert (await second.do(S1, answer, 7))["type"] == "ack"
        assert (await second.do(S1, answer, 8))["code"] == "poll_closed"


async def test_a_link_withdrawn_by_another_process_ends_what_it_had_opened(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.go_live()
        anna = await run.client("anna", (S1,))
        bo = await run.client("bo", (S1,))
        person = run.services.people.get("anna")
        assert person is not None
        await run.services.seats.admit(run.services.people.actor(person), "s1", "v=0", {"0": "audio"}, sends=False)
        other_process = Links(run.services.database, b"x" * 32)
        await other_process.revoke("anna")
        assert await anna.closed() == 4401
        await until(lambda: run.services.seats.count == 0)
        assert bo.close_code is None


async def test_who_gets_another_role_comes_back_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        bo = await run.client("bo")
        anna = await run.client("anna")
        anna_now = run.services.people.get("anna")
        assert anna_now is not None
        other_process = People(run.services.database)
        await other_process.load()
        await other_process.apply(Import((), ((anna_now, replace(anna_now, roles=("moderator",))),), (), ()))
        assert await anna.closed() == 1012
        again = await run.client("anna")
        assert again.frames[0]["roles"] == ["moderator"]
        assert bo.close_code is None

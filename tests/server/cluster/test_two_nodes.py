"""Two nodes serve one conference: everybody hears everything in order, once, wherever they are, and without Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.redis import RedisServer
from rooms import messages as m
from rooms.errors import Refused
from server.cluster.fence import ASLEEP_SECONDS
from tests.server.cluster.pair import cluster_of, fence_of, pair, seqs
from tests.server.running import Client, until

S1 = "session/s1"


def ask(text: str) -> dict[str, str]:
    return {"type": "question.ask", "text": text}


def answer(option: int) -> dict[str, object]:
    return {"type": "poll.answer", "poll_id": "s1-p1", "option": option}


async def heard_all(client: Client, last: int) -> None:
    await client.until(lambda f: f["type"] == "event" and f["stream"] == S1 and f["seq"] == last)


async def test_what_is_done_on_one_is_heard_on_both_in_one_order(
    tmp_path: Path, postgres_place: str, redis: RedisServer, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        here, there = await nodes.a.client("mona", (S1,)), await nodes.b.client("mona", (S1,))
        anna, bo = await nodes.a.client("anna", (S1,)), await nodes.b.client("bo", (S1,))
        for _ in range(4):
            await asyncio.gather(*(who.do(S1, ask("Hur?")) for who in (anna, bo)))
            redis.command("FLUSHALL")  # it has nothing that anybody needs
        await asyncio.gather(*(heard_all(one, 8) for one in (here, there)))
        assert seqs(here, S1) == seqs(there, S1) == list(range(1, 9))
        assert nodes.b.services.streams.elsewhere > 0  # and not by reading the journal only
        assert all(cluster_of(node).nodes.is_well for node in nodes)


Trouble = Callable[[RedisServer], None]


@pytest.mark.parametrize("trouble", ["killed", "paused"])
async def test_without_redis_everything_goes_on_by_the_journal_and_pages_say_so(
    tmp_path: Path, postgres_place: str, redis: RedisServer, redis_url: str, trouble: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        there = await nodes.b.client("mona", ("conference", S1))
        anna, bo = await nodes.a.client("anna", (S1,)), await nodes.b.client("bo", (S1,))
        (redis.kill if trouble == "killed" else redis.pause)()
        try:
            await anna.do(S1, ask("Märks det?"))
            await nodes.apart()
            await there.heard("updates", delayed=True)
            newcomer = await nodes.b.client("siri")
            await newcomer.heard("updates", delayed=True)
            await anna.do(S1, ask("Går det?"))
            await heard_all(there, 2)
            await bo.do(S1, ask("Ja"))
        finally:
            (redis.start if trouble == "killed" else redis.go_on)()
        await nodes.well()
        await there.heard("updates", delayed=False)
        await anna.do(S1, ask("Och nu?"))
        await heard_all(there, 4)
        assert seqs(there, S1) == [1, 2, 3, 4]
        later = await nodes.b.client("siri")
        assert not [f for f in later.frames if f["type"] == "updates" and f["delayed"]]


async def test_presence_and_connections_count_on_all_nodes_and_end_with_a_node(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url, connections_per_person=3) as nodes:
        mona = await nodes.a.client("mona", (S1,))
        await nodes.a.client("anna", (S1,))
        await nodes.b.client("anna", (S1,))
        await nodes.b.client("anna", (S1,))
        await nodes.b.client("bo", (S1,))
        await mona.until(lambda f: f["type"] == "presence" and f["present"] == 3)  # anna once
        assert set(nodes.a.services.presence.people("s1")) == {"mona", "anna", "bo"}
        await until(lambda: nodes.a.services.hub.connections_of("anna") == 3)
        too_many = await nodes.a.connect("anna")
        assert await too_many.closed() == 4429
        cluster = cluster_of(nodes.a)
        cluster.nodes.on_beat.clear()  # what is heard later of the other counts for nothing
        mona.frames.clear()
        cluster.nodes._bury(cluster_of(nodes.b).nodes.id)  # it is silent for so long
        await mona.until(lambda f: f["type"] == "presence" and f["present"] == 2)
        assert nodes.a.services.hub.connections_of("anna") == 1


async def test_whoever_comes_from_a_node_that_knew_more_is_not_sent_back_in_time(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        anna = await nodes.a.client("anna", (S1,))
        stream = nodes.b.services.streams.stream(S1)
        await stream.lock.acquire()  # the other is slow
        for _ in range(3):
            await anna.do(S1, ask("Var är jag?"))
        await until(lambda: len(stream.heard) == 3)
        moved = await nodes.b.connect("anna")
        await moved.hello({S1: 3})
        stream.lock.release()
        caught = await moved.heard("caught_up", stream=S1)
        assert caught["seq"] == 3 and not [f for f in moved.frames if f["type"] in ("snapshot", "event")]


async def test_answers_and_votes_through_both_are_one_tally_that_both_tell(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        mona, there = await nodes.a.client("mona", (S1,)), await nodes.b.client("mona", (S1,))
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": True})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        await there.event("poll.opened")
        for number, name in enumerate(("anna", "bo", "siri")):
            tab = await nodes[number % 2].client(name, (S1,), name="tab")
            assert (await tab.do(S1, answer(0), 1))["type"] == "ack"
        for one in (mona, there):
            await one.until(lambda f: f["type"] == "tally" and f["answered"].get("s1-p1") == 3)
        moved = await nodes.b.client("anna", (S1,), name="tab")
        assert (await moved.heard("mine", stream=S1))["answers"] == {"s1-p1": 0}
        assert (await moved.do(S1, answer(0), 1))["type"] == "ack"  # its acknowledgement was lost
        assert (await moved.do(S1, answer(1), 2))["type"] == "ack"
        await there.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
        counted = await mona.event("poll.counted")
        assert counted["event"]["counts"] == [2, 1]
        assert (await moved.do(S1, answer(0), 3))["code"] == "poll_closed"


async def test_a_command_that_is_sent_again_to_another_node_is_done_once(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        mona = await nodes.a.client("mona", (S1,))
        await mona.do(S1, {"type": "poll.draft", "title": "Klart?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        anna = await nodes.a.client("anna", (S1,), name="tab")
        await anna.do(S1, ask("En gång?"), 1)
        await anna.do(S1, answer(1), 2)
        await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"})
        await mona.event("poll.counted")
        moved = await nodes.b.connect("anna", "tab")
        await moved.hello({S1: nodes.a.services.streams.seq(S1)})
        for number, command in ((1, ask("En gång?")), (2, answer(1))):
            assert (await moved.do(S1, command, number))["type"] == "ack"
        assert len(nodes.b.services.streams.room("s1").questions) == 1
        assert (await moved.do(S1, answer(0), 3))["code"] == "poll_closed"


async def test_a_poll_that_opens_while_another_node_ends_the_session_does_not_stay_open(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        mona = await nodes.b.client("mona", (S1,))
        await mona.do(S1, {"type": "poll.draft", "title": "Klart?", "options": ["Ja", "Nej"], "anonymous": False})
        conference = nodes.b.services.streams.stream("conference")
        await conference.lock.acquire()  # slow to hear that it is over
        chair = await nodes.a.client("mona")
        await chair.do("conference", {"type": "session.end", "session_id": "s1"})
        assert (await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"}))["type"] == "ack"
        conference.lock.release()
        await mona.event("poll.counted")
        kinds = [kind for _, kind in mona.events(S1)]
        assert kinds == ["poll.drafted", "poll.opened", "poll.closed", "poll.counted"]


async def test_what_a_dead_node_has_left_undone_another_does(tmp_path: Path, postgres_place: str, redis_url: str) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        mona = await nodes.a.client("mona", (S1,))
        await mona.do(S1, {"type": "poll.draft", "title": "Klart?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        await nodes.together()
        b = nodes.b.services
        await until(lambda: b.streams.seq(S1) == 2)
        closed = m.PollClosed("s1-p1", b.now())  # written by a node that was killed before it told anybody
        await b.journal.append(S1, 3, [closed], actor="mona", cause=None, at=b.now())
        await mona.event("poll.closed")
        cluster_of(nodes.a).nodes._bury(cluster_of(nodes.b).nodes.id)
        await mona.event("poll.counted")


async def test_who_moves_to_another_node_stays_on_stage_and_who_is_gone_from_all_leaves_it_once(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url, stage_grace_seconds=0.2) as nodes:
        await nodes.go_live()
        mona = await nodes.b.client("mona", (S1,))
        await nodes.together()
        siri = await nodes.a.client("siri", (S1,))
        await siri.do(S1, {"type": "stage.enter"})
        await mona.event("stage.entered")
        moved = await nodes.b.client("siri", (S1,))
        await until(lambda: bool(cluster_of(nodes.a).shared.elsewhere("present", "s1", "siri")))
        await siri.close()
        await until(lambda: not cluster_of(nodes.a).shared.own("present", "s1"))
        assert all(node.services.presence.is_present("s1", "siri") for node in nodes)
        await moved.close()
        await mona.event("stage.left")
        await mona.do(S1, ask("Vart tog hon vägen?"))
        assert [kind for _, kind in mona.events(S1)] == ["stage.entered", "stage.left", "question.asked"]


async def test_a_node_that_was_frozen_does_nothing_that_it_was_asked_before(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        clock = fence_of(nodes.a)
        anna = await nodes.a.client("anna", (S1,), name="tab")
        clock.now += ASLEEP_SECONDS + 1  # it was not running
        await anna.send({"type": "do", "id": 1, "stream": S1, "command": ask("Är någon där?")})
        assert await anna.closed() == 1012
        assert not nodes.a.services.streams.room("s1").questions
        back = await nodes.b.client("anna", (S1,), name="tab")
        assert (await back.do(S1, ask("Är någon där?"), 1))["type"] == "ack"


async def test_what_was_under_way_when_a_node_was_frozen_is_not_decided_afterwards(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    """Whoever had asked for it has gone to another node, and may have been told there that it cannot be."""
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        clock = fence_of(nodes.a)
        streams = nodes.a.services.streams
        anna = m.Actor("anna", "Anna Ek", frozenset({"attendee"}))
        async with streams.stream(S1).lock:
            asking = asyncio.create_task(streams.handle(S1, anna, m.QuestionAsk("Är någon där?"), "anna/tab/1"))
            await asyncio.sleep(0)  # it waits in line
            await asyncio.sleep(0)
            clock.now += ASLEEP_SECONDS + 1
        with pytest.raises(Refused, match="try_again"):
            await asking
        assert not streams.room("s1").questions
        assert await streams.handle(S1, anna, m.QuestionAsk("Är någon där?"), "anna/tab/1")

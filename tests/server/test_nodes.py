"""Commands on several nodes: they serialise by stream in the database, and every node's followers hear everything once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from rooms import messages as m
from rooms.errors import Refused
from server.bus import MemoryBus
from server.database import Database
from server.journal import Conflict, Entry, Journal
from server.streams import Streams
from tests.fakes import FakeClock
from tests.rooms import day

S1 = "session/s1"
B1 = "breakouts/s1"


class Node:
    """What a server does with streams: the database, a projection, and what those who follow here have heard."""

    def __init__(self, place: Path | str) -> None:
        self.database = Database(place)
        self.heard: list[Entry] = []
        bus = MemoryBus()
        bus.subscribe(self.heard.append)
        self.journal = Journal(self.database)
        self.streams = Streams(self.journal, bus, FakeClock())

    async def ask(self, person_id: str, text: str, cause: str | None = None) -> list[Entry]:
        actor = m.Actor(person_id, person_id, frozenset({"attendee"}))
        return await self.streams.handle(S1, actor, m.QuestionAsk(text), cause)


@pytest.fixture
async def nodes(place: Path | str) -> AsyncIterator[tuple[Node, Node]]:
    """A session is live, and both know."""
    both = Node(place), Node(place)
    await both[0].database.open()
    streams = both[0].streams
    for command in (m.ProgrammePublish(day.PROGRAMME), m.SessionPrepare("s1"), m.SessionGoLive("s1")):
        await streams.handle(m.CONFERENCE, m.SYSTEM if isinstance(command, m.ProgrammePublish) else day.MONA, command)
    await both[1].database.open()
    for one in both:
        await one.streams.load()
        one.heard.clear()
    yield both
    for one in both:
        await one.database.close()


async def test_commands_on_two_nodes_are_each_there_once_in_one_order(nodes: tuple[Node, Node]) -> None:
    asked = [(nodes[n % 2], f"p{n}", f"fråga {n}") for n in range(40)]
    answers = await asyncio.gather(*(node.ask(who, text, f"{who}/tab/1") for node, who, text in asked))
    journal = await nodes[0].journal.read(S1)
    assert [entry.seq for entry in journal] == list(range(1, 41))
    assert sorted(entry.cause or "" for entry in journal) == sorted(f"{who}/tab/1" for _, who, _ in asked)
    assert {entry for one in answers for entry in one} == set(journal)  # what was acknowledged is what is there
    ids = [entry.event.question.id for entry in journal if isinstance(entry.event, m.QuestionAsked)]
    assert len(set(ids)) == 40  # each was decided knowing those before
    for node in nodes:
        await node.streams.handle(S1, m.SYSTEM, m.PollDraft("Klar?", ("Ja", "Nej"), anonymous=False))
        assert [entry.seq for entry in node.heard if entry.stream == S1] == list(range(1, node.streams.seq(S1) + 1))
        assert node.heard[:40] == journal


async def test_a_command_sent_again_to_another_node_is_done_once(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    await here.ask("anna", "Varför?", "anna/tab/1")
    assert await there.ask("anna", "Varför?", "anna/tab/1") == []
    assert len(await here.journal.read(S1)) == 1
    assert there.heard == here.heard


@pytest.mark.parametrize("code", ["read_only", "try_again"])
async def test_what_cannot_be_saved_but_was_by_another_node_is_not_refused(
    nodes: tuple[Node, Node], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first answer was lost; the disk got full before the second."""
    here, there = nodes

    async def refuse(*_: object, **__: object) -> list[Entry]:
        raise Refused(code)

    await here.ask("anna", "Varför?", "anna/tab/1")
    monkeypatch.setattr(there.journal, "append", refuse)
    assert await there.ask("anna", "Varför?", "anna/tab/1") == []
    assert there.heard == here.heard
    with pytest.raises(Refused, match=code):
        await there.ask("anna", "Varför det?", "anna/tab/2")


async def test_nothing_is_refused_or_left_out_for_what_another_node_has_changed_since(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    there.streams.several = True
    for number in range(1, 6):
        await here.ask("anna", f"fråga {number}", f"anna/tab/{number}")
    await there.ask("bo", "Får jag?")  # now both know that Anna has as many waiting as one may
    await here.ask("bo", "Och jag?")
    await here.streams.handle(S1, day.MONA, m.QuestionPublish("s1-q1"))
    await here.ask("anna", "En till", "anna/tab/6")
    assert await there.ask("anna", "En till", "anna/tab/6") == []  # known, and not "too many"
    await here.streams.handle(S1, day.MONA, m.QuestionPublish("s1-q2"))
    assert len(await there.ask("anna", "Och en", "anna/tab/7")) == 1
    await here.streams.handle(S1, day.SIRI, m.StageEnter())
    assert len(await there.streams.handle(S1, day.SIRI, m.StageLeave())) == 1
    with pytest.raises(Refused, match="too_many"):
        await there.ask("anna", "Och en", "anna/tab/8")


async def test_a_phase_that_another_node_has_changed_is_known_before_anything_is_refused(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    there.streams.several = True
    await here.streams.handle(m.CONFERENCE, day.MONA, m.SessionEnd("s1"))
    for command in (m.SessionPrepare("s2"), m.SessionGoLive("s2")):
        await here.streams.handle(m.CONFERENCE, day.MONA, command)
    actor = m.Actor("bo", "Bo", frozenset({"attendee"}))
    assert len(await there.streams.handle("session/s2", actor, m.QuestionAsk("Redan?"))) == 1


async def test_a_node_that_is_behind_decides_by_what_has_happened_meanwhile(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    await here.streams.handle(m.CONFERENCE, day.MONA, m.SessionEnd("s1"))
    with pytest.raises(Refused, match="illegal_step"):
        await there.streams.handle(m.CONFERENCE, day.MONA, m.SessionEnd("s1"))
    assert there.streams.conference.runs["s1"].phase == "ended"
    assert there.heard == here.heard


async def test_whoever_never_gets_through_is_told_to_try_again(nodes: tuple[Node, Node]) -> None:
    class Busy(Journal):
        tries = 0

        async def append(
            self,
            stream: str,
            first_seq: int,
            new_events: Sequence[m.Event],
            *,
            actor: str,
            cause: str | None,
            at: datetime,
        ) -> list[Entry]:
            self.tries += 1
            raise Conflict(stream)

    journal = Busy(nodes[0].database)
    streams = Streams(journal, MemoryBus(), FakeClock())
    await streams.load()
    with pytest.raises(Refused, match="try_again"):
        await streams.handle(S1, day.ANNA, m.QuestionAsk("Hallå?"))
    assert 1 < journal.tries < 100


async def test_a_command_that_the_database_keeps_waiting_does_not_keep_a_server_from_ending(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = nodes
    is_asked = asyncio.Event()

    async def wait(*_: object, **__: object) -> list[Entry]:
        is_asked.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(here.journal, "append", wait)
    monkeypatch.setattr("server.streams.DRAIN_SECONDS", 0.01)
    asking = asyncio.create_task(here.ask("anna", "Varför?", "anna/tab/1"))
    await is_asked.wait()
    await here.streams.drain()
    assert not asking.done()  # whoever asked has been told nothing
    asking.cancel()
    for task in here.streams._running:
        task.cancel()


async def test_somebody_whom_two_nodes_place_at_once_is_in_one_room_and_a_round_is_closed_once(
    nodes: tuple[Node, Node],
) -> None:
    here, there = nodes
    for one in nodes:
        one.streams.several = True
    rooms = (m.DraftRoom(people=("anna", "bo")), m.DraftRoom(people=("carl", "dina")))
    for command in (m.BreakoutsPlan(m.BreakoutPlan("list", minutes=10), rooms), m.BreakoutsOpen()):
        await here.streams.handle(B1, day.MONA, command)
    await asyncio.gather(
        *(
            one.streams.handle(B1, m.SYSTEM, m.BreakoutSeat(f"late{number}", room_id))
            for number in range(5)
            for one, room_id in ((here, "b1"), (there, "b2"))
        )
    )
    closing = m.BreakoutsClose(at_once=True)
    await asyncio.gather(*(one.streams.handle(B1, m.SYSTEM, closing) for one in nodes for _ in range(3)))
    events = [entry.event for entry in await here.journal.read(B1)]
    entered = [event.person_id for event in events if isinstance(event, m.BreakoutEntered)]
    assert sorted(entered) == [f"late{number}" for number in range(5)]
    assert sum(isinstance(event, m.BreakoutsClosed) for event in events) == 1
    for one in nodes:
        await one.streams.look()
        await one.streams.drain()
    assert here.streams.breakouts("s1") == there.streams.breakouts("s1")

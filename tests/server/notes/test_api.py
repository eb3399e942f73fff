"""Writing in notes over HTTP, hearing of it over the WebSocket; and nobody else reads or hears any of it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.notes import service
from server.notes.document import EMPTY
from server.notes.notebook import Place
from server.tables import people
from tests.server.notes.test_document import Page
from tests.server.running import Running, running

STREAM = m.breakouts_stream("s1")
ROOM = "/api/breakouts/s1/notes/b1"


MONA = m.Actor("mona", "Mona Dahl", frozenset({"moderator"}))


async def open_rooms(run: Running) -> None:
    """Anna and Siri in one room, Bo and Britt in another."""
    await run.go_live()
    rooms = (m.DraftRoom("Ett", people=("anna", "siri")), m.DraftRoom("Två", people=("bo", "britt")))
    await run.services.streams.handle(STREAM, MONA, m.BreakoutsPlan(m.BreakoutPlan(), rooms))
    await run.services.streams.handle(STREAM, MONA, m.BreakoutsOpen(rooms))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as run:
        await open_rooms(run)
        yield run


async def exchange(run: Running, who: str | None, page: Page, update: bytes = b"", path: str = ROOM) -> tuple[int, Any]:
    body = {"update": b64encode(update).decode(), "vector": b64encode(page.document.get_state()).decode()}
    async with await run.browser(who) as browser:
        answer = await browser.post(path, json=body)
    if answer.status_code == 200:
        page.take(b64decode(answer.json()["update"]))
    return answer.status_code, answer.json()


async def write(run: Running, who: str, words: str) -> tuple[int, Any]:
    page = Page()
    page.write(0, words)
    return await exchange(run, who, page, page.unsent(EMPTY))


async def test_what_one_writes_the_others_in_the_room_hear_and_read_and_nobody_else(server: Running) -> None:
    siri, bo = [await server.client(who, ("conference", STREAM)) for who in ("siri", "bo")]
    assert (await write(server, "anna", "Vi börjar med skolan."))[0] == 200
    page = Page()
    page.take(b64decode((await siri.heard("notes", room_id="b1"))["update"]))
    assert str(page.text) == "Vi börjar med skolan."
    await server.services.streams.handle(STREAM, m.SYSTEM, m.BreakoutsClose(at_once=True))
    await bo.event("breakouts.closed")  # it came after the notes would have
    assert not [frame for frame in bo.frames if frame["type"] == "notes"]

    late = Page()
    assert (await exchange(server, "siri", late))[0] == 200 and str(late.text) == "Vi börjar med skolan."
    for who, code in (("bo", "not_in_room"), ("britt", "not_in_room"), (None, "not_signed_in")):
        for path in (ROOM, "/api/breakouts/s1/notes/b9"):
            assert (await exchange(server, who, Page(), path=path))[1]["code"] == code


async def test_moderators_read_and_do_not_write(server: Running) -> None:
    await write(server, "anna", "Skolan.")
    page = Page()
    assert (await exchange(server, "mona", page))[0] == 200 and str(page.text) == "Skolan."
    assert (await write(server, "mona", "Nej!"))[1]["code"] == "not_in_room"
    lists = {}
    for who in ("mona", "siri", "bo"):
        async with await server.browser(who) as browser:
            lists[who] = (await browser.get("/api/breakouts/s1/notes")).json()["notes"]
    assert [(found["room_id"], found["title"], found["text"]) for found in lists["mona"]] == [("b1", "Ett", "Skolan.")]
    assert lists["siri"] == lists["mona"] and lists["bo"] == []


async def test_who_is_sent_out_while_a_request_comes_in_reads_and_writes_no_more(server: Running) -> None:
    await write(server, "siri", "Förtroligt.")
    page = Page()
    page.write(0, "Jag är kvar.")

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"update": "'
        await server.services.streams.handle(STREAM, MONA, m.BreakoutBar("anna"))
        yield b64encode(page.unsent(EMPTY)) + b'"}'

    async with await server.browser("anna") as browser:
        answer = await browser.post(ROOM, content=slowly())
    assert answer.json()["code"] == "not_in_room"
    assert await server.services.notes.book.text(Place("s1", "b1")) == "Förtroligt."


@pytest.fixture
def unhurried(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was moved was so a moment ago, however slow the machine is."""
    monkeypatch.setattr(server.services.notes.leaving, "_clock", lambda: 0.0)


@pytest.mark.usefixtures("unhurried")
async def test_the_last_words_of_who_was_moved_are_taken_and_they_read_no_more(server: Running) -> None:
    await write(server, "siri", "Förtroligt. ")
    await server.services.streams.handle(STREAM, MONA, m.BreakoutMove("anna", "b2"))
    page = Page()
    page.write(0, "Sist.")
    assert (await exchange(server, "anna", page, page.unsent(EMPTY)))[0] == 200
    assert str(page.text) == "Sist."
    assert "Sist." in await server.services.notes.book.text(Place("s1", "b1"))
    assert (await exchange(server, "anna", Page()))[1]["code"] == "not_in_room"
    await server.services.streams.handle(STREAM, MONA, m.BreakoutBar("anna"))
    for who in ("anna", "bo"):
        assert (await write(server, who, "Nej!"))[1]["code"] == "not_in_room"


@pytest.mark.usefixtures("unhurried")
async def test_the_last_words_of_a_moderator_who_was_moved_are_taken_too(server: Running) -> None:
    await write(server, "siri", "Förtroligt. ")
    for room in ("b1", "b2"):
        await server.services.streams.handle(STREAM, MONA, m.BreakoutMove("mona", room))
    page = Page()
    page.write(0, "Sist.")
    assert (await exchange(server, "mona", page, page.unsent(EMPTY)))[0] == 200
    assert "Sist." in str(page.text) and "Förtroligt. " in str(page.text)  # moderators read on
    assert str(page.text) == await server.services.notes.book.text(Place("s1", "b1"))


async def test_who_visited_as_a_moderator_and_is_none_any_more_hears_nothing(server: Running) -> None:
    await server.services.streams.handle(STREAM, MONA, m.BreakoutVisit("b1"))
    demote = update(people).where(people.c.id == "mona").values(roles="attendee")

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(demote)

    await server.services.database.write(work)
    await server.services.people.load()
    mona, siri = [await server.client(who, ("session/s1", STREAM)) for who in ("mona", "siri")]
    await write(server, "anna", "Skolan.")
    await siri.heard("notes", room_id="b1")
    await server.services.streams.handle(STREAM, MONA, m.BreakoutsTell("Fem minuter kvar"))
    await mona.event("breakouts.told")
    assert not [frame for frame in mona.frames if frame["type"] == "notes"]


async def test_notes_are_written_until_the_session_ends_and_read_afterwards(server: Running) -> None:
    await server.services.streams.handle(STREAM, m.SYSTEM, m.BreakoutsClose(at_once=True))
    assert (await write(server, "anna", "Efteråt."))[0] == 200
    await server.services.streams.handle(m.CONFERENCE, m.SYSTEM, m.SessionEnd("s1"))
    assert (await write(server, "anna", "För sent."))[1]["code"] == "session_ended"
    page = Page()
    assert (await exchange(server, "anna", page))[0] == 200 and str(page.text) == "Efteråt."


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"update": "%%"}', b'{"vector": "AQ"}', b'{"more": ""}', b'{"update": "AQEB"}']
)
async def test_what_cannot_be_read_is_refused(server: Running, body: bytes) -> None:
    async with await server.browser("anna") as browser:
        answer = await browser.post(ROOM, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_text")


async def test_another_sites_page_writes_nothing(server: Running) -> None:
    async with await server.browser("anna") as browser:
        answer = await browser.post(ROOM, json={}, headers={"Origin": "https://elsewhere.example"})
    assert answer.json()["code"] == "foreign_origin"


async def test_whoever_writes_without_a_breath_is_asked_to_wait(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.services.notes.paces, "_now", lambda: 0.0)  # no time passes
    async with await server.browser("anna") as browser:
        codes = [(await browser.post(ROOM, json={})).status_code for _ in range(service.AT_ONCE + 1)]
        assert (await browser.get("/api/breakouts/s1/notes")).status_code == 429
    assert codes == [200] * service.AT_ONCE + [429]


async def test_the_hall_reads_the_notes_that_are_on_the_stage_as_they_grow(server: Running) -> None:
    bo = await server.client("bo", ("conference", STREAM))
    await write(server, "anna", "Först.")
    siri = await server.client("siri", ("conference", STREAM))
    assert (await siri.do(STREAM, {"type": "breakout.show_notes", "on": True, "room_id": "b1"}))["type"] == "ack"
    assert (await bo.heard("stage_notes"))["text"] == "Först."
    await write(server, "siri", "Sedan. ")
    await bo.until(lambda frame: frame["type"] == "stage_notes" and "Sedan." in frame["text"])
    late = await server.client("britt", ("conference", STREAM))
    assert "Sedan." in (await late.heard("stage_notes"))["text"]
    bo.frames.clear()
    await siri.do(STREAM, {"type": "breakout.show_notes", "on": False, "room_id": "b1"})
    await bo.heard("stage_notes", room_id="", text="")


async def test_notes_and_what_is_on_the_stage_outlive_the_server(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await open_rooms(run)
        await write(run, "anna", "Kvar.")
        await run.services.streams.handle(STREAM, MONA, m.BreakoutShowNotes(True, "b1"))
    async with running(tmp_path) as run:
        bo = await run.client("bo", ("conference", STREAM))
        assert (await bo.heard("stage_notes"))["text"] == "Kvar."

"""Notes in the database: durable, merged whoever is first, each room's its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rooms.errors import Refused
from server.database import Database
from server.notes.document import EMPTY
from server.notes.notebook import Notebook, Place, delete_all
from tests.fakes import FakeClock
from tests.server.notes.test_document import Page

ROOM = Place("s1", "b1")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


async def test_what_several_write_at_once_is_all_there_on_every_node(database: Database, place: Path | str) -> None:
    other = Database(place)
    await other.open()
    try:
        books = [Notebook(database, FakeClock()), Notebook(other, FakeClock())]
        pages = [Page() for _ in range(6)]
        for number, page in enumerate(pages):
            page.write(0, f"Rad {number}. ")
        await asyncio.gather(
            *(books[n % 2].write(ROOM, page.unsent(EMPTY), page.document.get_state()) for n, page in enumerate(pages))
        )
        text = await books[0].text(ROOM)
        assert sorted(text.split(". ")) == ["", *(f"Rad {n}" for n in range(6))]
        assert await books[1].text(ROOM) == text
    finally:
        await other.close()


async def test_a_page_gets_what_it_lacks_and_hears_nothing_of_what_was_known(database: Database) -> None:
    book, anna, bo = Notebook(database, FakeClock()), Page(), Page()
    heard: list[tuple[Place, bytes]] = []
    book.on_change = lambda where, update: heard.append((where, update))
    anna.write(0, "Hur gör ni?")
    answer = await book.write(ROOM, anna.unsent(EMPTY), anna.document.get_state())
    await book.write(ROOM, anna.unsent(EMPTY), anna.document.get_state())
    assert [where for where, _ in heard] == [ROOM]
    assert answer.vector == anna.document.get_state()
    bo.take((await book.read(ROOM, bo.document.get_state())).update)
    assert str(bo.text) == "Hur gör ni?"


async def test_rooms_and_sessions_have_notes_of_their_own(database: Database) -> None:
    book = Notebook(database, FakeClock())
    for where in (ROOM, Place("s1", "b2"), Place("s2", "b1")):
        page = Page()
        page.write(0, " ".join(map(str, where)))
        await book.write(where, page.unsent(EMPTY), EMPTY)
    blank = Page()
    blank.write(0, " \n")
    await book.write(Place("s1", "b3"), blank.unsent(EMPTY), EMPTY)
    assert await book.texts("s1") == {
        ROOM: "s1 b1",
        Place("s1", "b2"): "s1 b2",
    }
    assert await book.texts("s1", {"b2", "b3"}) == {Place("s1", "b2"): "s1 b2"}
    assert await database.write(delete_all) == 4
    assert await book.texts("s1") == {}


async def test_what_is_refused_leaves_the_notes_as_they_were(database: Database) -> None:
    book, anna = Notebook(database, FakeClock()), Page()
    anna.write(0, "Kvar.")
    await book.write(ROOM, anna.unsent(EMPTY), EMPTY)
    with pytest.raises(Refused, match="bad_text"):
        await book.write(ROOM, b"nonsense", EMPTY)
    assert await book.text(ROOM) == "Kvar."

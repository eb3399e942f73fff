"""Contact cards: for those of a group who agreed, of those who agreed, once the room has closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rooms import messages as m
from server.contacts import Card, vcards
from tests.server.notes.test_api import MONA, STREAM, open_rooms
from tests.server.running import Running, running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """Anna and Siri in a room, Bo and Britt in another; Anna, Siri and Bo agree."""
    async with running(tmp_path) as run:
        await open_rooms(run)
        for who in ("anna", "siri", "bo"):
            actor = m.Actor(who, roles=frozenset({"attendee"}))
            await run.services.streams.handle(STREAM, actor, m.BreakoutTouch(agrees=True))
        yield run


async def groups(run: Running, who: str) -> Any:
    async with await run.browser(who) as browser:
        return (await browser.get("/api/breakouts/s1/cards")).json()["groups"]


async def test_cards_are_exchanged_when_the_room_has_closed(server: Running) -> None:
    assert await groups(server, "anna") == []
    await server.services.streams.handle(STREAM, MONA, m.BreakoutsClose(at_once=True))
    (group,) = await groups(server, "anna")
    assert (group["room_id"], group["title"]) == ("b1", "Ett")
    assert group["cards"] == [{"name": "Siri Berg", "title": "", "municipality": "Knivsta", "email": "siri@example.org"}]
    assert [card["name"] for group in await groups(server, "siri") for card in group["cards"]] == ["Anna Ek"]


async def test_who_did_not_agree_or_was_elsewhere_gets_none_and_gives_none(server: Running) -> None:
    await server.services.streams.handle(STREAM, MONA, m.BreakoutsClose(at_once=True))
    assert [await groups(server, who) for who in ("bo", "britt", "mona")] == [[], [], []]
    async with await server.browser("bo") as bo:
        assert (await bo.get("/api/breakouts/s1/cards/b1.vcf")).status_code == 404
        assert (await bo.get("/api/breakouts/s9/cards")).status_code == 404
    async with await server.browser() as stranger:
        assert (await stranger.get("/api/breakouts/s1/cards")).status_code == 401


async def test_whoever_takes_their_consent_back_is_on_no_card(server: Running) -> None:
    await server.services.streams.handle(STREAM, MONA, m.BreakoutsClose(at_once=True))
    siri = m.Actor("siri", roles=frozenset({"speaker"}))
    await server.services.streams.handle(STREAM, siri, m.BreakoutTouch(agrees=False, room_id="b1"))
    assert await groups(server, "anna") == [] and await groups(server, "siri") == []


async def test_ones_own_page_has_the_cards_and_a_file_for_the_address_book(server: Running) -> None:
    await server.services.streams.handle(STREAM, MONA, m.BreakoutsClose(at_once=True))
    async with await server.browser("anna") as anna:
        page = (await anna.get("/me", headers={"Accept": "text/html", "Accept-Language": "en"})).text
        file = await anna.get("/api/breakouts/s1/cards/b1.vcf")
    assert "siri@example.org" in page and "/api/breakouts/s1/cards/b1.vcf" in page
    assert file.headers["content-type"].startswith("text/vcard")
    assert "FN:Siri Berg\r\nN:Berg;Siri;;;\r\nORG:Knivsta\r\n" in file.text


def test_no_name_breaks_out_of_its_line() -> None:
    text = vcards([Card("Eva; Ek, \\ VD\nEND:VCARD", "", "", "eva@example.org")])
    assert "FN:Eva\\; Ek\\, \\\\ VD\\nEND:VCARD\r\n" in text and text.count("\nEND:VCARD") == 1

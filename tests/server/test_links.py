"""Personal links: printed again as often as one likes, kept as digests only, ended by revoking."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from rooms.errors import Refused
from server.database import Database
from server.links import Links, digest_of, token_of
from server.tables import links as table
from tests.fakes import FakeClock

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def links(database: Database) -> Links:
    links = Links(database, SECRET, FakeClock())
    await links.load()
    return links


async def refusal(links: Links, token: str) -> str:
    with pytest.raises(Refused) as refused:
        await links.find(token)
    return refused.value.code


def test_a_token_follows_from_secret_and_id_alone() -> None:
    assert token_of(SECRET, "abc") == token_of(SECRET, "abc")
    assert len({token_of(SECRET, "abc"), token_of(SECRET, "abd"), token_of(SECRET[::-1], "abc")}) == 3


@given(st.binary(min_size=1, max_size=64), st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_a_token_is_safe_in_an_address(secret: bytes, link_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token_of(secret, link_id))


async def test_the_same_link_is_printed_again_after_a_restart(links: Links, database: Database) -> None:
    first = await links.ensure("p1")
    assert await Links(database, SECRET).ensure("p1") == first


async def test_links_for_everybody_are_all_different(links: Links) -> None:
    issued = await links.ensure_all(["p1", "p2", "p1", "p3"])
    assert list(issued) == ["p1", "p2", "p3"]
    assert len({link.token for link in issued.values()}) == 3
    assert await links.ensure_all(["p3", "p4"]) | {"p3": issued["p3"]} == await links.ensure_all(["p3", "p4"])


async def test_a_token_opens_for_its_person(links: Links) -> None:
    link = await links.ensure("p1")
    assert await links.find(link.token) == link
    assert links.person_of(link.id) == "p1"


async def test_the_database_holds_no_token(links: Links, database: Database, stored: Callable[[], dict[str, bytes]]) -> None:
    link = await links.ensure("p1")
    await database.checkpoint()
    content = b"".join(stored().values())
    assert digest_of(link.token).encode() in content
    assert link.token.encode() not in content


async def test_a_revoked_link_is_told_from_an_unknown_one(links: Links) -> None:
    link = await links.ensure("p1")
    assert await links.revoke("p1") == 1
    assert links.person_of(link.id) is None
    assert await refusal(links, link.token) == "link_revoked"
    assert await refusal(links, token_of(SECRET, "nobody's")) == "link_unknown"


@pytest.mark.parametrize("token", ["", "x" * 100_000, "\ud800", "\x00", "' OR 1=1 --"])
async def test_any_other_token_is_unknown(links: Links, token: str) -> None:
    await links.ensure("p1")
    assert await refusal(links, token) == "link_unknown"


async def test_revoking_leads_to_another_link_and_leaves_others_alone(links: Links) -> None:
    first = await links.ensure_all(["p1", "p2"])
    await links.revoke("p1")
    second = await links.ensure_all(["p1", "p2"])
    assert second["p1"].token != first["p1"].token
    assert second["p2"] == first["p2"]
    assert await links.revoke("p3") == 0


async def test_under_a_new_secret_old_links_still_open_and_new_ones_are_printed(links: Links, database: Database) -> None:
    old = await links.ensure("p1")
    changed = Links(database, SECRET[::-1])
    new = await changed.ensure("p1")
    assert new.token != old.token
    assert (await changed.find(old.token)).person_id == (await changed.find(new.token)).person_id == "p1"
    assert await changed.revoke("p1") == 2
    assert await refusal(changed, old.token) == "link_revoked"


async def test_a_running_server_notices_what_the_command_line_does(links: Links, database: Database) -> None:
    command_line = Links(database, SECRET, FakeClock())
    link = await command_line.ensure("p1")
    assert links.person_of(link.id) is None
    assert (await links.find(link.token)).person_id == "p1"  # the first click on a new link
    assert links.person_of(link.id) == "p1"
    assert not await links.refresh()
    await command_line.revoke("p1")
    assert await links.refresh()
    assert links.person_of(link.id) is None


async def test_issuing_twice_at_once_leaves_both_links_working(links: Links, database: Database) -> None:
    other = Links(database, SECRET)
    found = [await one.ensure("p1") for one in (links, other)]
    assert found[0] == found[1]

    async def count(connection: object) -> int:
        return len((await connection.execute(select(table))).all())  # type: ignore[attr-defined]

    assert await database.read(count) == 1

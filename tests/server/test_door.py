"""How many come in at once: by address, in all, by person; and a town hall behind one address."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from rooms.errors import Refused
from server.app import FORMS_AT_ONCE, FORMS_OF_ADDRESS
from server.door import EXCESS, EXCESS_OF_ADDRESS, Door
from server.identity import COOKIE
from server.services import Services
from server.settings import Settings
from server.tables import people
from tests.server.raw_http import UPGRADE, raw
from tests.server.running import Running, running, until

GET = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SWEDISH = "GET /healthz HTTP/1.1\r\nHost: x\r\nAccept-Language: sv\r\n\r\n"
TOWN_HALL = 200


async def test_one_connection_too_many_from_an_address_is_refused_in_words(tmp_path: Path) -> None:
    async with running(tmp_path, connections_per_address=3) as run, AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(raw(run, "127.0.0.2")) for _ in range(3)]
        for connection in kept:
            await connection.send(GET)
            assert (await connection.answer())[0] == 200
        extra = await stack.enter_async_context(raw(run, "127.0.0.2"))
        await extra.send(SWEDISH)
        status, headers, body = await extra.answer()
        assert (status, headers["connection"]) == (429, "close") and int(headers["retry-after"]) > 0
        assert "nätverk" in body.decode()
        assert await extra.rest() == b""
        other = await stack.enter_async_context(raw(run, "127.0.0.3"))  # nobody else is disturbed
        await other.send(GET)
        assert (await other.answer())[0] == 200
        await kept[0].send(GET)
        assert (await kept[0].answer())[0] == 200
        kept[1].writer.close()
        await until(lambda: run.services.door.connections == 3)
        again = await stack.enter_async_context(raw(run, "127.0.0.2"))
        await again.send(GET)
        assert (await again.answer())[0] == 200


async def test_thousands_of_idle_connections_are_a_bounded_number(tmp_path: Path) -> None:
    """Those beyond are cut off without a word, and everybody else comes in."""
    most, tried = 20, 20 + EXCESS_OF_ADDRESS + 40
    async with running(tmp_path, connections_per_address=most) as run, AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(raw(run, "127.0.0.2")) for _ in range(tried)]
        assert run.services.door.connections <= most + EXCESS_OF_ADDRESS
        assert await idle[-1].rest() == b""
        other = await stack.enter_async_context(raw(run))
        await other.send(GET)
        assert (await other.answer())[0] == 200


async def test_a_full_house_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, connections=16) as run, AsyncExitStack() as stack:
        for number in range(16):
            await stack.enter_async_context(raw(run, f"127.0.1.{number + 1}"))
        extra = await stack.enter_async_context(raw(run))
        await extra.send(GET)
        status, headers, body = await extra.answer()
        assert status == 503 and int(headers["retry-after"]) > 0 and b"full_house" in body
        await until(lambda: run.services.door.connections == 16)
        many = [await stack.enter_async_context(raw(run, f"127.0.2.{number + 1}")) for number in range(EXCESS + 5)]
        assert await many[-1].rest() == b""
        assert run.services.door.connections <= 16 + EXCESS


async def test_websockets_count_too_and_a_page_learns_why_it_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, connections_per_address=2) as run:
        for person_id in ("anna", "bo"):
            await run.client(person_id)
        assert await (await connect_as(run, "siri", "127.0.0.1")) == 4429
        assert await (await connect_as(run, "siri", "127.0.0.2")) is None


async def test_a_full_house_is_full_for_websockets_too(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.client("anna")
        cookie = await run.cookie("siri")
        await until(lambda: run.services.door.connections == 1)
        run.services.door._most = 1
        async with raw(run) as siri:
            await siri.send(f"GET /socket HTTP/1.1\r\nHost: x\r\nCookie: plenum={cookie}\r\n{UPGRADE}\r\n")
            assert (await siri.answer())[0] == 101
            assert await siri.close_code() == 4429


async def test_a_socket_counts_until_its_connection_is_gone(tmp_path: Path) -> None:
    """However often it was told to close: nobody who is not signed in is heard, but who does not answer stays a while."""
    async with running(tmp_path, connections_per_address=2) as run, AsyncExitStack() as stack:
        for _ in range(2):
            stranger = await stack.enter_async_context(raw(run, "127.0.0.2"))
            await stranger.send(f"GET /socket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n")
            assert (await stranger.answer())[0] == 101
            assert await stranger.close_code() == 4401
        another = await stack.enter_async_context(raw(run, "127.0.0.2"))
        await another.send(GET)
        assert (await another.answer())[0] == 429


async def connect_as(run: Running, person_id: str, address: str) -> asyncio.Task[int | None]:
    """Connects; the task's result is the code that the server closes with, None if it welcomes."""
    token = await run.services.identity.issue(person_id)
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.9")
    async with httpx.AsyncClient(timeout=60, base_url=run.url, transport=transport) as browser:
        cookie = (await browser.get(f"/join/{token}")).cookies[COOKIE]

    async def listen() -> int | None:
        headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": run.url}
        url = run.url.replace("http", "ws") + "/socket"
        async with connect(url, open_timeout=60, additional_headers=headers, local_addr=(address, 0)) as socket:
            try:
                await socket.send('{"type":"hello","client":"c","follow":{},"visible":true}')
                await socket.recv()
            except ConnectionClosed:
                return socket.close_code
            return None

    return asyncio.create_task(listen())


async def test_a_proxy_is_not_counted_but_who_comes_through_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"connections_per_address": 2, "trusted_proxies": "127.0.0.1"}
    async with running(tmp_path, **settings) as run, AsyncExitStack() as stack:
        for number in range(4):
            connection = await stack.enter_async_context(raw(run))
            await connection.send(GET.replace("Host", f"X-Forwarded-For: 192.0.2.{number}\r\nHost"))
            assert (await connection.answer())[0] == 200
        door = run.services.door
        assert door.begin("192.0.2.9") and door.begin("192.0.2.9")
        crowded = await stack.enter_async_context(raw(run))
        await crowded.send(GET.replace("Host", "X-Forwarded-For: 127.0.0.1, 203.0.113.5, 192.0.2.9\r\nHost"))
        assert (await crowded.answer())[0] == 429  # whatever the client itself wrote in front


async def test_x_forwarded_for_of_anybody_else_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, connections_per_address=1) as run, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(raw(run, "127.0.0.2")) for _ in range(2)]
        await first.send(GET.replace("Host", "X-Forwarded-For: 192.0.2.1\r\nHost"))
        assert (await first.answer())[0] == 200
        await second.send(GET.replace("Host", "X-Forwarded-For: 192.0.2.2\r\nHost"))
        assert (await second.answer())[0] == 429


async def test_a_town_hall_comes_in_while_somebody_there_guesses_links(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trusted_proxies": "127.0.0.1", "wrong_links": 5}
    async with running(tmp_path, **settings) as run:
        tokens = await everybodys_tokens(run)
        limits = httpx.Limits(max_connections=20)
        headers = {"X-Forwarded-For": "192.0.2.1"}
        async with httpx.AsyncClient(base_url=run.url, headers=headers, limits=limits, timeout=60) as hall:
            found: list[httpx.Response] = []

            async def guess() -> None:
                while True:
                    found.append(
                        await hall.get(f"/join/{len(found)}", headers={"Accept-Language": "sv", "Accept": "text/html"})
                    )

            guessing = asyncio.create_task(guess())
            await until(lambda: any(answer.status_code == 429 for answer in found))
            joined = await asyncio.gather(*(hall.get(f"/join/{token}") for token in tokens))
            guessing.cancel()
    assert [answer.status_code for answer in joined] == [303] * TOWN_HALL
    assert len({answer.cookies[COOKIE] for answer in joined}) == TOWN_HALL
    statuses = [answer.status_code for answer in found]
    first = statuses.index(429)  # a slow guesser has a few more
    assert first >= 6 and statuses[:first] == [404] * first
    assert int(found[first].headers["retry-after"]) > 0 and "felaktiga länkar" in found[first].text


async def everybodys_tokens(run: Running) -> list[str]:
    rows = [
        {"id": f"t{n}", "name": f"T {n}", "email": f"t{n}@example.org", "roles": "attendee", "municipality": "Knivsta"}
        for n in range(TOWN_HALL)
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(people), rows)

    await run.services.database.write(work)
    await run.services.people.load()
    links = await run.services.links.ensure_all(row["id"] for row in rows)
    return [link.token for link in links.values()]


async def test_a_withdrawn_link_says_so_whoever_guesses(tmp_path: Path) -> None:
    async with running(tmp_path, wrong_links=1) as run:
        token = await run.services.identity.issue("anna")
        await run.services.identity.revoke("anna")
        async with await run.browser() as browser:
            statuses: list[int] = []
            while 429 not in statuses and len(statuses) < 50:  # a slow guesser has a few more
                statuses.append((await browser.get(f"/join/{len(statuses)}")).status_code)
            assert statuses[:2] == [404, 404] and statuses[-1] == 429
            assert (await browser.get(f"/join/{token}")).status_code == 410


async def test_a_body_is_at_most_so_long_whatever_its_header_says(tmp_path: Path) -> None:
    async with running(tmp_path) as run, AsyncExitStack() as stack:
        head = (
            "POST /language HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        )
        announced = await stack.enter_async_context(raw(run))
        await announced.send(head + "Content-Length: 1000000000000000000000000000000\r\n\r\n")
        assert b" 400 " in (await announced.rest())[:20]  # more than a parser can count
        announced = await stack.enter_async_context(raw(run))
        await announced.send(head + "Content-Length: 65537\r\n\r\n")
        assert (await announced.answer())[0] == 413
        chunked = await stack.enter_async_context(raw(run))
        await chunked.send(head + "Transfer-Encoding: chunked\r\n\r\n" + ("1000\r\n" + "a" * 4096 + "\r\n") * 20)
        assert (await chunked.answer())[0] == 413
        assert run.services.door.refusals["body_bytes"] == 2


async def test_who_goes_in_the_middle_of_a_body_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bugs: list[str] = []

    def report(place: str, detail: str) -> str:
        bugs.append(f"{place}: {detail}")
        return "reference"

    monkeypatch.setattr(Services, "report_bug", staticmethod(report))
    async with running(tmp_path) as run:
        async with raw(run) as connection:
            form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100"
            await connection.send(f"POST /language HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n{form}\r\n\r\nlanguage=")
            await until(lambda: run.services.door.connections == 1)
        await until(lambda: run.services.door.connections == 0)
        async with await run.browser() as browser:
            assert (await browser.get("/healthz")).status_code == 200
    assert not bugs


async def test_forms_are_paced_by_person_and_by_address(tmp_path: Path) -> None:
    async with running(tmp_path, forms_per_second=0.001) as run, AsyncExitStack() as stack:
        anna, bo, nobody = [await stack.enter_async_context(await run.browser(who)) for who in ("anna", "bo", None)]
        statuses = [(await anna.post("/language", data={"language": "en"})).status_code for _ in range(FORMS_AT_ONCE + 2)]
        assert statuses == [303] * FORMS_AT_ONCE + [429] * 2
        assert (await anna.post("/survey")).status_code == (await anna.post("/sign-out")).status_code == 429
        assert (await bo.post("/language", data={"language": "en"})).status_code == 303
        with pytest.raises(Refused):
            for _ in range(FORMS_AT_ONCE * FORMS_OF_ADDRESS + 1):
                run.services.forms_of_address.check("127.0.0.1")
        assert (await nobody.post("/language", data={"language": "en"})).status_code == 429


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=300))
def test_what_is_counted_follows_what_is_open(steps: list[tuple[str, bool]]) -> None:
    door = Door(Settings(connections=4, connections_per_address=2))
    there: list[str] = []
    for address, comes in steps:
        if comes and door.connected(address) != "cut_off":
            there.append(address)
        elif not comes and address in there:
            there.remove(address)
            door.disconnected(address)
        assert door.connections == len(there) <= 4 + EXCESS
    for address in there:
        door.disconnected(address)
    assert door.connections == 0


async def test_a_handshake_counts_for_its_client_and_not_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        cookie = await run.cookie("anna")
        await until(lambda: run.services.door.connections == 0)
        async with raw(run) as connection:
            await connection.send(f"GET /socket HTTP/1.1\r\nHost: x\r\nCookie: plenum={cookie}\r\n{UPGRADE}\r\n")
            assert (await connection.answer())[0] == 101
            assert run.services.door.connections == 1
        await until(lambda: run.services.door.connections == 0)

"""WebSockets of somebody who is signed in and means harm, byte by byte: each is closed, and a neighbour in the same session
notices nothing. A close frame can be lost if they still send: then the connection has been reset."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from server.frames import CONTROL_AT_ONCE, MOST_FRAGMENTS, MOST_WAITING
from server.socket import BURST_SECONDS, PATIENCE_SECONDS
from tests.server.raw_http import CLOSE, CONTINUED, FINAL, PING, PONG, TEXT, Raw, frame, raw_socket
from tests.server.running import Client, Running, running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 20.0
HELLO = json.dumps({"type": "hello", "client": "c", "follow": {"session/s1": 0}, "visible": True}).encode()
VISIBLE = b'{"type":"visibility","visible":true}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("sockets"), messages_per_second=RATE) as run:
        await run.go_live()
        yield run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bo(run: Running) -> Client:
    """A neighbour."""
    return await run.client("bo", ("session/s1",))


async def undisturbed(run: Running, bo: Client) -> None:
    """The neighbour's commands are carried out, and nothing is left of the other."""
    answer = await bo.do("session/s1", {"type": "question.ask", "text": f"Hur går det? {len(bo.frames)}"})
    assert answer["type"] == "ack" or answer["code"] == "too_many"  # five of one person wait at most
    await until(lambda: run.services.hub.count == 1 and run.services.door.connections == 1)


async def test_fragments_without_end_are_cut_off(run: Running, bo: Client) -> None:
    """Empty ones count for nothing in the length of a message."""
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | TEXT, HELLO) + frame(TEXT, b"{"))
        for _ in range(20):
            await anna.send(frame(CONTINUED) * MOST_FRAGMENTS)
        assert await anna.close_code() in (1008, None)
    await undisturbed(run, bo)


async def test_a_message_in_a_few_tiny_fragments_is_taken(run: Running, bo: Client) -> None:
    async with raw_socket(run, "anna") as anna:
        pieces = [bytes([byte]) for byte in HELLO[: MOST_FRAGMENTS - 1]] + [HELLO[MOST_FRAGMENTS - 1 :]]
        for at, piece in enumerate(pieces):
            last = FINAL if at == len(pieces) - 1 else 0
            for part in frame(last | (TEXT if at == 0 else CONTINUED), piece):  # and each byte for itself
                await anna.send(bytes([part]))
        async with asyncio.timeout(60):
            assert b"welcome" in await anna.reader.readuntil(b"welcome")
        await anna.send(frame(FINAL | CLOSE, b"\x03\xe8"))
        await anna.rest()
    await undisturbed(run, bo)


async def test_a_message_that_is_too_long_in_fragments_is_refused(run: Running, bo: Client) -> None:
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | TEXT, HELLO) + frame(TEXT, b" " * 1000))
        for _ in range(17):
            await anna.send(frame(CONTINUED, b" " * 1000))
        assert await anna.close_code() in (1009, None)
    await undisturbed(run, bo)


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_a_flood_of_pings_or_pongs_is_cut_off(run: Running, bo: Client, opcode: int) -> None:
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | TEXT, HELLO) + frame(FINAL | opcode, b"x" * 125) * (int(CONTROL_AT_ONCE) * 20))
        assert await anna.close_code() in (1008, None)
    await undisturbed(run, bo)


async def test_a_few_pings_are_answered(run: Running, bo: Client) -> None:
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | PING, b"are you there") * 5 + frame(FINAL | CLOSE, b"\x03\xe8"))
        assert (await anna.rest()).count(b"are you there") == 5
    await undisturbed(run, bo)


async def test_thousands_of_messages_in_one_piece_are_cut_off(run: Running, bo: Client) -> None:
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | TEXT, HELLO))
        await anna.send(frame(FINAL | TEXT, VISIBLE) * MOST_WAITING * 20)
        assert await anna.close_code() in (1008, None)
    await undisturbed(run, bo)


async def test_who_is_refused_and_goes_on_is_closed(run: Running, bo: Client) -> None:
    before = run.services.door.refusals["messages_per_second"]
    async with raw_socket(run, "anna") as anna:
        await anna.send(frame(FINAL | TEXT, HELLO))
        listening = asyncio.create_task(anna.close_code())
        most = int(RATE) * (BURST_SECONDS + PATIENCE_SECONDS)
        for _ in range(200):  # as slow as it may be: more than twice as many as are taken, until it is closed
            if listening.done():
                break
            await anna.send(frame(FINAL | TEXT, VISIBLE) * (most // 10))
            await asyncio.sleep(0.05)
        assert await listening in (4429, None)
    assert run.services.door.refusals["messages_per_second"] == before + 1
    await undisturbed(run, bo)


async def test_who_never_says_hello_is_closed(run: Running, bo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(run.services), "settings", replace(run.services.settings, hello_seconds=0.2))
    async with raw_socket(run, "anna") as anna:
        assert await anna.close_code() == 4400
    await undisturbed(run, bo)


async def test_a_hello_that_trickles_is_closed_too(run: Running, bo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(run.services), "settings", replace(run.services.settings, hello_seconds=0.2))
    async with raw_socket(run, "anna") as anna:
        sender = asyncio.create_task(trickle(anna, frame(FINAL | TEXT, HELLO)))
        assert await anna.close_code() == 4400
        sender.cancel()
    await undisturbed(run, bo)


async def trickle(connection: Raw, data: bytes) -> None:
    for byte in data:
        await connection.send(bytes([byte]))
        await asyncio.sleep(0.05)

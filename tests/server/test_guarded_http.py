"""Requests that trickle, readers that stall, heads without end: each connection ends by itself, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
import uvicorn
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.door import Door
from server.guarded_http import MOST_PIPELINED, guarded
from server.settings import Settings
from tests.server.raw_http import UPGRADE, Raw, raw
from tests.server.running import Running, running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
FIELDS = 60
SHORT = 0.3  # seconds, of every time-out: conditions are waited for, never the time


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("guarded")
    async with running(directory, request_seconds=SHORT, stall_seconds=SHORT, head_bytes=16_384, head_fields=FIELDS) as run:
        yield run


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[tuple[Door, int]]:
    """One application that is no conference, under the same protection."""
    settings = Settings(stall_seconds=SHORT)
    door = Door(settings)
    http = cast(Any, guarded(door, settings))
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=http, lifespan="off", log_config=None, access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield door, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def undisturbed(run: Running) -> None:
    """Everybody else is served, and nothing is left of those who were cut off."""
    async with await run.browser() as browser:
        assert (await browser.get("/healthz")).status_code == 200
    await until(lambda: run.services.door.connections == 0)


async def trickle(connection: Raw, piece: bytes) -> None:
    """Sends a piece over and over, until there is nobody to send it to."""
    async with asyncio.timeout(60):
        while not connection.reader.at_eof() and not connection.writer.is_closing():
            await connection.send(piece)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n"),
        (b"GET /healthz HTTP/1.1\r\nX-", b"y"),
        (b"GET /", b"a"),
        (b"", b"\r\n"),
        (f"GET /socket HTTP/1.1\r\nHost: x\r\n{UPGRADE}".encode(), b"X-A: b\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b""),  # answered; what comes next is a request that never ends
    ],
    ids=["headers", "a header's name", "the address", "empty lines", "a WebSocket's handshake", "on a kept connection"],
)
async def test_a_head_that_trickles_is_cut_off(run: Running, beginning: bytes, piece: bytes) -> None:
    async with raw(run) as slow:
        await slow.send(beginning)
        if not piece:
            assert (await slow.answer())[0] == 200
            piece = b"X"
        sender = asyncio.create_task(trickle(slow, piece))
        heard = await slow.rest()
        sender.cancel()
        assert not heard or heard.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400", b"HTTP/1.1 431"))
    await undisturbed(run)


@pytest.mark.parametrize("length", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_a_body_that_trickles_is_cut_off(run: Running, length: str) -> None:
    before = run.services.door.refusals["request_seconds"]
    async with raw(run) as slow:
        form = "Content-Type: application/x-www-form-urlencoded"
        await slow.send(f"POST /language HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n{form}\r\n{length}\r\n\r\n")
        sender = asyncio.create_task(trickle(slow, b"a" if "Length" in length else b"1\r\na\r\n"))
        assert (await slow.rest()).startswith(b"HTTP/1.1 408")
        sender.cancel()
    assert run.services.door.refusals["request_seconds"] == before + 1
    await undisturbed(run)


async def test_a_body_that_nobody_asked_for_ends_too(run: Running) -> None:
    async with raw(run) as slow:
        await slow.send("GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sender = asyncio.create_task(trickle(slow, b"1\r\na\r\n"))
        assert (await slow.rest()).startswith(b"HTTP/1.1 200")
        sender.cancel()
    await undisturbed(run)


async def test_a_connection_without_a_word_is_closed_without_one(run: Running) -> None:
    async with raw(run) as idle:
        assert await idle.rest() == b""
    await undisturbed(run)


@pytest.mark.parametrize(
    "head",
    [
        "GET /healthz HTTP/1.1\r\nX-Long: " + "a" * 100_000 + "\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nX-Endless: " + "a" * 100_000,
        "GET /" + "a" * 100_000 + " HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n" + "".join(f"X-{n}: a\r\n" for n in range(FIELDS + 1)) + "\r\n",
        "GET /healthz HTTP/1.1\r\n" + "X: y\r\n" * 3000 + "\r\n",
        "POST /language HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + "X: y\r\n" * 3000,
    ],
    ids=["a long header", "one that never ends", "a long address", "many headers", "tiny headers", "trailers"],
)
async def test_a_huge_head_is_refused(run: Running, head: str) -> None:
    async with raw(run) as connection:
        await connection.send(head)
        heard = await connection.rest()
        assert heard.startswith(b"HTTP/1.1 431") or (b"Transfer" in head.encode() and b"200" not in heard[:15])
    await undisturbed(run)


async def test_as_much_as_a_browser_sends_is_taken(run: Running) -> None:
    async with raw(run) as connection:
        headers = "".join(f"X-{n}: a\r\n" for n in range(FIELDS - 2)) + "Cookie: " + "a" * 6000 + "\r\n"
        await connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n")
        assert (await connection.answer())[0] == 200


async def test_a_few_requests_in_one_breath_are_answered_in_order_and_thousands_are_not(run: Running) -> None:
    async with raw(run) as connection:
        await connection.send(REQUEST * MOST_PIPELINED)
        assert [(await connection.answer())[0] for _ in range(MOST_PIPELINED)] == [200] * MOST_PIPELINED
    before = run.services.door.refusals["pipelined"]
    async with raw(run) as connection:
        await connection.send(REQUEST * 5000)
        assert (await connection.rest()).count(b"HTTP/1.1 200") <= MOST_PIPELINED
    assert run.services.door.refusals["pipelined"] == before + 1
    await undisturbed(run)


async def test_who_does_not_read_a_large_download_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(24 << 20))  # more than the kernel takes for who does not read
    async with served(FileResponse(tmp_path / "large")) as (door, port):
        slow, sock = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        sock.write(REQUEST.encode())
        await until(lambda: door.refusals["stall_seconds"] == 1)
        await until(lambda: door.connections == 0)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):  # ended by the server, in the middle
            await slow.readexactly(24 << 20)
        sock.close()


async def test_who_does_not_read_the_last_of_an_answer_is_cut_off_too() -> None:
    """The connection is to be closed after it, and would wait for that without end."""
    async with served(Response(bytes(24 << 20))) as (door, port):
        _, sock = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        sock.write(REQUEST.replace("Host", "Connection: close\r\nHost").encode())
        await until(lambda: door.refusals["stall_seconds"] == 1)
        await until(lambda: door.connections == 0)
        sock.close()


async def test_a_handshake_in_the_middle_of_an_answer_ends_both(run: Running) -> None:
    """The answer would never hear of the connection's end, and wait for its reader for ever."""
    tasks = len(asyncio.all_tasks())
    async with raw(run) as connection:
        await connection.send(f"{REQUEST}GET /socket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n")
        assert b"101" not in await connection.rest()
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    await undisturbed(run)


async def test_a_handshake_that_the_library_cannot_read_is_closed(run: Running) -> None:
    """uvicorn hands it a head that it has read itself; a line of more than 8 KiB is too long for the library."""
    async with raw(run) as connection:
        await connection.send(f"GET /socket HTTP/1.1\r\nHost: x\r\n{UPGRADE}X-Odd: \x80\r\nX-Long: {'a' * 9000}\r\n\r\n")
        await connection.rest()
    await undisturbed(run)


async def test_what_we_lean_on_in_uvicorn_is_there() -> None:
    for name in ("connection_made", "connection_lost", "data_received", "on_message_begin", "on_url", "on_header"):
        assert callable(getattr(HttpToolsProtocol, name))
    for name in ("on_headers_complete", "on_message_complete", "on_response_complete", "timeout_keep_alive_handler"):
        assert callable(getattr(HttpToolsProtocol, name))
    for name in ("pause_writing", "resume_writing", "shutdown", "handle_websocket_upgrade", "send_400_response"):
        assert callable(getattr(HttpToolsProtocol, name))
    source = inspect.getsource(HttpToolsProtocol)
    for part in ("self.pipeline", "self.cycle", "response_complete", "self.app_state.copy()", "self.send_400_response(msg)"):
        assert part in source


async def test_a_slow_but_honest_request_is_served(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"request_seconds": 60.0}
    async with running(tmp_path, **settings) as run, raw(run) as connection:
        for byte in REQUEST:
            await connection.send(byte)
            await asyncio.sleep(0.001)
        assert (await connection.answer())[0] == 200

"""One port for everything: who gets which connection, and which certificate is shown."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from tests.deploy.certificate import make_certificate
from tests.deploy.proxying import DEPLOY, MISSING, NAME, WHY, Proxy, a_proxy
from tests.live.test_ice import request
from tests.server.running import until

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY)


class Place:
    """A server that keeps the beginnings of what comes, and answers with its own name."""

    def __init__(self, name: str, answer: bytes = b"") -> None:
        self.name, self.answer = name, answer or name.encode()
        self.heard: list[bytes] = []
        self.address = ""
        self.writers: list[asyncio.StreamWriter] = []
        self.keeps = False  # connections open, and says back what it hears

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):
            self.heard.append(await reader.read(65536))
            writer.write(self.answer)
            while self.keeps and (more := await reader.read(65536)):
                writer.write(more)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def places(*all: Place) -> AsyncIterator[dict[str, str]]:
    async with contextlib.AsyncExitStack() as stack:
        for place in all:
            server = await stack.enter_async_context(await asyncio.start_server(place.serve, "127.0.0.1", 0))
            place.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield {place.name: place.address for place in all}
        for writer in (writer for place in all for writer in place.writers):
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def raw(proxy: Proxy, *pieces: bytes) -> bytes:
    """What somebody hears who says this without TLS."""
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def frame(user: str) -> bytes:
    check = request(f"{user}:theirs", "password")
    return len(check).to_bytes(2, "big") + check


HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


async def test_what_is_no_tls_goes_to_the_node_that_its_user_name_names() -> None:
    one, two = Place("node-1:8001"), Place("node-2:8011")
    async with places(one, two) as where, a_proxy(where) as proxy:
        for user, place in (("00ab+1", one), ("00ab+2", two), ("01cd+2", two), ("00ab", one), ("00ab+9", one)):
            place.heard.clear()
            said = frame(user)
            assert await raw(proxy, *(said[n : n + 1] for n in range(len(said)))) == place.name.encode(), user
            (heard,) = place.heard
            line, _, rest = heard.partition(b"\r\n")
            assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ") and said.startswith(rest)


async def test_what_is_neither_tls_nor_media_is_shown_the_door() -> None:
    one, two = Place("node-1:8001"), Place("node-2:8011")
    async with places(one, two) as where, a_proxy(where) as proxy:
        for said in (
            b"GET / HTTP/1.1\r\nHost: conference.example.org\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00\x13" + bytes(0x13),
            b"\x05\x00" + bytes(0x500),
            b"\x00\x20\x01\x01" + bytes(0x20),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n" + frame("00ab+1"),
        ):
            assert await raw(proxy, said) == b""
        assert one.heard == two.heard == []


async def test_pages_reach_a_node_with_the_clients_address_and_no_other_that_the_client_says() -> None:
    async with places(node := Place("node-1:8000", HTTP)) as where, a_proxy(where) as proxy:
        assert (await proxy.get("/lobby", X_Forwarded_For="192.0.2.66", X_Request_ID="mine")).endswith(b"fine")
        heard = node.heard[0].decode().lower()
        assert "x-forwarded-for: 127.0.0.1\r\n" in heard and "192.0.2.66" not in heard and "mine" not in heard
        assert f"host: {NAME}\r\n" in heard and "x-forwarded-proto: https\r\n" in heard


async def test_when_one_node_is_away_the_other_is_asked_and_when_both_are_it_is_said_in_words() -> None:
    async with places(node := Place("node-2:8000", HTTP)) as where, a_proxy(where) as proxy:
        for _ in range(6):
            assert (await proxy.get("/lobby")).endswith(b"fine")
        assert len(node.heard) == 6
    async with a_proxy({}) as proxy:
        answer = await proxy.get("/lobby")
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 2" in answer and "försöker".encode() in answer


async def test_what_one_node_cannot_take_now_is_offered_to_the_other_which_goes_on_serving_everything_else() -> None:
    busy = Place("node-1:8000", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    async with places(busy, node := Place("node-2:8000", HTTP)) as where, a_proxy(where) as proxy:
        for _ in range(6):
            assert (await proxy.ask("POST", "/media/s1")).endswith(b"fine")
        assert len(node.heard) == 6 and len(busy.heard) > 1  # and was not given up for it
        offered = len(busy.heard)
        for _ in range(6):  # whatever else changes something is asked of one
            await proxy.ask("POST", "/survey")
        assert len(busy.heard) - offered + len(node.heard) - 6 == 6


async def test_a_name_that_begins_with_turn_leads_to_the_relay_without_its_tls() -> None:
    turn, node = Place("turn:3478"), Place("node-1:8000", HTTP)
    async with places(turn, node) as where, a_proxy(where) as proxy, proxy.talk(f"turn.{NAME}") as (reader, writer):
        writer.write(b"\x00\x03\x00\x00")
        assert await reader.read() == b"turn:3478" and turn.heard == [b"\x00\x03\x00\x00"] and not node.heard


async def test_port_80_leads_to_https_and_answers_the_authoritys_questions() -> None:
    async with a_proxy({}) as proxy:
        challenge = proxy.folder / "challenges" / ".well-known" / "acme-challenge" / "token"
        challenge.parent.mkdir(parents=True)
        challenge.write_text("proof")
        for path, status, content in (
            ("/.well-known/acme-challenge/token", b" 200 ", b"proof"),
            ("/.well-known/acme-challenge/..%2f..%2f../nginx.conf", b" 400 ", b""),
            ("/.well-known/acme-challenge/none", b" 404 ", b""),
            ("/join/x", b" 301 ", b""),
        ):
            reader, writer = await asyncio.open_connection(proxy.host, proxy.plain)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
            answer = await reader.read()
            assert status in answer and content in answer and b"worker_processes" not in answer, path
            assert status != b" 301 " or f"Location: https://{NAME}/".encode() in answer
            writer.close()


# --- certificates ---


async def until_it_shows(proxy: Proxy, folder: str) -> None:
    """The certificate in one of its folders."""
    wanted = ssl.PEM_cert_to_DER_cert((proxy.folder / folder / "fullchain.pem").read_text())

    async def does() -> bool:
        return await proxy.certificate() == wanted

    await until(does)


async def test_it_begins_with_a_placeholder_and_takes_what_is_given_or_obtained_without_closing_anything() -> None:
    media = Place("node-1:8001")
    media.keeps = True
    async with places(media) as where, a_proxy(where) as proxy:
        assert "a placeholder" in proxy.log
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(frame("00ab+1"))
        assert await reader.read(100) == b"node-1:8001"
        for folder in ("obtained", "given"):  # the second is preferred
            make_certificate(proxy.folder / folder, NAME)
            await until_it_shows(proxy, folder)
        make_certificate(proxy.folder / "obtained", NAME)  # renewed, but another is given
        (proxy.folder / "given" / "privkey.pem").write_text("rubbish")
        await until_it_shows(proxy, "obtained")
        assert proxy.log.count("does not fit its key") == 1
        writer.write(b"still there")  # from before the first
        assert await reader.read(100) == b"still there"
        writer.close()


@pytest.mark.parametrize("has_ended", [True, False])
async def test_a_certificate_that_has_ended_or_has_anothers_key_is_not_taken(has_ended: bool) -> None:
    async with a_proxy({}) as proxy:
        placeholder = await proxy.certificate()
        for folder in ("own", "others"):
            (proxy.folder / folder).mkdir()
            make_certificate(proxy.folder / folder, NAME, has_ended=has_ended)
        of_key = "own" if has_ended else "others"
        (proxy.folder / of_key / "privkey.pem").rename(proxy.folder / "given" / "privkey.pem")
        (proxy.folder / "own" / "fullchain.pem").rename(proxy.folder / "given" / "fullchain.pem")
        await until(lambda: "not used" in proxy.log)
        assert await proxy.certificate() == placeholder


async def test_its_health_is_that_of_the_pages() -> None:
    text = (DEPLOY / "proxy").read_text()
    async with places(Place("node-1:8000", HTTP)) as where, a_proxy(where) as proxy:
        good = await _check(text, proxy)
    async with a_proxy({}) as proxy:
        assert good == 0 != await _check(text, proxy)


async def _check(text: str, proxy: Proxy) -> int:
    script = proxy.folder / "proxy"
    script.write_text(text.replace("127.0.0.1:443", f"{proxy.host}:{proxy.port}").replace("timeout 5 ", "timeout 60 "))
    process = await asyncio.create_subprocess_exec(
        "sh", str(script), "check", env={"PATH": "/usr/bin:/bin", "HOST_NAME": NAME}
    )
    return await process.wait()

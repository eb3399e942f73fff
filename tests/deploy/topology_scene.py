"""`python -m tests.deploy.topology_scene`: what docker-compose.yml starts, as processes: PostgreSQL, Redis, nodes, the proxy
and the relay with their own configuration; and people whose network lets nothing through but TCP 443 to one host. Runs in
the network namespace of the servers, which `test_topology.py` makes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx
from aioice import stun
from playwright.async_api import Page, expect

from bench.postgres import PostgresServer
from bench.redis import RedisServer
from tests.browser.stage import (
    PATIENCE_MS,
    ROOT,
    Conference,
    Hall,
    attend,
    go_live,
    goes_on,
    sound_goes_on,
    until,
)
from tests.browser.turn_scene import a_far_browser, a_relay, close_network, way
from tests.deploy.proxying import DEPLOY, NAME, Proxy, a_proxy

PAGES: Final = {"1": 8000, "2": 8100}  # both nodes are in one network namespace here, and have one host
MEDIA: Final = {"1": 8001, "2": 8011}


class Node:
    """`plenum run`, with the variables that docker-compose.yml sets."""

    def __init__(self, name: str, directory: Path, settings: Mapping[str, str]) -> None:
        self.name = name
        self._directory, self._log = directory, directory / f"node-{name}.log"
        own = {"NODE_NAME": name, "PORT": str(PAGES[name]), "MEDIA_PORT": str(MEDIA[name])}
        self._environment = {**os.environ, **settings, **{f"PLENUM_{key}": value for key, value in own.items()}}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            command = (sys.executable, "-m", "server", "run", "-C", str(self._directory))
            self._process = await asyncio.create_subprocess_exec(*command, env=self._environment, stdout=log, stderr=log)

        async def is_ready() -> bool:
            assert self._process is not None and self._process.returncode is None, self._log.read_text()[-3000:]
            with contextlib.suppress(httpx.TransportError):
                async with httpx.AsyncClient(timeout=60) as client:
                    return (await client.get(f"http://127.0.0.1:{PAGES[self.name]}/readyz")).status_code == 200
            return False

        await until(is_ready, f"node {self.name}")

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            async with asyncio.timeout(100):
                await self._process.wait()


def as_in_production(directory: Path, address: str, secret: str) -> dict[str, str]:
    """What `tools/deploy/turn` is told."""
    configuration = str(ROOT / "docs" / "turnserver.conf")
    told = {"SECRET": secret, "PUBLIC_ADDRESS": address, "TURN_RUN": str(directory), "TURN_CONFIGURATION": configuration}
    return {"PATH": os.environ["PATH"], **told}


async def node_by_443(page: Page, address: str) -> str:
    """The page's sound and picture come from the proxy's port. Returns from which node."""
    remote = await way(page, "remote")
    assert (remote["protocol"], remote["address"], remote["port"]) == ("tcp", address, 443), remote
    return str(remote["usernameFragment"]).partition("+")[2]


async def comes_from(node: Node, page: Page, address: str) -> None:
    """Waits until the page has its sound and picture from that node."""

    async def has_changed() -> bool:
        with contextlib.suppress(ValueError, KeyError):  # between two connections
            return await node_by_443(page, address) == node.name
        return False

    await until(has_changed, f"media from node {node.name}")
    await goes_on(page)
    await sound_goes_on(page)


async def relay_answers(proxy: Proxy) -> None:
    """By TLS, on the same port, by its name: who has no credentials is asked for them."""
    request = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = 0x11000000
    async with proxy.talk(f"turn.{NAME}") as (reader, writer):
        writer.write(bytes(request))
        head = await reader.readexactly(20)
        answer = stun.parse_message(head + await reader.readexactly(int.from_bytes(head[2:4], "big")))
    assert answer.attributes["ERROR-CODE"][0] == 401 and answer.attributes["REALM"] == "plenum"


def announce(clients: Sequence[str], way: str) -> str:
    """An address of the servers that is nobody's private one: with those, Chromium takes no candidate on port 443."""
    address = "192.0.2.1"
    subprocess.run(("ip", "addr", "add", f"{address}/32", "dev", "lo"), check=True)
    subprocess.run((*clients, "ip", "route", "add", address, "via", way), check=True)
    return address


Scene = Callable[[Hall, Sequence[Node], str], Awaitable[None]]  # people, the nodes, the address that media comes from


async def play(directory: Path, clients: Sequence[str], way: str, scene: Scene) -> None:
    """Starts everything, and ends it after the scene."""
    with PostgresServer() as postgres, RedisServer() as redis:
        await stage(directory, clients, way, postgres, redis, scene)


async def stage(
    directory: Path, clients: Sequence[str], way: str, postgres: PostgresServer, redis: RedisServer, scene: Scene
) -> None:
    address = await asyncio.to_thread(announce, clients, way)
    secret = secrets.token_hex(16)
    settings = {
        "PLENUM_HOST": "127.0.0.1",
        "PLENUM_PUBLIC_URL": f"https://{NAME}",
        "PLENUM_PUBLIC_ADDRESSES": address,
        "PLENUM_TRUSTED_PROXIES": f"127.0.0.1,{address}",  # as whom the proxy comes to pages, and to media
        "PLENUM_MEDIA_PUBLIC_TCP_PORT": "443",
        "PLENUM_MEDIA_WORKERS": "1",
        "PLENUM_DRAIN_SECONDS": "5",
        "PLENUM_DATABASE_URL": postgres.create("plenum"),
        "PLENUM_REDIS_URL": redis.url(),
        "PLENUM_SECRET": secrets.token_hex(32),
        "PLENUM_TURN_URLS": f"turns:turn.{NAME}:443?transport=tcp",
        "PLENUM_TURN_SECRET": secret,
    }
    os.environ |= settings
    relays = as_in_production(directory, address, secret)
    served = Conference(directory)
    served.url = f"https://{NAME}"
    await served.prepare()
    nodes = [Node(name, directory, settings) for name in PAGES]
    places = {
        "node-1:8000": f"127.0.0.1:{PAGES['1']}",
        "node-2:8000": f"127.0.0.1:{PAGES['2']}",
        "node-1:8001": f"{address}:{MEDIA['1']}",
        "node-2:8011": f"{address}:{MEDIA['2']}",
        "turn:3478": f"{address}:3478",
    }
    await asyncio.to_thread(close_network, clients, (443,))
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
        await asyncio.gather(*(node.start() for node in nodes))
        await stack.enter_async_context(a_relay(directory, address, [DEPLOY / "turn"], relays))
        proxy = await stack.enter_async_context(a_proxy(places, address, (443, 80)))
        await relay_answers(proxy)
        # the placeholder's certificate is taken for good
        flags = ("--ignore-certificate-errors", f"--host-resolver-rules=MAP {NAME} {address}")
        browser = await stack.enter_async_context(a_far_browser(directory, clients, *flags))
        hall = Hall(served, browser)
        stack.push_async_callback(hall.leave)
        await scene(hall, nodes, address)
        assert not hall.complaints


async def meet(hall: Hall, nodes: Sequence[Node], address: str) -> None:
    """A speaker and somebody in the audience, while there are two nodes and when there is one."""
    _, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await goes_on(anna)
    await sound_goes_on(anna)
    first = await node_by_443(anna, address)
    assert await node_by_443(siri, address) == first
    home, other = sorted(nodes, key=lambda node: node.name != first)  # who has the session's sound and picture is first
    await home.stop(signal.SIGKILL)
    await comes_from(other, anna, address)
    await home.start()
    await other.stop()  # as in an update
    await comes_from(home, anna, address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--address", required=True, help="of the servers, as the people's network sees it")
    parser.add_argument("clients", nargs="+", help="what a command is prefixed with to run in the people's network")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    asyncio.run(play(options.directory, options.clients, options.address, meet))


if __name__ == "__main__":
    main()

"""`python -m tests.browser.turn_scene`: a conference beside a real coturn, and a viewer whose network lets nothing through
but the pages and the relay, over TCP. Runs in the network namespace of the servers, which `test_turn.py` makes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shlex
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, cast

from aioice import stun, turn
from playwright.async_api import Browser, Page, async_playwright, expect

from server.settings import Settings
from server.turn import VALID_FOR, IceServer, ice_servers
from tests.browser.relay import Relay
from tests.browser.stage import (
    CHROMIUM_FLAGS,
    PATIENCE_MS,
    ROOT,
    Conference,
    Hall,
    a_browser,
    attend,
    chromium,
    click,
    go_live,
    goes_on,
    held,
    until,
)

TURN_PORT: Final = 3478
RULES: Final = """
table inet firewall {{
  chain out {{
    type filter hook output priority 0; policy drop;
    oif lo accept
    tcp dport {{ {ports} }} accept
  }}
}}
"""


@dataclass(frozen=True)
class Door:
    """The way to the pages from the viewer's network; in place of a `Relay`."""

    url: str
    script: str = ""


@contextlib.asynccontextmanager
async def a_relay(
    directory: Path, address: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """coturn, once it listens at `address`."""
    with (directory / "turn.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)

    async def listens() -> bool:
        assert process.returncode is None, (directory / "turn.log").read_text()[-3000:]
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(address, TURN_PORT)
            writer.close()
            return True
        return False

    try:
        await until(listens, "coturn's port")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def as_documented(directory: Path, address: str, secret: str) -> list[str]:
    """The command that starts coturn as docs/operations.md has it, without a certificate."""
    return [
        *("turnserver", "-c", str(ROOT / "docs" / "turnserver.conf"), f"--static-auth-secret={secret}"),
        *(f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={TURN_PORT}"),
        *("--no-tls", "--no-dtls", f"--allowed-peer-ip={address}"),
        *(f"--pidfile={directory / 'turn.pid'}", f"--userdb={directory / 'turn.db'}"),
    ]


@contextlib.asynccontextmanager
async def a_far_browser(directory: Path, clients: Sequence[str], *flags: str) -> AsyncIterator[Browser]:
    """Chromium in the viewer's network."""
    wrapper = directory / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(clients)} {shlex.quote(chromium() or "")} "$@"\n')
    wrapper.chmod(0o755)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=120_000, executable_path=wrapper, args=[*CHROMIUM_FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


async def leads_nowhere_else(address: str, secret: str) -> None:
    """Credentials that have ended are refused; with good ones a relay reaches the media engine's address, and no other."""
    settings = Settings(turn_urls=f"turn:{address}", turn_secret=secret)
    now = datetime.now(UTC)
    await _fails(_relay(address, ice_servers(settings, "anna", now - 2 * VALID_FOR)[0]), 401)
    transport, _ = await _relay(address, ice_servers(settings, "anna", now)[0])
    client: Any = transport._TurnTransport__inner_protocol
    await client.channel_bind(0x4000, (address, 8001))
    for number, peer in enumerate(("10.199.0.2", "127.0.0.1", "192.0.2.1"), start=0x4001):
        await _fails(client.channel_bind(number, (peer, 8001)), 403)
    await client.delete()


def _relay(address: str, server: IceServer) -> Any:
    return turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=(address, TURN_PORT),
        username=server.username,
        password=server.credential,
        transport="tcp",
    )


async def _fails(attempt: Any, code: int) -> None:
    try:
        await attempt
    except stun.TransactionFailed as failure:
        assert failure.response.attributes["ERROR-CODE"][0] == code, failure
    else:
        raise AssertionError(f"what ought to fail with {code} worked")


async def way(page: Page, end: Literal["local", "remote"] = "local") -> dict[str, Any]:
    """The candidate that the page's sound and picture go by."""
    found = {report["id"]: report for report in await page.evaluate("() => plenum.media.statistics()")}
    (transport,) = [report for report in found.values() if report["type"] == "transport"]
    candidate: dict[str, Any] = found[found[transport["selectedCandidatePairId"]][f"{end}CandidateId"]]
    return candidate


def close_network(clients: Sequence[str], ports: Sequence[int]) -> None:
    """Nothing leaves the viewer's network any more but TCP to these ports."""
    rules = RULES.format(ports=", ".join(map(str, ports)))
    subprocess.run((*clients, "nft", "-f", "-"), input=rules, text=True, check=True)


async def play(directory: Path, clients: Sequence[str], address: str) -> None:
    secret = secrets.token_hex(16)
    os.environ |= {
        "PLENUM_HOST": "0.0.0.0",
        "PLENUM_PUBLIC_ADDRESSES": address,
        "PLENUM_TURN_URLS": f"turn:{address}:{TURN_PORT}?transport=udp,turn:{address}:{TURN_PORT}?transport=tcp",
        "PLENUM_TURN_SECRET": secret,
    }
    served = Conference(directory)
    await asyncio.to_thread(close_network, clients, (served.port, TURN_PORT))
    url = f"http://{address}:{served.port}"
    await served.prepare()
    relay = a_relay(directory, address, as_documented(directory, address, secret))
    async with relay, a_browser() as near, held(served, near) as hall:
        await leads_nowhere_else(address, secret)
        await go_live(hall)
        # pages there may do what `https:` ones may
        async with a_far_browser(directory, clients, f"--unsafely-treat-insecure-origin-as-secure={url}") as far:
            anna = await Hall(served, far).sit("anna", through=cast(Relay, Door(url)))
            await attend(anna)
            await goes_on(anna, 30)
            local = await way(anna)
            assert (local["candidateType"], local["relayProtocol"]) == ("relay", "tcp"), local
            await anna.goto(f"{url}/check")
            await click(anna, "Try the network")
            for path, finding in (("udp", "blocked"), ("tcp", "blocked"), ("relay", "works")):
                await expect(anna.locator(f'[data-path="{path}"] [data-path-state]')).to_have_text(finding)
            await expect(anna.get_by_text("only over a relay")).to_be_visible()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--address", required=True, help="of the servers, as the viewer's network sees it")
    parser.add_argument("clients", nargs="+", help="what a command is prefixed with to run in the viewer's network")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    asyncio.run(play(options.directory, options.clients, options.address))


if __name__ == "__main__":
    main()

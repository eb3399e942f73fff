"""Bad networks, in real Chromium: picture and sound come through every one of them, and come back after an outage. How well
they do is for `make bench-networks` to say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.async_api import Browser, Page

from bench.networks.host import through
from live.engine import EmbeddedEngine
from tests.live.impairment import Impairment, UdpRelay
from tests.live.test_browser import Pages, Request, browser, open_page, until

__all__ = ["browser"]

OUTAGE_SECONDS: Final = 2.0
GOOD: Final = Impairment()
WATCH: Final = {"0": "video", "1": "audio"}
HEARING: Final = """
async function heard() {  // samples that came, without those that had to be made up
  const sounds = [...(await pc.getStats()).values()].filter(s => s.type === 'inbound-rtp' && s.kind === 'audio');
  return sounds.reduce((sum, s) => sum + s.totalSamplesReceived - s.concealedSamples, 0);
}
"""
SECOND: Final = 48_000  # samples


@dataclass(frozen=True)
class Network:
    up: Impairment = GOOD
    down: Impairment = GOOD
    is_open: bool = True  # for UDP


NETWORKS: Final = {
    "5 % loss": Network(Impairment(loss=0.05), Impairment(loss=0.05)),
    "30 ms jitter": Network(down=Impairment(delay=0.01, jitter=0.03)),
    "200 ms delay": Network(down=Impairment(delay=0.2)),
    "500 kbit/s": Network(down=Impairment(rate=500e3)),
    "outage": Network(),
    "UDP blocked": Network(is_open=False),
}


class RelayedPages(Pages):
    """Whoever's label is a network's goes through its relay alone; where UDP is blocked, by TCP."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        super().__init__(engine)
        self.relays: dict[str, UdpRelay] = {}
        for seed, (name, network) in enumerate(NETWORKS.items()):
            self.relays[name] = UdpRelay(("127.0.0.1", engine.port), "127.0.0.1", seed)
            self.relays[name].impair(network.up, network.down)
            self.relays[name].open(is_open=network.is_open)

    async def _admit(self, request: Request) -> str:
        answer = await super()._admit(request)
        relay = self.relays.get(request.label)
        return through(answer, relay.port, tcp=not NETWORKS[request.label].is_open) if relay else answer

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[RelayedPages]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for relay in self.relays.values():
            relay.start()
        try:
            yield self
        finally:
            for relay in self.relays.values():
                relay.close()
            server.close()
            await server.wait_closed()


async def watch(browser: Browser, at: Pages, name: str) -> Page:
    page = await open_page(browser, at)
    await page.add_script_tag(content=HEARING)
    await page.evaluate("([label, uses]) => watch(label, uses)", [name, WATCH])
    return page


async def until_seen_and_heard(page: Page) -> None:
    """Waits for more pictures, and for a second of sound."""
    pictures, samples = await page.evaluate("(async () => [await frames(), await heard()])()")
    await until(page, f"await frames() >= {pictures + 20} && await heard() >= {samples + SECOND}")


@pytest.mark.browser
@pytest.mark.timeout(300)
async def test_picture_and_sound_come_through_every_network_and_back_after_an_outage(
    engine: EmbeddedEngine, browser: Browser
) -> None:
    async with RelayedPages(engine).running() as at:
        speaker = await open_page(browser, at)
        await speaker.evaluate("publish('speaker')")
        viewers = {name: await watch(browser, at, name) for name in NETWORKS}
        for name, page in viewers.items():
            try:
                await until_seen_and_heard(page)
            except TimeoutError:
                pytest.fail(f"nothing came through: {name}")
        (worker,) = await engine.statistics()
        transports = {peer.label: peer.transport for peer in worker.rooms["room"].peers.values()}
        assert transports == {"speaker": "udp", **dict.fromkeys(NETWORKS, "udp"), "UDP blocked": "tcp"}

        relay, page = at.relays["outage"], viewers["outage"]
        relay.open(is_open=False)
        await asyncio.sleep(OUTAGE_SECONDS)  # the passage of time is the point
        frozen_at = await page.evaluate("frames()")
        relay.open(is_open=True)
        await until_seen_and_heard(page)
        assert await page.evaluate("frames()") > frozen_at
        assert await page.evaluate("pc.connectionState") == "connected"

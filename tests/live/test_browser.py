"""A real Chromium publishes on one page and watches on another, over 127.0.0.1: by UDP, by TCP, after a killed worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import pytest
from playwright.async_api import Browser, Page, async_playwright

from live.control import PeersLost, Use
from live.engine import EmbeddedEngine
from tests.live.conftest import Told

PAGE: Final = "<!doctype html><title>media</title><video autoplay playsinline></video>"
CAMERA: Final = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--no-sandbox",
]
OFFER: Final = """
async function admit(pc, label, uses) {
  await pc.setLocalDescription();
  const body = JSON.stringify({label, uses, sdp: pc.localDescription.sdp});
  const response = await fetch('/admit', {method: 'POST', body});
  await pc.setRemoteDescription({type: 'answer', sdp: await response.text()});
}
async function publish(label) {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}, audio: true});
  const pc = window.pc = new RTCPeerConnection();
  const uses = {};
  pc.addTransceiver(stream.getAudioTracks()[0], {direction: 'sendonly', streams: [stream]});
  pc.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly', streams: [stream]});
  await admit(pc, label, {0: 'microphone', 1: 'camera'});
}
async function watch(label, uses) {
  const pc = window.pc = new RTCPeerConnection();
  const stream = document.querySelector('video').srcObject = new MediaStream();
  for (const use of Object.values(uses)) pc.addTransceiver(use === 'audio' ? 'audio' : 'video', {direction: 'recvonly'});
  pc.ontrack = ({track, transceiver}) => { if (['0', '1'].includes(transceiver.mid)) stream.addTrack(track); };
  await admit(pc, label, uses);
}
async function inbound(kind) {
  const found = [...(await pc.getStats()).values()].filter(s => s.type === 'inbound-rtp' && s.kind === kind);
  const names = ['mid', 'framesDecoded', 'freezeCount', 'totalAudioEnergy', 'packetsReceived', 'packetsLost', 'nackCount',
    'pliCount'];
  return found.map(each => Object.fromEntries(names.map(name => [name, each[name]])));
}
async function until(condition) {
  while (!await condition()) await new Promise(resolve => setTimeout(resolve, 50));
}
async function frames() { return (await inbound('video')).reduce((sum, each) => sum + each.framesDecoded, 0); }
"""
RECEIVE: Final = {"0": "programme", "1": "audio"}


class Request(msgspec.Struct):
    label: str
    uses: dict[str, Use]
    sdp: str


class Pages:
    """A tiny page server that hands offers to an engine."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")]
            body = await reader.readexactly(lengths[0]) if lengths else b""
            text = await self._admit(msgspec.json.decode(body, type=Request)) if body else PAGE
            kind = "application/sdp" if body else "text/html"
            top = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            writer.write((top + text).encode())
            await writer.drain()
        writer.close()

    async def _admit(self, request: Request) -> str:
        sends = "a=sendonly" in request.sdp or "a=sendrecv" in request.sdp
        admission = await self._engine.admit(
            "room", request.label, request.sdp, request.uses, may_send=sends, may_receive=True
        )
        return admission.answer


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(timeout=120_000, executable_path=path, args=CAMERA)
        yield running
        await running.close()


@contextlib.asynccontextmanager
async def pages(engine: EmbeddedEngine) -> AsyncIterator[Pages]:
    made = Pages(engine)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


async def open_page(browser: Browser, at: Pages) -> Page:
    page = await (await browser.new_context(permissions=["camera", "microphone"])).new_page()
    page.set_default_timeout(120_000)
    await page.goto(at.url)
    await page.add_script_tag(content=OFFER)
    return page


async def until(page: Page, condition: str) -> None:
    """Waits until a JavaScript expression, which may await, holds. (`wait_for_function` takes a promise for the truth.)"""
    async with asyncio.timeout(120):
        await page.evaluate(f"until(async () => {condition})")


async def until_decoded(page: Page, more: int) -> None:
    """Waits until so many more pictures were decoded."""
    seen = await page.evaluate("frames()")
    await until(page, f"await frames() >= {seen + more}")


@pytest.mark.browser
async def test_chromium_is_seen_and_heard_by_chromium(engine: EmbeddedEngine, browser: Browser) -> None:
    async with pages(engine) as at:
        speaker, viewer = await open_page(browser, at), await open_page(browser, at)
        await speaker.evaluate("publish('anna')")
        await viewer.evaluate("uses => watch('bo', uses)", RECEIVE)
        await until_decoded(viewer, 30)
        await until(viewer, "document.querySelector('video').videoWidth > 0")
        await until(viewer, "(await inbound('audio')).some(s => s.totalAudioEnergy > 0)")
        (picture,) = await viewer.evaluate("inbound('video')")
        assert picture["packetsLost"] <= picture["packetsReceived"] / 20  # no gaps of our own; a busy machine may lose some


@pytest.mark.browser
async def test_chromium_without_udp_goes_by_tcp(browser: Browser) -> None:
    """With two workers, one of which has the viewer: any of them takes a connection."""
    spread = EmbeddedEngine(("127.0.0.1",), transports=("tcp",), workers=2, small=1)
    async with spread as engine, pages(engine) as at:
        speaker, viewer = await open_page(browser, at), await open_page(browser, at)
        await speaker.evaluate("publish('anna')")
        await viewer.evaluate("uses => watch('bo', uses)", RECEIVE)
        await until_decoded(viewer, 30)
        for found in await engine.statistics():
            assert [peer.transport for peer in found.rooms["room"].peers.values()] == ["tcp"]


@pytest.mark.browser
async def test_all_slots_in_one_offer_and_speakers_that_come_and_go(engine: EmbeddedEngine, browser: Browser) -> None:
    uses = {str(n): use for n, use in enumerate(["video"] * 4 + ["audio"] * 3 + ["screen_slot"])}
    async with pages(engine) as at:
        viewer, anna, bo = [await open_page(browser, at) for _ in range(3)]
        await viewer.evaluate("uses => watch('viewer', uses)", uses)
        await anna.evaluate("publish('anna')")
        await until_decoded(viewer, 10)
        await bo.evaluate("publish('bo')")
        await until(viewer, "(await inbound('video')).filter(s => s.framesDecoded > 10).length === 2")
        await anna.evaluate("pc.close()")
        await until_decoded(viewer, 20)


@pytest.mark.browser
async def test_a_viewer_of_another_worker_stays_when_the_speakers_is_killed(browser: Browser) -> None:
    async with EmbeddedEngine(("127.0.0.1",), workers=2, small=1) as engine, pages(engine) as at:
        watching = Told(engine)
        speaker, viewer = await open_page(browser, at), await open_page(browser, at)
        await speaker.evaluate("publish('anna')")
        await viewer.evaluate("uses => watch('bo', uses)", RECEIVE)
        await until_decoded(viewer, 15)
        assert engine.pid
        os.kill(engine.pid, signal.SIGKILL)
        await watching.until(lambda all: any(isinstance(n, PeersLost) for n in all))
        (picture,) = await viewer.evaluate("inbound('video')")
        await speaker.evaluate("publish('anna')")
        await until_decoded(viewer, picture["framesDecoded"] + 30)
        assert await viewer.evaluate("pc.connectionState") == "connected"
        watching.reader.cancel()


@pytest.mark.browser
async def test_a_killed_worker_and_a_new_offer(engine: EmbeddedEngine, browser: Browser, told: Told) -> None:
    async with pages(engine) as at:
        speaker, viewer = await open_page(browser, at), await open_page(browser, at)
        assert engine.pid
        for attempt in range(2):
            await speaker.evaluate("publish('anna')")
            await viewer.evaluate("uses => watch('bo', uses)", RECEIVE)
            await until_decoded(viewer, 5)
            if attempt == 0:
                os.kill(engine.pid, signal.SIGKILL)
                await told.until(lambda all: sum(type(n).__name__ == "EngineUp" for n in all) == 2)

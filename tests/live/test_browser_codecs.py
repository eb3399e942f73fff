"""A real Chromium publishes each codec, and a Chromium viewer goes on decoding when the publisher changes."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from live.control import PeerDown, SlotsChanged
from live.engine import EmbeddedEngine
from live.rtp import DEPENDENCY_DESCRIPTOR
from tests.live.conftest import Told
from tests.live.test_browser import Pages, browser, open_page, pages, until, until_decoded

__all__ = ["browser"]

PUBLISH: Final = """
async function publishIn(label, codec, mode) {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}});
  const pc = window.pc = new RTCPeerConnection();
  const sendEncodings = [mode ? {scalabilityMode: mode} : {}];
  const camera = pc.addTransceiver(stream.getTracks()[0], {direction: 'sendonly', streams: [stream], sendEncodings});
  const wanted = [`video/${codec}`, 'video/rtx'];
  camera.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => wanted.includes(c.mimeType)));
  await admit(pc, label, {0: 'camera'});
}
async function watchByDescriptors(label) {
  const pc = window.pc = new RTCPeerConnection();
  const slot = pc.addTransceiver('video', {direction: 'recvonly'});
  const extensions = slot.getHeaderExtensionsToNegotiate();
  for (const each of extensions) if (each.uri.includes('dependency-descriptor')) each.direction = 'sendrecv';
  slot.setHeaderExtensionsToNegotiate(extensions);
  await admit(pc, label, {0: 'programme'});
  return slot.receiver.getParameters().headerExtensions.map(({uri}) => uri);
}
async function watchIn(label, codec) {
  const pc = window.pc = new RTCPeerConnection();
  const slot = pc.addTransceiver('video', {direction: 'recvonly'});
  slot.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(c => c.mimeType === `video/${codec}`));
  await admit(pc, label, {0: 'programme'});
}
async function codec() {
  const stats = await pc.getStats();
  const inbound = [...stats.values()].find(s => s.type === 'inbound-rtp' && s.kind === 'video');
  return inbound && inbound.codecId ? stats.get(inbound.codecId).mimeType : '';
}
"""
WATCH: Final = {"0": "programme"}


async def open_publisher(browser: Browser, at: Pages, label: str, codec: str, mode: str = "") -> Page:
    page = await open_page(browser, at)
    await page.add_script_tag(content=PUBLISH)
    await page.evaluate("([label, codec, mode]) => publishIn(label, codec, mode)", [label, codec, mode])
    return page


async def open_viewer(browser: Browser, at: Pages, *, by_descriptors: bool = False) -> Page:
    page = await open_page(browser, at)
    await page.add_script_tag(content=PUBLISH)
    if by_descriptors:
        assert DEPENDENCY_DESCRIPTOR in await page.evaluate("watchByDescriptors('viewer')")
    else:
        await page.evaluate("uses => watch('viewer', uses)", WATCH)
    return page


def on_programme(label: str) -> Any:
    return lambda all: next((n.slots["programme"] for n in reversed(all) if isinstance(n, SlotsChanged)), "") == label


@pytest.mark.browser
@pytest.mark.parametrize(("codec", "mode"), [("VP9", ""), ("AV1", ""), ("AV1", "L1T2")])
async def test_a_viewer_goes_on_decoding_when_the_publisher_changes(
    engine: EmbeddedEngine, browser: Browser, told: Told, codec: str, mode: str
) -> None:
    async with pages(engine) as at:
        viewer = await open_viewer(browser, at, by_descriptors=bool(mode))
        leaving = await open_publisher(browser, at, "anna", codec, mode)
        await until_decoded(viewer, 20)
        for label in ("bo", "cia"):
            coming = await open_publisher(browser, at, label, codec, mode)
            await leaving.evaluate("pc.close()")
            await told.until(on_programme(label))
            await until_decoded(viewer, 20)
            leaving = coming
        assert await viewer.evaluate("codec()") == f"video/{codec}"


@pytest.mark.browser
async def test_a_viewer_goes_on_decoding_when_the_codec_changes(
    engine: EmbeddedEngine, browser: Browser, told: Told
) -> None:
    async with pages(engine) as at:
        viewer = await open_viewer(browser, at)
        leaving = None
        for label, codec in (("anna", "VP9"), ("bo", "H264"), ("cia", "AV1"), ("disa", "VP8")):
            coming = await open_publisher(browser, at, label, codec)
            if leaving:
                await leaving.evaluate("pc.close()")
            await told.until(on_programme(label))
            await until_decoded(viewer, 20)
            await until(viewer, f"await codec() === 'video/{codec}'")
            leaving = coming


@pytest.mark.browser
async def test_for_a_viewer_without_h264_a_page_offers_again_and_sends_vp8(
    engine: EmbeddedEngine, browser: Browser, told: Told
) -> None:
    async with pages(engine) as at:
        first = await open_viewer(browser, at)
        anna = await open_page(browser, at)
        await anna.evaluate("publish('anna')")
        await until_decoded(first, 10)
        assert await first.evaluate("codec()") == "video/H264"
        second = await open_page(browser, at)
        await second.add_script_tag(content=PUBLISH)
        await second.evaluate("watchIn('bo', 'VP8')")
        await told.until(lambda all: ("anna", "codec") in [(n.label, n.reason) for n in all if isinstance(n, PeerDown)])
        await until(anna, "['closed', 'failed'].includes(pc.connectionState)")  # which is when a page offers again
        await anna.evaluate("publish('anna')")
        for viewer in (first, second):
            await until_decoded(viewer, 10)
            await until(viewer, "await codec() === 'video/VP8'")

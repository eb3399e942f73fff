"""Chromium publishes in layers (simulcast); a viewer gets the one that fits its tile, and the picture never stands still."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from live.control import PeerStatistics
from live.engine import EmbeddedEngine
from tests.live.conftest import Told
from tests.live.test_browser import Pages, browser, open_page, pages, until
from tests.live.test_browser_codecs import on_programme

__all__ = ["browser"]

LAYERS: Final = """
async function publishLayers(label, codec, use = 'camera') {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360, frameRate: 15}});
  note(stream.getVideoTracks()[0].clone());
  const pc = window.pc = new RTCPeerConnection();
  const sendEncodings = [{rid: 'q', scaleResolutionDownBy: 2, maxBitrate: 150e3}, {rid: 'f', maxBitrate: 600e3}];
  const camera = pc.addTransceiver(stream.getTracks()[0], {direction: 'sendonly', streams: [stream], sendEncodings});
  const wanted = [`video/${codec}`, 'video/rtx'];
  camera.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => wanted.includes(c.mimeType)));
  await admit(pc, label, {0: use});
}
async function watchFrames(uses) {
  await watch('viewer', uses);
  note(document.querySelector('video').srcObject.getVideoTracks()[0]);
}
function note(track) {  // when each picture was captured or shown, and how high it is
  const seen = window.seen = [];
  const reader = new MediaStreamTrackProcessor({track, maxBufferSize: 60}).readable.getReader();
  (async () => {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      seen.push([value.timestamp / 1e6, value.displayHeight]);
      value.close();
    }
  })();
}
const height = () => (seen.at(-1) ?? [0, 0])[1];
const longestGap = (from, to = seen.length) =>
  Math.max(0, ...seen.slice(from + 1, to).map(([time], index) => time - seen[from + index][0]));
"""
WATCH: Final = {"0": "video"}
FREEZE: Final = 0.3  # seconds
BUSY: Final = 0.1  # between two pictures of a camera, or of a stream that is left alone: the machine has other things to do


async def assert_no_freeze(viewer: Page, since: int, calm: float, *cameras: Page) -> None:
    """From picture `since` on. On a busy machine the cameras themselves stand still, and the encoders after them: what they
    do is allowed for. `calm`: the longest gap before anything changed."""
    busiest = max([calm, *[await camera.evaluate("longestGap(Math.max(0, seen.length - 150))") for camera in cameras]])
    gap = await viewer.evaluate("from => longestGap(from)", max(0, since - 1))
    assert gap < (FREEZE if busiest < BUSY else FREEZE + 3 * busiest), (gap, calm, busiest)


async def open_layers(browser: Browser, at: Pages) -> Page:
    page = await open_page(browser, at)
    await page.add_script_tag(content=LAYERS)
    return page


async def peer(engine: EmbeddedEngine, label: str) -> PeerStatistics:
    (worker,) = await engine.statistics()
    return next(each for each in worker.rooms["room"].peers.values() if each.label == label)


async def until_layers(engine: EmbeddedEngine, label: str, heights: dict[str, int]) -> None:
    """Waits until the publisher's layers have these heights."""
    async with asyncio.timeout(30):
        while {track.layer: track.height for track in (await peer(engine, label)).tracks} != heights:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.browser
@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_the_layer_follows_the_tile_and_nothing_freezes(engine: EmbeddedEngine, browser: Browser, codec: str) -> None:
    async with pages(engine) as at:
        speaker, viewer = await open_layers(browser, at), await open_layers(browser, at)
        await speaker.evaluate("codec => publishLayers('anna', codec)", codec)
        await viewer.evaluate("uses => watchFrames(uses)", WATCH)
        await until(viewer, "height() === 360")  # the estimate has grown to what the better layer takes
        me = (await peer(engine, "viewer")).peer_id
        begin = await viewer.evaluate("seen.length")
        await until(viewer, f"seen.length > {begin + 60}")
        calm = await viewer.evaluate("longestGap(seen.length - 60)")
        for tile, shown in ((180, 180), (360, 360), (180, 180)):
            before = await viewer.evaluate("seen.length")
            await engine.view("room", me, {"video0": tile})
            await until(viewer, f"height() === {shown}")
            at_change = await viewer.evaluate("seen.length")
            await until(viewer, f"seen.length > {at_change + 15}")
            await assert_no_freeze(viewer, before, calm, speaker)
        found: Any = (await viewer.evaluate("inbound('video')"))[0]
        assert found["packetsLost"] == 0 and found["pliCount"] <= 1
        assert (await peer(engine, "viewer")).slots == {"video0": "q"}
        await engine.view("room", me, {"video0": 0})
        assert (await peer(engine, "viewer")).slots == {"video0": ""}


@pytest.mark.browser
async def test_a_publisher_learns_its_bandwidth_from_our_feedback(engine: EmbeddedEngine, browser: Browser) -> None:
    async with pages(engine) as at:
        speaker = await open_layers(browser, at)
        await speaker.evaluate("publishLayers('anna', 'VP8')")
        await until(speaker, "[...(await pc.getStats()).values()].some(s => s.availableOutgoingBitrate > 350e3)")
        await until_layers(engine, "anna", {"q": 180, "f": 360})


@pytest.mark.browser
async def test_nothing_freezes_when_the_publisher_changes(engine: EmbeddedEngine, browser: Browser, told: Told) -> None:
    async with pages(engine) as at:
        viewer, anna = await open_layers(browser, at), await open_layers(browser, at)
        await anna.evaluate("publishLayers('anna', 'H264')")
        await viewer.evaluate("uses => watchFrames(uses)", {"0": "programme"})
        await until(viewer, "seen.length > 75")
        calm = await viewer.evaluate("longestGap(seen.length - 60)")
        for label in ("bo", "cecilia"):  # the newest screen is the programme
            before = await viewer.evaluate("seen.length")
            screen = await open_layers(browser, at)
            await screen.evaluate("label => publishLayers(label, 'H264', 'screen')", label)
            await told.until(on_programme(label))
            since = await viewer.evaluate("seen.length")
            await until(viewer, f"seen.length > {since + 30}")
            await assert_no_freeze(viewer, before, calm, anna, screen)
        found: Any = (await viewer.evaluate("inbound('video')"))[0]
        assert found["packetsLost"] == 0 and found["pliCount"] <= 1

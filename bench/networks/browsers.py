"""Chromium on either side of the network: one page publishes in three layers, as the conference's own pages do, another
watches and keeps a diary of what it got."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, Playwright

from tests.browser.stage import chromium

ORIGIN: Final = "https://bench.test/"  # nothing is fetched from it: pages that may use a camera need an origin
FLAGS: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--force-fieldtrials=WebRTC-LegacySimulcastLayerLimit/Disabled/",  # three layers of a picture as small as ours
)
BLANK: Final = "<!doctype html><title>bench</title><video autoplay playsinline width=640 height=360></video>"
SCRIPT: Final = """
const CAMERA = [
  {rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150e3},
  {rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 500e3},
  {rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 1500e3},
];
async function offer() {
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}
async function offerToPublish(codec, height) {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: height * 16 / 9, height}, audio: true});
  window.pc = new RTCPeerConnection();
  pc.addTransceiver(stream.getAudioTracks()[0], {direction: 'sendonly', streams: [stream]});
  const video = {direction: 'sendonly', streams: [stream], sendEncodings: CAMERA};
  const camera = pc.addTransceiver(stream.getVideoTracks()[0], video);
  const kinds = [`video/${codec}`, 'video/rtx'];
  camera.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => kinds.includes(c.mimeType)));
  const keepSizes = {...camera.sender.getParameters(), degradationPreference: 'maintain-resolution'};
  await camera.sender.setParameters(keepSizes);  // a busy machine gives fewer pictures then, not smaller ones
  return await offer();
}
async function offerToWatch() {
  window.pc = new RTCPeerConnection();
  const stream = new MediaStream();
  pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = ({track}) => stream.addTrack(track);
  const video = document.querySelector('video');
  video.srcObject = stream;
  window.shown = [];  // of each picture: when (ms since 1970), how high
  const note = (now, {height}) => {
    shown.push([performance.timeOrigin + now, height]);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  return await offer();
}
const takeAnswer = sdp => pc.setRemoteDescription({type: 'answer', sdp});
async function reports(type) {
  return [...(await pc.getStats()).values()].filter(report => report.type === type);
}
function keepDiary(every) {
  window.diary = [];
  setInterval(async () => diary.push(await lookAt()), every);
}
async function lookAt() {
  const found = await reports('inbound-rtp');
  const sound = found.find(report => report.kind === 'audio') ?? {};
  const picture = found.find(report => report.kind === 'video') ?? {};
  return {
    at: Date.now(),
    heard: sound.totalSamplesReceived ?? 0,
    concealed: (sound.concealedSamples ?? 0) - (sound.silentConcealedSamples ?? 0),
    waited: sound.jitterBufferDelay ?? 0,
    emitted: sound.jitterBufferEmittedCount ?? 0,
    decoded: picture.framesDecoded ?? 0,
    dropped: picture.framesDropped ?? 0,
    keys: picture.keyFramesDecoded ?? 0,
    freezes: picture.freezeCount ?? 0,
    frozen: picture.totalFreezesDuration ?? 0,
    waitedPicture: picture.jitterBufferDelay ?? 0,
    emittedPicture: picture.jitterBufferEmittedCount ?? 0,
    octets: (picture.bytesReceived ?? 0) + (sound.bytesReceived ?? 0),
    packets: picture.packetsReceived ?? 0,
    lost: picture.packetsLost ?? 0,
    repaired: picture.retransmittedPacketsReceived ?? 0,
    nacks: picture.nackCount ?? 0,
    plis: picture.pliCount ?? 0,
  };
}
async function encoded() {
  const layers = (await reports('outbound-rtp')).filter(report => report.kind === 'video');
  return layers.map(({rid, frameHeight, framesEncoded, keyFramesEncoded, bytesSent}) =>
    ({at: Date.now(), rid, frameHeight, framesEncoded, keyFramesEncoded, bytesSent}));
}
"""


@contextmanager
def page(
    playwright: Playwright, where: tuple[str, ...], directory: Path, name: str, film: Path | None = None
) -> Iterator[Page]:
    """A page in a browser of its own on one side of the network; `where` as `Network` has it."""
    program = chromium() or playwright.chromium.executable_path
    if where:  # the browser is steered through pipes, which know no namespaces
        starter = directory / name
        starter.write_text(f'#!/bin/sh\nexec {" ".join(where)} "{program}" "$@"\n')
        starter.chmod(starter.stat().st_mode | stat.S_IXUSR)
        program = str(starter)
    flags = [*FLAGS, *([f"--use-file-for-fake-video-capture={film}"] if film else [])]
    browser = playwright.chromium.launch(
        timeout=120_000, executable_path=program, headless=True, args=flags, env={**os.environ}
    )
    try:
        opened = browser.new_context(permissions=["camera", "microphone"]).new_page()
        opened.set_default_timeout(120_000)
        prepare(opened)
        yield opened
    finally:
        browser.close()


def prepare(opened: Page) -> None:
    """Empties the page, and gives it the script anew."""
    opened.route(ORIGIN, lambda route: route.fulfill(body=BLANK, content_type="text/html"))
    opened.goto(ORIGIN)
    opened.add_script_tag(content=SCRIPT)

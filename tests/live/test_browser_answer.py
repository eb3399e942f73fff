"""A real Chromium takes a whole answer: everything that is agreed is in its senders and receivers afterwards."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import Browser

from live.answer import plan
from live.answer_text import Local, answer_text
from live.rtp import MID, REPAIRED_RID, RID, TRANSPORT_CC
from tests.live.test_answer import WIDE_STAGE, slot_sources
from tests.live.test_browser import browser

__all__ = ["browser"]

OFFER: Final = """
async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 1280, height: 720}, audio: true});
  const [sound, picture] = [stream.getAudioTracks()[0], stream.getVideoTracks()[0]];
  const pc = window.pc = new RTCPeerConnection();
  const sendEncodings = ['h', 'm', 'l'].map((rid, n) => ({rid, scaleResolutionDownBy: 2 ** n}));
  pc.addTransceiver(sound, {direction: 'sendonly'});
  pc.addTransceiver(picture, {direction: 'sendonly', sendEncodings});
  pc.addTransceiver(picture.clone(), {direction: 'sendonly'});
  pc.addTransceiver(sound.clone(), {direction: 'sendonly'});
  for (const kind of ['audio', 'audio', 'audio', 'video', 'video', 'video', 'video', 'video'])
    pc.addTransceiver(kind, {direction: 'recvonly'});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}
"""
AFTERWARDS: Final = """
async (sdp) => {
  await pc.setRemoteDescription({type: 'answer', sdp});
  return pc.getTransceivers().map(({currentDirection, sender, receiver}) => {
    const {encodings, codecs, headerExtensions} = (currentDirection === 'sendonly' ? sender : receiver).getParameters();
    return {
      direction: currentDirection,
      rids: (encodings ?? []).filter((each) => each.active && each.rid).map((each) => each.rid),
      codecs: codecs.map((each) => each.mimeType.split('/')[1]),
      formats: codecs.map((each) => each.sdpFmtpLine ?? ''),
      extensions: headerExtensions.map((each) => each.uri),
    };
  });
}
"""


@pytest.mark.browser
async def test_chromium_takes_all_that_is_agreed(browser: Browser) -> None:
    page = await (await browser.new_context(permissions=["camera", "microphone"])).new_page()
    page.set_default_timeout(120_000)
    await page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
    await page.goto("http://localhost/")
    agreed = plan(await page.evaluate(OFFER), WIDE_STAGE, may_send=True, may_receive=True)
    local = Local("ufrag", "password-password-password", ":".join(["AB"] * 32), ("1 1 udp 1 127.0.0.1 9 typ host",))
    found: list[dict[str, Any]] = await page.evaluate(AFTERWARDS, answer_text(agreed, local, slot_sources))
    microphone, camera, screen, sound, *slots = found
    assert [each["direction"] for each in found] == ["sendonly"] * 4 + ["recvonly"] * 8
    assert camera["rids"] == ["h", "m", "l"] and camera["codecs"] == screen["codecs"] == ["H264", "rtx"]
    assert {MID, RID, REPAIRED_RID, TRANSPORT_CC} <= set(camera["extensions"])
    assert microphone["codecs"] == ["red", "opus"]  # who loses packets gets sound twice
    assert "usedtx=1" in microphone["formats"][1] and "stereo=1" in sound["formats"][sound["codecs"].index("opus")]
    assert slots[3]["codecs"].count("rtx") and {"H264", "VP8", "VP9", "AV1"} <= set(slots[3]["codecs"])

"""A viewer who cannot decode what the speaker sends, in the whole product."""

from __future__ import annotations

from typing import Final

import pytest

from tests.browser.stage import LONGEST_SECONDS, Hall, attend, go_live, goes_on

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]

# As Firefox is until it has fetched its plugin for H.264.
WITHOUT_H264: Final = """
const add = RTCPeerConnection.prototype.addTransceiver;
RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
  const made = add.call(this, kind, init);
  const known = RTCRtpReceiver.getCapabilities('video').codecs.filter(({mimeType}) => mimeType === 'video/VP8');
  if (kind === 'video' && init?.direction === 'recvonly') made.setCodecPreferences(known);
  return made;
};
"""


async def test_who_has_no_h264_sees_the_speaker_and_everybody_else_still_does(hall: Hall) -> None:
    await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await goes_on(anna, 20)
    bo = await hall.sit("bo")
    await bo.add_init_script(WITHOUT_H264)
    await attend(bo)
    assert await bo.evaluate("`${RTCPeerConnection.prototype.addTransceiver}`.includes('VP8')")
    await goes_on(bo, 10)
    await goes_on(anna, 10)
    assert hall.complaints == []

"""A viewer who cannot decode what the speaker sends, in the whole product: served another way, or told in words."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from playwright.async_api import expect

from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    Hall,
    attend,
    click,
    go_live,
    go_on_stage,
    goes_on,
    open_backstage,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

ONLY: Final = """
const prefer = RTCRtpTransceiver.prototype.setCodecPreferences;
RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
  const isMeant = this.direction === 'DIRECTION';
  return prefer.call(this, codecs.filter(({mimeType}) => !isMeant || mimeType === 'video/CODEC'));
};
"""
# As Firefox is until it has fetched its plugin for H.264; and as software is that has an H.264 encoder and nothing else.
WITHOUT_H264: Final = ONLY.replace("DIRECTION", "recvonly").replace("CODEC", "VP8")
SENDS_H264: Final = ONLY.replace("DIRECTION", "sendonly").replace("CODEC", "H264")

DECODED: Final = """async () => {
  const stats = await plenum.media.statistics();
  const codecs = new Map(stats.filter(({type}) => type === 'codec').map(({id, mimeType}) => [id, mimeType]));
  const pictures = stats.filter(({type, kind}) => type === 'inbound-rtp' && kind === 'video');
  return [...new Set(pictures.map(({codecId}) => codecs.get(codecId)))];
}"""


async def test_who_has_no_h264_sees_the_speaker_and_everybody_else_still_does(hall: Hall) -> None:
    await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await goes_on(anna, 20)
    bo = await hall.sit("bo")
    await bo.add_init_script(WITHOUT_H264)
    await attend(bo)
    await goes_on(bo, 10)
    assert await bo.evaluate(DECODED) == ["video/VP8"]
    await goes_on(anna, 10)
    assert hall.complaints == []


async def test_who_cannot_be_served_another_way_is_told_in_the_tile_and_the_moderator_too(hall: Hall) -> None:
    mona, siri = await asyncio.gather(hall.sit("mona"), hall.sit("siri", script=SENDS_H264))
    await open_backstage(mona)
    await go_on_stage(siri)
    await click(mona, "Go live")
    bo = await hall.sit("bo", script=WITHOUT_H264)
    await bo.goto(hall.url("/session/s1"))
    words = "Your browser cannot show the picture of Siri Berg (H.264)."
    tile = bo.locator(".tile")
    await expect(tile.get_by_text(words)).to_be_visible()
    await expect(tile.locator("video")).to_have_count(0)  # which would be black
    await expect(bo.get_by_role("status").get_by_text(words)).to_be_visible()
    await mona.get_by_role("tab", name="Participants").click()
    row = mona.locator(".trouble li", has_text="Bo Lind")
    await expect(row.get_by_text("Their browser cannot show H.264, which somebody on stage sends.")).to_be_visible()
    await goes_on(mona)  # who can see it does
    await bo.get_by_role("button", name="Hide this advice").press("Enter")
    await expect(bo.get_by_role("status").get_by_text(words)).to_have_count(0)
    await expect(tile.get_by_text(words)).to_be_visible()
    assert hall.complaints == []

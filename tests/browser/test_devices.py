"""Devices that change while somebody is on stage, and a layout that a viewer chooses, in real Chromium."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, Hall, attend, click, go_live, go_on_stage, goes_on, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)

UNPLUG: Final = "() => plenum.media.capture.tracks.microphone.dispatchEvent(new Event('ended'))"
# A screen with a tone, as a film has: headless Chromium's own screens are silent.
LOUD_SCREEN: Final = """
navigator.mediaDevices.getDisplayMedia = async () => {
  const context = new AudioContext();
  const tone = context.createOscillator(), out = context.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const canvas = document.createElement('canvas');
  const draw = canvas.getContext('2d');
  setInterval(() => draw.fillRect(Math.random() * 300, 0, 9, 150), 100);
  return new MediaStream([...canvas.captureStream(10).getTracks(), ...out.stream.getTracks()]);
};
"""
ENERGY: Final = """async () => (await plenum.media.statistics())
  .filter(({type, kind}) => type === 'inbound-rtp' && kind === 'audio')
  .reduce((sum, each) => sum + each.totalAudioEnergy, 0)"""


async def hears(page: Page, more: float = 0.05) -> None:
    """Waits until so much more sound has come, by whatever connection."""
    last, heard = float(await page.evaluate(ENERGY)), 0.0

    async def has_come() -> bool:
        nonlocal last, heard
        now = float(await page.evaluate(ENERGY))
        heard += now - last if now >= last else now
        last = now
        return heard > more

    await until(has_come, "sound")


async def test_another_microphone_an_unplugged_one_and_a_screen_with_sound(hall: Hall) -> None:
    _, siri = await go_live(hall)
    anna = await hall.sit("anna")
    await attend(anna)
    await click(siri, "Devices")
    await siri.locator(".devices select").first.select_option(label="Fake Audio Input 2")
    await siri.wait_for_function("() => plenum.media.capture.tracks.microphone?.label.includes('Fake Audio Input 2')")
    await siri.evaluate(UNPLUG)
    await expect(siri.get_by_text("The microphone was disconnected.", exact=False)).to_be_visible()
    await expect(siri.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    await hears(anna, 0.0001)
    await click(siri, "Mute")
    await siri.evaluate(LOUD_SCREEN)
    await click(siri, "Share screen")
    await expect(anna.locator(".tile.is-screen video")).to_be_visible()
    await hears(anna)  # though the microphone is off
    assert hall.complaints == []


async def test_a_viewer_chooses_the_layout_and_sound_alone_with_the_keyboard(hall: Hall) -> None:
    mona, _ = await go_live(hall)
    await mona.goto(hall.url("/session/s1"))
    await go_on_stage(mona)
    anna = await hall.sit("anna")
    await attend(anna)
    await expect(anna.locator(".tiles.shape-grid .tile video")).to_have_count(2)
    await anna.get_by_role("radio", name="Automatic").focus()
    await anna.keyboard.press("ArrowRight")
    await expect(anna.get_by_role("radio", name="Speaker")).to_be_checked()
    await expect(anna.locator(".tiles.shape-speaker .tile.is-large video")).to_have_count(1)
    await goes_on(anna)
    await anna.reload()
    await expect(anna.locator(".tiles.shape-speaker .tile.is-large video")).to_have_count(1)
    await anna.get_by_role("button", name="Simpler mode", exact=False).press("Enter")
    await expect(anna.locator(".tile video")).to_have_count(0)
    await anna.get_by_role("button", name="Simpler mode", exact=False).press("Enter")
    await asyncio.gather(goes_on(anna), expect(anna.locator(".tile video")).to_have_count(2))
    assert hall.complaints == []

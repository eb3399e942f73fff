"""A conference day in real browsers with real media: what each person sees, from the first click to the board's figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.stage import PATIENCE_MS, Hall, a_conference, photograph, plays_on

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)


async def click(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()


async def test_a_conference_day(tmp_path: Path) -> None:
    async with a_conference(tmp_path) as hall:
        mona, siri, anna, bo = await asyncio.gather(*(hall.sit(name) for name in ("mona", "siri", "anna", "bo")))
        await photograph(anna, "lobby")
        await the_speaker_prepares(mona, siri)
        await the_hall_waits(anna, bo)
        await the_session_goes_live(mona, anna, bo)
        await start_recording(mona, anna)
        await a_question_is_asked_and_answered(mona, anna, bo)
        await a_poll_is_answered_and_shown(mona, anna, bo)
        await the_session_ends(mona, anna)
        await the_recording_plays(anna)
        await the_evaluation_is_answered(hall, mona, anna, bo)
        await the_board_reads(hall)
        assert hall.complaints == []


async def the_speaker_prepares(mona: Page, siri: Page) -> None:
    await mona.goto(mona.url.replace("/lobby", "/desk/s1"))
    await click(mona, "Open the backstage")
    await siri.goto(siri.url.replace("/lobby", "/session/s1"))
    await click(siri, "Go on stage…")
    await photograph(siri, "backstage")
    await click(siri, "Go on stage")
    await expect(siri.get_by_role("button", name="Leave the stage")).to_be_visible()
    await expect(mona.get_by_text("Siri Berg").first).to_be_visible()
    await plays_on(mona)  # the moderator sees the backstage


async def the_hall_waits(anna: Page, bo: Page) -> None:
    for page in (anna, bo):
        await page.get_by_role("link", name="Go in and wait").first.click()
        await expect(page.get_by_role("heading", name="Folkstyrelse och rättssäkerhet").first).to_be_visible()
    await photograph(anna, "waiting")
    assert await anna.evaluate("() => [...document.querySelectorAll('video')].filter(v => v.srcObject).length") == 0


async def the_session_goes_live(mona: Page, anna: Page, bo: Page) -> None:
    await click(mona, "Go live")
    await asyncio.gather(plays_on(anna), plays_on(bo))
    await the_picture_is_alive(anna)
    await expect(anna.get_by_text("Siri Berg").first).to_be_visible()
    await photograph(anna, "session")
    await photograph(mona, "desk")


FRAMES_DECODED = """async () => (await plenum.media.statistics())
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "video")
    .reduce((sum, {framesDecoded}) => sum + (framesDecoded ?? 0), 0)"""

CLOCK = """() => {
    const video = document.querySelector("video");
    const canvas = Object.assign(document.createElement("canvas"), {width: 160, height: 40});
    canvas.getContext("2d").drawImage(video, 0, 0, video.videoWidth / 2, video.videoHeight / 5, 0, 0, 160, 40);
    return canvas.toDataURL();
}"""


async def the_picture_is_alive(anna: Page) -> None:
    """Pictures are decoded, and the clock that the fake camera draws goes on."""
    decoded, clock = int(await anna.evaluate(FRAMES_DECODED)), await anna.evaluate(CLOCK)
    await plays_on(anna)
    assert int(await anna.evaluate(FRAMES_DECODED)) > decoded > 0
    assert await anna.evaluate(CLOCK) != clock


async def start_recording(mona: Page, anna: Page) -> None:
    await click(mona, "Record…")
    await mona.get_by_role("dialog").get_by_role("button", name="Record").click()
    await expect(anna.get_by_text("Recording", exact=False).first).to_be_visible()
    await plays_on(anna, 20)  # there has to be something on the recording


async def a_question_is_asked_and_answered(mona: Page, anna: Page, bo: Page) -> None:
    await anna.get_by_role("textbox", name="Ask a question").fill("Hur värnar vi rättssäkerheten <b>i små kommuner</b>?")
    await click(anna, "Send question")
    await expect(anna.get_by_text("Waits for the moderator")).to_be_visible()
    await expect(bo.get_by_text("Hur värnar vi", exact=False)).to_have_count(0)
    await click(mona, "Publish")
    await expect(bo.get_by_text("rättssäkerheten <b>i små kommuner</b>?", exact=False).first).to_be_visible()
    await bo.get_by_role("button", name="Vote", exact=False).first.click()
    await expect(bo.get_by_text("Voted").first).to_be_visible()
    await expect(anna.locator(".vote-count").first).to_have_text("1")
    await photograph(bo, "questions")
    await click(mona, "Answered")
    await expect(bo.get_by_text("Answered").first).to_be_visible()


async def a_poll_is_answered_and_shown(mona: Page, anna: Page, bo: Page) -> None:
    await mona.get_by_role("tab", name="Poll").click()
    await click(mona, "New poll")
    await mona.get_by_role("textbox", name="Question of the poll").fill("Har ni en beredskapsplan?")
    await mona.get_by_role("textbox", name="Option 1").fill("Ja")
    await mona.get_by_role("textbox", name="Option 2").fill("Nej")
    await click(mona, "Save the draft")
    await mona.get_by_role("button", name="Open the poll", exact=False).first.click()
    await expect(anna.get_by_text("Anonymous", exact=False).first).to_be_visible()
    for page, option in ((anna, "Ja"), (bo, "Nej")):
        await page.get_by_role("radio", name=option).check()
        await click(page, "Send answer")
        await expect(page.get_by_text("Your answer is saved", exact=False)).to_be_visible()
    await photograph(anna, "poll")
    await anna.get_by_role("radio", name="Nej").check()
    await click(anna, "Change answer")
    await expect(anna.get_by_text("Your answer is saved", exact=False)).to_be_visible()
    await mona.get_by_role("button", name="Close the poll", exact=False).first.click()
    await expect(anna.get_by_text("The poll is closed", exact=False)).to_be_visible()
    await photograph(mona, "desk-poll")
    await mona.get_by_role("button", name="Show the result to everybody", exact=False).first.click()
    await expect(anna.get_by_text("100%").first.or_(anna.get_by_text("100 %").first)).to_be_visible()
    await photograph(anna, "result")


async def the_session_ends(mona: Page, anna: Page) -> None:
    await click(mona, "End the session")
    await mona.get_by_role("dialog").get_by_role("button", name="End the session").click()
    await expect(anna.get_by_text("Tillsammans med SKR").first).to_be_visible()
    await photograph(anna, "ended")


async def the_recording_plays(anna: Page) -> None:
    await anna.goto(anna.url.partition("/session")[0] + "/library")
    video = anna.locator("video").first
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not await video.count():  # the recorder may still be finishing the file
            await anna.reload()
    await photograph(anna, "library")
    await video.evaluate("async (v) => { v.muted = true; await v.play(); }")
    await expect(video).to_have_js_property("paused", False)
    await anna.wait_for_function(
        "() => document.querySelector('video').currentTime > 1 && document.querySelector('video').videoWidth > 0"
    )


async def the_evaluation_is_answered(hall: Hall, mona: Page, anna: Page, bo: Page) -> None:
    await mona.goto(f"{hall.served.url}/desk")
    await click(mona, "Open the evaluation")
    await expect(mona.get_by_role("button", name="Close the evaluation")).to_be_visible()
    for page in (anna, bo):
        await page.goto(f"{hall.served.url}/survey")
        for number in range(2):
            await page.locator("fieldset.scale").nth(number).get_by_role("radio").nth(4).check()
        await page.locator("form[action='/survey'] button").last.click()
        await expect(page.get_by_text("Thank", exact=False).first).to_be_visible()
    await photograph(anna, "survey")


async def the_board_reads(hall: Hall) -> None:
    britt = await hall.sit("britt")
    await britt.goto(f"{hall.served.url}/board")
    await expect(britt.get_by_text("Har ni en beredskapsplan?").first).to_be_visible()
    await expect(britt.get_by_text("Folkstyrelse och rättssäkerhet").first).to_be_visible()
    await photograph(britt, "board")
    answer = await britt.request.get(f"{hall.served.url}/export/attendance.csv")
    text = await answer.text()
    assert "Anna Ek" in text and "Bo Lind" in text

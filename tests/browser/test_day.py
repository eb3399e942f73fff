"""A conference day in real browsers with real media: what each person sees, from the first click to the board's figures."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.pages import choose_and_submit, write_and_submit
from tests.browser.stage import (
    LONGEST_SECONDS,
    PATIENCE_MS,
    Hall,
    a_conference,
    click,
    go_on_stage,
    goes_on,
    open_backstage,
    photograph,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(2 * LONGEST_SECONDS)]
expect.set_options(timeout=PATIENCE_MS)


QUESTION = "Hur värnar vi rättssäkerheten <b>i små kommuner</b>?"


async def test_a_conference_day(tmp_path: Path) -> None:
    async with a_conference(tmp_path) as hall:
        mona, siri, anna, bo = await asyncio.gather(*(hall.sit(name) for name in ("mona", "siri", "anna", "bo")))
        await photograph(anna, "lobby")
        await the_speaker_prepares(mona, siri)
        await the_hall_waits(anna, bo)
        await the_session_goes_live(mona, anna, bo)
        await start_recording(mona, anna)
        await a_question_is_asked_and_answered(mona, anna, bo)
        await a_poll_is_answered_and_shown(mona, siri, anna, bo)
        await the_session_ends(mona, anna)
        await the_recording_plays(anna)
        await the_evaluation_is_answered(hall, mona, anna, bo)
        await the_board_reads(hall)
        assert hall.complaints == []


async def the_speaker_prepares(mona: Page, siri: Page) -> None:
    await open_backstage(mona)
    await go_on_stage(siri)
    await photograph(siri, "backstage")
    await expect(mona.locator(".members").get_by_text("Siri Berg")).to_be_visible()
    await goes_on(mona)  # the moderator sees the backstage


async def the_hall_waits(anna: Page, bo: Page) -> None:
    for page in (anna, bo):
        await page.get_by_role("link", name="Go in and wait").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Folkstyrelse och rättssäkerhet")
        await expect(page.get_by_text("The speakers are getting ready")).to_be_visible()
    await photograph(anna, "waiting")
    await expect(anna.locator("video")).to_have_count(0)


async def the_session_goes_live(mona: Page, anna: Page, bo: Page) -> None:
    await click(mona, "Go live")
    await asyncio.gather(goes_on(anna), goes_on(bo))
    await the_picture_is_alive(anna)
    await expect(anna.locator(".tile-name")).to_have_text("Siri Berg")
    await photograph(anna, "session")
    await photograph(mona, "desk")


FRAMES_DECODED = """async () => (await plenum.media.statistics())
    .filter(({type, kind}) => type === "inbound-rtp" && kind === "video")
    .reduce((sum, {framesDecoded}) => sum + (framesDecoded ?? 0), 0)"""

CLOCK = """() => {
    const video = document.querySelector(".tile video");
    if (!video?.videoWidth) return "";
    const canvas = Object.assign(document.createElement("canvas"), {width: 160, height: 40});
    canvas.getContext("2d").drawImage(video, 0, 0, video.videoWidth / 2, video.videoHeight / 5, 0, 0, 160, 40);
    return canvas.toDataURL();
}"""


async def the_picture_is_alive(anna: Page) -> None:
    """Pictures are decoded, and the clock that the fake camera draws goes on."""
    decoded, clocks = int(await anna.evaluate(FRAMES_DECODED)), set[str]()

    async def both_go_on() -> bool:
        clocks.add(await anna.evaluate(CLOCK))
        return len(clocks - {""}) > 1 and int(await anna.evaluate(FRAMES_DECODED)) > decoded

    await until(both_go_on, "a living picture")


async def start_recording(mona: Page, anna: Page) -> None:
    await click(mona, "Record…")
    await mona.get_by_role("dialog").get_by_role("button", name="Start recording").click()
    await expect(anna.get_by_text("This session is being recorded since")).to_be_visible()
    await goes_on(anna, 50)  # there have to be some seconds on the recording


async def a_question_is_asked_and_answered(mona: Page, anna: Page, bo: Page) -> None:
    await write_and_submit(anna.get_by_role("textbox", name="Ask a question"), QUESTION)
    await expect(anna.get_by_text("Waits for the moderator")).to_be_visible()
    await expect(bo.locator(".question-text")).to_have_count(0)
    await click(mona, "Publish")
    await expect(bo.locator(".question-text")).to_have_text(QUESTION)
    await bo.get_by_role("button", name="Vote for this question").click()
    await expect(bo.locator(".vote-word")).to_have_text("Voted")
    await expect(anna.locator(".vote-count")).to_have_text("1")
    await photograph(bo, "questions")
    await click(mona, "Answered")
    await expect(bo.get_by_text("1 answered question", exact=True)).to_be_visible()


async def a_poll_is_answered_and_shown(mona: Page, siri: Page, anna: Page, bo: Page) -> None:
    await mona.get_by_role("tab", name="Poll").click()
    await click(mona, "New poll")
    await mona.get_by_role("textbox", name="Question of the poll").fill("Har ni en beredskapsplan?")
    await mona.get_by_role("textbox", name="Option 1").fill("Ja")
    await write_and_submit(mona.get_by_role("textbox", name="Option 2"), "Nej")
    await click(mona, "Open the poll: Har ni en beredskapsplan?")
    await expect(anna.get_by_text("Anonymous: nobody can see what you answered")).to_be_visible()
    for page, option in ((anna, "Ja"), (bo, "Nej"), (siri, "Nej")):
        await expect(page.get_by_text("Fewer than 3 have answered")).to_be_visible()
        await page.get_by_role("radio", name=option, exact=True).check()
        await click(page, "Send answer")
        await expect(page.get_by_text("Your answer is saved")).to_be_visible()
    await expect(anna.get_by_text("3 have answered", exact=True)).to_be_visible()
    await photograph(anna, "poll")
    await choose_and_submit(anna.get_by_role("radio", name="Nej", exact=True))
    await anna.wait_for_function("() => Object.values(plenum.mine.answers).includes(1)")
    await expect(anna.get_by_text("Your answer is saved")).to_be_visible()
    await click(mona, "Close the poll: Har ni en beredskapsplan?")
    await expect(anna.get_by_text("The poll is closed")).to_be_visible()
    await photograph(mona, "desk-poll")
    await click(mona, "Show the result to everybody: Har ni en beredskapsplan?")
    await expect(anna.locator(".bar-value")).to_have_text([re.compile(r"^0\s?% \(0\)$"), re.compile(r"^100\s?% \(3\)$")])
    await photograph(anna, "result")


async def a_question_remains(mona: Page, anna: Page) -> Locator:
    """One that nobody has time to answer. Returns the button that votes for it."""
    for page in (anna, mona):
        await page.get_by_role("tab", name="Questions").click()
    await anna.get_by_role("textbox", name="Ask a question").fill("Och sedan?")
    await click(anna, "Send question")
    await click(mona, "Publish")
    vote = anna.get_by_role("button", name="Vote for this question")
    await expect(vote).to_be_enabled()
    return vote


async def the_session_ends(mona: Page, anna: Page) -> None:
    vote = await a_question_remains(mona, anna)
    await click(mona, "End the session")
    await mona.get_by_role("dialog").get_by_role("button", name="End the session").click()
    await expect(anna.get_by_role("heading", name="The session has ended")).to_be_visible()
    await expect(vote).to_be_disabled()  # votes stand, and are offered no more
    await expect(anna.get_by_role("heading", name="Tillsammans med SKR")).to_be_visible()
    await photograph(anna, "ended")


async def the_recording_plays(anna: Page) -> None:
    library, video = anna.url.partition("/session")[0] + "/library", anna.locator("video")

    async def is_there() -> bool:  # the recorder may still be finishing the file
        await anna.goto(library)
        return await video.count() == 1

    await until(is_there, "the recording in the library")
    await photograph(anna, "library")
    await video.evaluate("async (v) => { v.muted = true; await v.play(); }")
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
        await page.locator("form[action='/survey'] button").click()
        await expect(page.get_by_role("heading", name="Thank you for your answer")).to_be_visible()
    await photograph(anna, "survey")


async def the_board_reads(hall: Hall) -> None:
    britt = await hall.sit("britt")
    await britt.goto(f"{hall.served.url}/board")
    await expect(britt.locator("#polls").get_by_role("heading", name="Har ni en beredskapsplan?")).to_be_visible()
    await expect(britt.locator("#main").get_by_role("heading", name="Folkstyrelse och rättssäkerhet")).to_be_visible()
    await photograph(britt, "board")

    async def both_were_there() -> bool:
        text = await (await britt.request.get(f"{hall.served.url}/export/attendance.csv")).text()
        return "Anna Ek" in text and "Bo Lind" in text

    await until(both_were_there, "the attendance of both")

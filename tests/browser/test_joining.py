"""How people get in: links that work and links that do not, whose browser it is, which language, and whether sound and
picture will reach them."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Request, expect

from tests.browser.relay import Relay
from tests.browser.stage import LONGEST_SECONDS, PATIENCE_MS, Hall, click, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=PATIENCE_MS)


async def choose_language(page: Page, language: str, code: str) -> None:
    await page.locator("details.language > summary").click()
    await click(page, language)
    await expect(page.locator("html")).to_have_attribute("lang", code)


async def is_signed_in_as(page: Page, name: str) -> None:
    menu = page.locator("details.person")
    await menu.locator("summary").click()
    await expect(menu.get_by_text(f"Signed in as {name}")).to_be_visible()


async def token_was_told(page: Page, requests: list[Request]) -> list[str]:
    """The requests, other than those for a link itself, that carried a link's token along."""
    headers = [(request.url, (await request.all_headers()).get("referer", "")) for request in requests]
    return [f"{url} told {referer}" for url, referer in headers if "/join/" in referer]


async def test_a_wrong_link_is_said_to_be_wrong_and_what_to_do(visit: Hall) -> None:
    page = await visit.browser_of("nobody")
    answer = await page.goto(visit.url("/join/AAAAwrongAAAA"))
    assert answer is not None and answer.status == 404
    await expect(page.get_by_role("heading", level=1)).to_have_text("We do not know this link")
    await expect(page.get_by_text("Try to copy the whole link from the e-mail")).to_be_visible()
    await expect(page.get_by_text("The organiser is Föreningen Sveriges kommundirektörer.")).to_be_visible()
    await page.goto(visit.url("/lobby"))
    await expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()


async def test_a_withdrawn_link_says_so_and_signs_out(hall: Hall) -> None:
    bo = await hall.sit("bo")
    await hall.served.revoke("bo@example.org")

    async def signed_out() -> bool:
        answer = await bo.goto(hall.url("/lobby"))
        return answer is not None and answer.status == 401

    await until(signed_out, "being signed out")
    answer = await bo.goto(hall.served.links["bo"])
    assert answer is not None and answer.status == 410
    await expect(bo.get_by_role("heading", level=1)).to_have_text("This link has been withdrawn")
    await expect(bo.get_by_text("If you have received a newer e-mail with a link, use that one.")).to_be_visible()


async def test_an_open_page_is_signed_out_when_the_link_is_withdrawn(hall: Hall) -> None:
    bo = await hall.sit("bo")
    await bo.goto(hall.url("/session/s1"))
    await expect(bo.get_by_text("Starts at")).to_be_visible()
    await hall.served.revoke("bo@example.org")
    await expect(bo.get_by_text("You are no longer signed in. Open your personal link again.")).to_be_visible()


async def test_signing_out_in_one_tab_ends_the_others(visit: Hall) -> None:
    anna = await visit.sit("anna")
    other = await anna.context.new_page()
    await other.goto(visit.url("/lobby"))
    await anna.locator("details.person > summary").click()
    await click(anna, "Sign out")
    await expect(other).to_have_url(visit.url("/"))
    await expect(other.locator("details.person")).to_have_count(0)


async def test_the_token_stays_neither_in_the_address_nor_in_what_others_are_told(visit: Hall) -> None:
    page = await visit.browser_of("anna")
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    await page.goto(visit.served.links["anna"])
    await expect(page).to_have_url(visit.url("/lobby"))
    await page.get_by_role("link", name="Go in and wait").click()
    await expect(page).to_have_url(visit.url("/session/s1"))
    await page.go_back()
    await expect(page).to_have_url(visit.url("/lobby"))
    await page.go_back()
    await expect(page).to_have_url("about:blank")  # the link is not in the history either
    assert await token_was_told(page, requests) == []


async def test_a_link_in_somebody_elses_browser_asks_first(visit: Hall) -> None:
    page = await visit.sit("anna")
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    await page.goto(visit.served.links["bo"])
    await expect(page.get_by_role("heading", level=1)).to_have_text("Are you Bo Lind?")
    await page.get_by_role("link", name="Stay signed in as Anna Ek").click()
    await expect(page).to_have_url(visit.url("/lobby"))
    await is_signed_in_as(page, "Anna Ek")
    await page.goto(visit.served.links["bo"])
    await click(page, "Continue as Bo Lind")
    await expect(page).to_have_url(visit.url("/lobby"))
    await is_signed_in_as(page, "Bo Lind")
    assert await token_was_told(page, requests) == []


async def test_one_person_with_several_roles_has_all_their_pages_and_no_more(visit: Hall) -> None:
    britt = await visit.sit("britt")  # of the board, and an attendee
    bar = britt.locator(".topnav")
    await expect(bar.get_by_role("link")).to_have_text(["Lobby", "Session", "Recordings", "Board"])
    for name, heading in (("Session", "Folkstyrelse och rättssäkerhet"), ("Board", "The conference in figures")):
        await bar.get_by_role("link", name=name, exact=True).click()
        await expect(britt.get_by_role("heading", level=1)).to_contain_text(heading)
    await britt.goto(visit.url("/desk/s1"))
    await expect(britt.get_by_role("heading", name="This page is for others")).to_be_visible()


async def test_the_language_is_the_browsers_until_another_is_chosen_and_then_stays(visit: Hall) -> None:
    page = await visit.sit("anna", locale="sv-SE")
    await expect(page.get_by_role("link", name="Gå in och vänta")).to_be_visible()
    await choose_language(page, "English", "en")
    for path, words in (("/lobby", "Go in and wait"), ("/session/s1", "Keep this page open"), ("/me", "My attendance")):
        await page.goto(visit.url(path))
        await expect(page.locator("#main").get_by_text(words)).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.context.clear_cookies(name="plenum")  # signed out: the language is the browser's, not the person's
    await page.goto(visit.served.links["bo"])
    await expect(page.get_by_role("link", name="Go in and wait")).to_be_visible()


async def test_the_device_check_says_that_udp_works(visit: Hall) -> None:
    page = await visit.sit("anna")
    await page.goto(visit.url("/check"))
    await click(page, "Try the network")
    await expect(page.locator('[data-badge="network"]')).to_have_text("Works")
    await expect(page.locator('[data-path="udp"] [data-path-state]')).to_have_text("works")
    await expect(page.locator('[data-path="tcp"] [data-path-state]')).to_have_text("works")
    await expect(page.get_by_text("You need not do anything.")).to_be_visible()


async def test_the_device_check_says_that_the_office_blocks_udp(visit: Hall) -> None:
    async with Relay(visit.served.port, visit.served.media_port).running() as relay:
        relay.block_udp()
        page = await visit.sit("anna", through=relay)
        await page.goto(relay.url + "/check")
        await click(page, "Try the network")
        await expect(page.locator('[data-badge="network"]')).to_have_text("Works, the slower way")
        await expect(page.locator('[data-path="udp"] [data-path-state]')).to_have_text("blocked")
        await expect(page.locator('[data-path="tcp"] [data-path-state]')).to_have_text("works")
        await expect(page.get_by_text("Your IT department can open UDP")).to_be_visible()
        await page.context.close()

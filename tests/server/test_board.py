"""The board's page and its JSON, from a real server; and in a real browser, what its scripts add."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, async_playwright, expect

from rooms import messages as m
from server import tables
from server.database import Database
from server.report_figures import Report
from tests.server.board_day import FULL_DAY, conference_file, survey_row, write_full_day, write_rows
from tests.server.running import Running, running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """A server on which nothing has happened yet."""
    async with running(tmp_path) as run:
        yield run


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Running]:
    """A server on a database that has had a full day."""
    (tmp_path / "conference.toml").write_text(conference_file(FULL_DAY))
    database = Database(tmp_path / "data" / "plenum.db")
    await database.open()
    await write_full_day(database)
    await database.close()
    async with running(tmp_path) as run:
        yield run


async def page_of(run: Running, person_id: str | None, path: str = "/board", **headers: str) -> tuple[int, str]:
    async with await run.browser(person_id) as browser:
        answer = await browser.get(path, headers={"Accept": "text/html", "Accept-Language": "en", **headers})
        return answer.status_code, answer.text


@pytest.mark.parametrize("path", ["/board", "/api/board", "/board.csv"])
async def test_only_the_staff_sees_the_board(server: Running, path: str) -> None:
    statuses = {who: (await page_of(server, who, path))[0] for who in (None, "anna", "siri", "mona", "britt")}
    assert statuses == {None: 401, "anna": 403, "siri": 403, "mona": 200, "britt": 200}


async def test_what_happens_in_a_session_is_on_the_board(server: Running) -> None:
    await server.go_live()
    anna = await server.client("anna", ["conference", "session/s1"])
    await server.client("bo", ["conference", "session/s1"])
    mona = await server.client("mona", ["conference", "session/s1"])
    await anna.do("session/s1", {"type": "question.ask", "text": "<b>Why</b> & how?"})
    await mona.do("session/s1", {"type": "question.publish", "question_id": "s1-q1"})
    await anna.do("session/s1", {"type": "question.vote", "question_id": "s1-q1", "up": True})
    await server.services.presence.flush()

    async with await server.browser("britt") as browser:
        report = msgspec.json.decode((await browser.get("/api/board")).content, type=Report)
    assert (report.participants.people, report.participants.working) == (2, 1)
    assert report.sessions[0].people == 2
    assert [(q.text, q.votes) for q in report.questions.shown] == [("<b>Why</b> & how?", 1)]

    status, page = await page_of(server, "britt")
    assert status == 200
    assert "&lt;b&gt;Why&lt;/b&gt; &amp; how?" in page
    assert "<b>Why</b>" not in page


async def test_before_anything_happens_every_part_says_so(server: Running) -> None:
    status, page = await page_of(server, "britt")
    assert status == 200
    for words in (
        "Not asked yet",
        "No polls yet",
        "No questions yet",
        "Nobody has been in a session yet",
        "Not reached yet",
    ):
        assert words in page


async def test_the_page_has_every_figure_without_scripts(full: Running) -> None:
    status, page = await page_of(full, "britt")
    assert status == 200
    for words in (
        "Goal met",
        "Goal not met",
        "Statistically secure",
        "Folkstyrelse och rättssäkerhet",
        "Stockholms län",
        "29% (31)",  # 31 of 106 answers to a poll
        "Vad kan en liten kommun göra utan egen jurist?",
        "Ljudet var utmärkt hela dagen.",
    ):
        assert words in page
    assert "Kommer SKR med en mall?" not in page  # asked, but never published
    assert " style=" not in page  # the policy would drop it


async def test_the_page_is_in_the_visitors_language(full: Running) -> None:
    _, page = await page_of(full, "britt", **{"Accept-Language": "sv"})
    for words in ("Konferensen i siffror", "Målet uppnått", "Statistiskt säkerställt", "onsdag 25 mars", "29\u00a0% (31)"):
        assert words in page
    assert "Goal met" not in page


async def survey_step(run: Running, command: m.ConferenceCommand) -> None:
    await run.services.streams.handle(m.CONFERENCE, m.SYSTEM, command)


async def answers(run: Running, count: int, comment: str) -> None:
    await write_rows(
        run.services.database, tables.survey_answers, [survey_row(f"v{i}", 5, 4, comment) for i in range(count)]
    )


async def test_an_open_evaluation_shows_how_many_have_answered_and_nothing_else(server: Running) -> None:
    await survey_step(server, m.SurveyOpen())
    await answers(server, 7, "A telling comment")
    _, page = await page_of(server, "britt")
    assert "The result appears here when the evaluation is closed" in page
    assert "Comments appear here when it is closed" in page
    assert "7 of the 0 who were present have answered" in page
    assert "A telling comment" not in page
    assert "Too few answers to show" not in page
    assert "Very satisfied" not in page
    _, table = await page_of(server, "britt", "/board.csv")
    assert [line for line in table.splitlines() if "rating" in line or "telling" in line] == []


async def test_a_closed_evaluation_shows_its_result_from_five_answers_on(server: Running) -> None:
    await survey_step(server, m.SurveyOpen())
    await answers(server, 4, "A telling comment")
    await survey_step(server, m.SurveyClose())
    _, page = await page_of(server, "britt")
    assert "Too few answers to show" in page
    assert "A telling comment" not in page
    await write_rows(server.services.database, tables.survey_answers, [survey_row("the fifth", 5, 4)])
    _, page = await page_of(server, "britt")
    assert "A telling comment" in page
    assert "Very satisfied" in page


async def test_the_table_has_the_pages_figures(full: Running) -> None:
    async with await full.browser("britt") as browser:
        text = (await browser.get("/board.csv", headers={"Accept-Language": "en"})).text
        nordic = (await browser.get("/board.csv", headers={"Accept-Language": "sv"})).text
        report = msgspec.json.decode((await browser.get("/api/board")).content, type=Report)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    semicolons = csv.DictReader(io.StringIO(nordic.removeprefix("\ufeff")), delimiter=";")
    assert [row["value"].replace(",", ".") for row in semicolons] == [row["value"].replace(",", ".") for row in rows]
    values = {(row["part"], row["item"], row["figure"]): row["value"] for row in rows if row["part"] != "curve"}
    assert values["participants", "", "people"] == str(report.participants.people)
    assert values["session", "Årsmöte", "median_minutes"] == str(report.sessions[2].median_minutes)
    assert values["poll", "Har ni en plan för hot mot tjänstepersoner?", "Ja"] == "48"
    assert report.survey.conference is not None
    assert float(values["survey", "conference", "share"]) == pytest.approx(report.survey.conference.share, abs=1e-4)
    assert report.counties is not None
    assert sum(int(row["value"]) for row in rows if row["part"] == "county") == report.participants.people
    curve = [int(row["value"]) for row in rows if row["part"] == "curve" and row["figure"] == "present"]
    assert curve == [point.present for session in report.sessions for point in session.curve]


@pytest.fixture
async def browser_page(full: Running) -> AsyncIterator[Page]:
    """The board in Chromium, signed in. Anything that the page complains of fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=120_000, executable_path=shutil.which("chromium"))
        context = await browser.new_context(base_url=full.url, locale="en")
        context.set_default_timeout(60_000)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"/join/{await full.services.identity.issue('britt')}")
        await page.goto("/board")
        yield page
        await browser.close()
    assert complaints == []


@pytest.mark.browser
async def test_curves_can_be_read_point_by_point(browser_page: Page) -> None:
    await expect(browser_page.locator(".curve canvas")).to_have_count(4)
    await browser_page.locator(".curve canvas").first.hover()
    await expect(browser_page.locator(".curve > .curve-drawing").first).to_be_hidden()


@pytest.mark.browser
async def test_the_figures_renew_themselves_and_an_open_table_stays_open(full: Running, browser_page: Page) -> None:
    await browser_page.locator("#poll-rule-of-law-p1 summary").click()
    await browser_page.locator("h1").click()
    await write_rows(full.services.database, tables.survey_answers, [survey_row("late", 5, 5, "Tack för i dag!")])
    await browser_page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(browser_page.get_by_text("Tack för i dag!")).to_be_visible()
    await expect(browser_page.locator("#poll-rule-of-law-p1 table")).to_be_visible()
    await expect(browser_page.locator(".curve canvas")).to_have_count(4)


@pytest.mark.browser
async def test_the_page_fits_every_screen_and_follows_it(browser_page: Page) -> None:
    for width in (1440, 768, 360, 768):
        await browser_page.set_viewport_size({"width": width, "height": 900})
        await browser_page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


@pytest.mark.browser
async def test_every_table_opens_by_keyboard(browser_page: Page) -> None:
    summaries = browser_page.locator(".as-table > summary")
    for index in range(await summaries.count()):
        await summaries.nth(index).press("Enter")
        await expect(browser_page.locator(".as-table").nth(index).locator("table")).to_be_visible()


@pytest.mark.browser
async def test_on_paper_the_drawings_of_the_server_stand_in(browser_page: Page) -> None:
    await browser_page.emulate_media(media="print")
    await expect(browser_page.locator(".curve > .curve-drawing").first).to_be_visible()
    await expect(browser_page.locator(".curve canvas").first).to_be_hidden()
    await expect(browser_page.locator(".topbar")).to_be_hidden()

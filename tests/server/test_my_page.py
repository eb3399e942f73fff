"""Everybody sees and downloads all that is kept about them, and the notice says for how long that is."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rooms import messages as m
from server.i18n import Translations
from server.person import Person
from server.privacy import person_file
from tests.server.running import CONFERENCE, Running, running

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
TERMS: dict[str, Any] = {"keep_attendance_days": 31, "keep_recordings_days": 1, "keep_people_days": 4321}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """Anna has asked, voted, and answered openly and secretly; Bo has asked something, too."""
    async with running(tmp_path, **TERMS) as run:
        await run.go_live()
        streams, people = run.services.streams, run.services.people
        anna, bo, mona = [people.actor(person) for key in ("anna", "bo", "mona") if (person := people.get(key))]
        stream = m.session_stream("s1")
        for actor, text in ((anna, "Är <b>detta</b> säkert?"), (bo, "Bos fråga")):
            await streams.handle(stream, actor, m.QuestionAsk(text))
        for title, anonymous in (("Öppet?", False), ("Hemligt?", True)):
            await streams.handle(stream, mona, m.PollDraft(title, ("Alternativ ett", "Alternativ två"), anonymous))
        for poll_id in list(streams.room("s1").polls):
            await streams.handle(stream, mona, m.PollOpen(poll_id))
            await run.services.ballots.answer(anna, "s1", streams.room("s1").polls[poll_id], 1)
        await run.services.ballots.vote(anna, "s1", "s1-q2", up=True)
        yield run


async def page(server: Running, who: str, path: str = "/me") -> httpx.Response:
    async with await server.browser(who) as browser:
        return await browser.get(path, headers=PAGE)


async def test_the_page_shows_what_one_has_said_and_nothing_of_others(server: Running) -> None:
    text = (await page(server, "anna")).text
    assert "Är &lt;b&gt;detta&lt;/b&gt; säkert?" in text and "Bos fråga" not in text
    assert "Öppet?" in text and "Hemligt? (anonymous)" in text and text.count("Alternativ två") == 2
    assert "Personal link, made" in text and "Nobody can be cut out of a recording" in text
    assert "question.asked" in text and "2 entries" not in text
    others = (await page(server, "bo")).text
    assert "Bos fråga" in others and "Öppet?" not in others and "Alternativ två" not in others


async def test_the_file_has_the_same_to_read_and_for_programs(server: Running) -> None:
    answer = await page(server, "anna", "/me/everything.zip")
    assert answer.headers["content-type"] == "application/zip" and answer.headers["cache-control"] == "no-store"
    assert 'filename="everything.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        text, data = file.read("everything.html").decode(), json.loads(file.read("everything.json"))
    assert "Är &lt;b&gt;detta&lt;/b&gt; säkert?" in text and "anna@example.org" in text
    assert [(a["poll"], a["answer"], a["is_anonymous"]) for a in data["answers"]] == [
        ("Öppet?", "Alternativ två", False),
        ("Hemligt?", "Alternativ två", True),
    ]
    assert [vote["question_id"] for vote in data["votes"]] == ["s1-q2"]
    assert "Bos fråga" not in text + json.dumps(data, ensure_ascii=False)
    alone = await page(server, "anna", "/me/everything.json")
    assert alone.json()["questions"] == data["questions"]


@pytest.mark.parametrize(
    ("lang", "expected"),
    [("sv", ("Knivsta (0330), Uppsala län", "Sverige", "Näst största fjärdedelen")), ("da", ("Sverige", "næststørste"))],
)
def test_what_is_known_is_told_in_words(lang: str, expected: tuple[str, ...]) -> None:
    anna = Person("anna", "Anna Ek", "anna@example.org", "0330", "Knivsta", "Uppsala län", "se", size_band="larger")
    told = person_file.known(anna, Translations().of(lang))
    assert all(any(words in value for _, value in told) for words in expected), told


async def test_it_is_ones_own_and_nobody_elses(server: Running) -> None:
    assert (await page(server, "anna", "/me/everything.xlsx")).status_code == 404
    async with await server.browser() as stranger:
        assert (await stranger.get("/me/everything.zip", headers=PAGE)).status_code == 401


async def test_the_notice_says_the_terms_that_are_set_in_every_language(tmp_path: Path) -> None:
    languages = 'languages = ["sv", "en", "nb", "da"]'
    (tmp_path / "conference.toml").write_text(CONFERENCE.replace('languages = ["sv", "en"]', languages))
    said = {"en": "31 days after", "sv": "31 dagar efter", "nb": "31 dager etter", "da": "31 dage efter"}
    async with running(tmp_path, **TERMS) as run, await run.browser() as stranger:
        for lang, words in said.items():
            text = (await stranger.get("/privacy", headers={"Accept": "text/html", "Accept-Language": lang})).text
            assert words in text, lang
            assert any(number in text for number in ("4,321", "4\u00a0321", "4.321")), lang

"""The moderator's page asks for groups over HTTP; nobody else gets to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rooms import messages as m
from tests.server.breakouts.scene import GUESTS, Scene, scene

API = "/api/breakouts/s1"


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


async def post(browser: httpx.AsyncClient, what: str, plan: dict[str, Any], *rooms: dict[str, Any]) -> httpx.Response:
    return await browser.post(f"{API}/{what}", json={"plan": plan, "rooms": list(rooms)}, timeout=60)


async def test_groups_are_made_of_who_is_here_and_what_is_locked_stays(day: Scene) -> None:
    await day.come("mona", *GUESTS[:7])
    async with await day.run.browser("mona") as browser:
        plan = {"way": "composed", "per_room": 3, "wishes": [{"rule": "never_met", "strength": "must"}]}
        locked = {"title": "Vi tre", "people": ["g1", "g2", "g3"], "locked": True, "topic": "Skola"}
        answer = (await post(browser, "compose", plan, locked)).json()
        rooms, report = answer["rooms"], answer["report"]
        assert rooms[0]["people"] == ["g1", "g2", "g3"] and rooms[0]["title"] == "Vi tre" and rooms[0]["locked"]
        assert {p for room in rooms for p in room["people"]} == set(GUESTS[:7])
        assert report["people"]["g1"] == {"name": "Gäst g1", "about": "Knivsta"} and report["overall"] == 1
        assert report["not_met"] == [] and len(report["rooms"]) == len(rooms)
        again = (await post(browser, "compose", plan, locked)).json()
        assert again["rooms"] == rooms  # the same seed, the same groups
        # what hands have made of it is judged, and what cannot be met is said in words
        by_hand = [{"people": ["g1", "g2"]}, {"people": ["g3"]}]
        plan["together"] = [["g1", "g3"]]
        judged = (await post(browser, "judge", plan, *by_hand)).json()
        assert judged["rooms"][0]["people"] == ["g1", "g2"]
        assert any("Gäst g1, Gäst g3" in sentence for sentence in judged["report"]["not_met"])


async def test_who_is_left_out_is_composed_into_no_group_and_still_named(day: Scene) -> None:
    await day.come("mona", *GUESTS[:5])
    async with await day.run.browser("mona") as browser:
        plan = {"way": "composed", "per_room": 2, "left_out": ["g2"]}
        answer = (await post(browser, "compose", plan)).json()
        assert {p for room in answer["rooms"] for p in room["people"]} == {"g1", "g3", "g4", "g5"}
        assert answer["report"]["people"]["g2"]["name"] == "Gäst g2"
        judged = (await post(browser, "judge", plan, *answer["rooms"])).json()
        assert not any("Gäst g2" in sentence for sentence in judged["report"]["not_met"])


async def test_every_way_in_makes_rooms(day: Scene) -> None:
    await day.come("mona", *GUESTS)
    async with await day.run.browser("mona") as browser:

        async def rooms_by(**plan: Any) -> list[dict[str, Any]]:
            answer = await post(browser, "compose", plan)
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["rooms"]
            return found

        drawn = await rooms_by(way="drawn", per_room=3)
        assert sorted(len(room["people"]) for room in drawn) == [2, 3, 3]
        assert drawn != await rooms_by(way="drawn", per_room=3, seed=1)
        tables = await rooms_by(way="tables", minutes=0, topics=["Skola", "Vård"])
        assert [(room["topic"], room["people"]) for room in tables] == [("Skola", []), ("Vård", [])]
        assert len(await rooms_by(way="chosen", per_room=4)) == 2
        assert await rooms_by(way="pairs") == []
        await day.do(m.BreakoutsAskTopics(("Skola", "Vård")))
        for guest in GUESTS[:4]:
            await day.do(m.BreakoutsWish(("Skola",)), guest)
        for guest in GUESTS[4:]:
            await day.do(m.BreakoutsWish(("Vård",)), guest)
        by_topic = await rooms_by(way="topics", per_room=4, topics=["Skola", "Vård"])
        assert {room["topic"]: set(room["people"]) for room in by_topic} == {
            "Skola": set(GUESTS[:4]),
            "Vård": set(GUESTS[4:]),
        }
        for guest in ("g2", "g6"):
            await day.do(m.BreakoutsOffer(True), guest)
        led = await rooms_by(way="composed", count=2, wishes=[{"rule": "facilitator", "strength": "must"}])
        assert {room["facilitator"] for room in led} == {"g2", "g6"}


async def test_the_same_groups_again_and_nobody_twice_with_the_same(day: Scene) -> None:
    await day.come("mona", *GUESTS)
    await day.open(("g1", "g2", "g3", "g4"), ("g5", "g6", "g7", "g8"))
    await day.do(m.BreakoutsClose(at_once=True))
    async with await day.run.browser("mona") as browser:
        again = (await post(browser, "compose", {"way": "again"})).json()
        assert [set(room["people"]) for room in again["rooms"]] == [set(GUESTS[:4]), set(GUESTS[4:])]
        wish = {"rule": "never_met", "strength": "must"}
        fresh = (await post(browser, "compose", {"way": "composed", "per_room": 2, "wishes": [wish]})).json()
        assert fresh["report"]["not_met"] == []
        assert all(len(set(room["people"]) & set(GUESTS[:4])) == 1 for room in fresh["rooms"])


async def test_a_list_comes_in_and_goes_out(day: Scene) -> None:
    await day.come("mona", "g1", "g2", "g3")
    async with await day.run.browser("mona") as browser:
        rows = ("Norr;g1@example.org;;x", "Norr;;Gäst g2;", "Söder;g3@example.org;;", "Söder;ingen@x.se;;")
        text = "\n".join(("Rum;E-post;Namn;Samtalsledare", *rows))
        answer = (await browser.post(f"{API}/list", content=text.encode(), headers={"content-type": "text/csv"})).json()
        assert [(room["title"], room["people"], room["facilitator"]) for room in answer["rooms"]] == [
            ("Norr", ["g1", "g2"], "g1"),
            ("Söder", ["g3"], ""),
        ]
        assert any("ingen@x.se" in sentence for sentence in answer["report"]["not_met"])
        sent = await post(browser, "plan", {"way": "list"}, *answer["rooms"])
        assert sent.status_code == 204 and day.state.draft is not None
        csv = (await browser.get(f"{API}/list", headers={"accept-language": "en"})).text
        assert "Norr" in csv and "g1@example.org" in csv
        bad = await browser.post(f"{API}/list", content=b"a,b\n1,2\n")
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_list")


async def test_groups_that_agreed_to_stay_in_touch_can_be_taken_to_another_day(day: Scene) -> None:
    await day.open(("g1", "g2", "g3"), ("g4", "g5", "g6"))
    for guest in ("g1", "g3", "g4"):
        await day.do(m.BreakoutTouch(True), guest)
    await day.do(m.BreakoutsClose(at_once=True))
    async with await day.run.browser("mona") as browser:
        csv = (await browser.get(f"{API}/list?in_touch=1", headers={"accept-language": "en"})).content
        assert [guest for guest in GUESTS if f"{guest}@example.org".encode() in csv] == ["g1", "g3"]
        again = (await browser.post(f"{API}/list", content=csv)).json()
        assert [room["people"] for room in again["rooms"]] == [["g1", "g3"]]
    async with await day.run.browser("g1") as browser:
        assert (await browser.get(f"{API}/list?in_touch=1")).status_code == 403


async def test_groups_of_two_rounds_by_one_name_stay_two_groups(day: Scene) -> None:
    for pair in (("g1", "g2"), ("g3", "g4")):
        await day.open(pair)  # as "Rum 1"
        for guest in pair:
            await day.do(m.BreakoutTouch(True), guest)
        await day.do(m.BreakoutsClose(at_once=True))
    async with await day.run.browser("mona") as browser:
        csv = (await browser.get(f"{API}/list?in_touch=1")).content
        again = (await browser.post(f"{API}/list", content=csv)).json()
    assert [(room["title"], room["people"]) for room in again["rooms"]] == [
        ("Rum 1", ["g1", "g2"]),
        ("Rum 1 (2)", ["g3", "g4"]),
    ]


async def test_everybody_is_told_why_they_are_where_they_are(day: Scene) -> None:
    await day.come("mona", *GUESTS[:4])
    wish = m.BreakoutWish("never_met", "must")
    await day.open(("g1", "g2"), ("g3", "g4"), way="composed", wishes=(wish,))
    await day.do(m.BreakoutsClose(at_once=True))
    await day.open(("g1", "g3"), ("g2", "g4"), way="composed", wishes=(wish,))
    async with await day.run.browser("g1") as browser:
        words = (await browser.get(f"{API}/why", headers={"accept-language": "en"})).json()["words"]
        assert words == "Nobody you have been in a group with before."
    async with await day.run.browser("siri") as browser:
        assert (await browser.get(f"{API}/why")).json() == {"words": ""}


@pytest.mark.parametrize("what", ["compose", "judge", "plan", "list"])
async def test_only_moderators_ask_for_groups_and_only_from_our_own_pages(day: Scene, what: str) -> None:
    body: dict[str, Any] = {"plan": {}, "rooms": []}
    async with await day.run.browser("g1") as browser:
        assert (await browser.post(f"{API}/{what}", json=body)).status_code == 403
        assert (await browser.get(f"{API}/list")).status_code == 403
    async with await day.run.browser() as browser:
        assert (await browser.post(f"{API}/{what}", json=body)).status_code == 401
        assert (await browser.get(f"{API}/why")).status_code == 401
    async with await day.run.browser("mona") as browser:
        foreign = await browser.post(f"{API}/{what}", json=body, headers={"Origin": "https://example.org"})
        assert foreign.json()["code"] == "foreign_origin"
        assert (await browser.post(f"/api/breakouts/nowhere/{what}", json=body)).status_code == 404
        assert (await browser.post(f"{API}/{what}", content=b'{"plan": {"minutes": -1}}')).status_code == 400
        assert (await browser.post(f"{API}/{what}", content=b"[" * 9000)).status_code == 400

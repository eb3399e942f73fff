"""Several rounds planned at once: composed, changed by hand, judged, and opened one after the other with who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest

from rooms import messages as m
from server.breakouts.api import Asked
from server.breakouts.requests import alike, to_compose
from tests.server.breakouts.scene import B1, GUESTS, Scene, scene
from tests.server.running import until

API = "/api/breakouts/s1"
PLAN = {"way": "composed", "per_room": 2, "rounds": 3, "wishes": [{"rule": "never_met", "strength": "must"}]}
Groups = list[set[str]]


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


async def ask(browser: httpx.AsyncClient, what: str, **body: Any) -> dict[str, Any]:
    answer = await browser.post(f"{API}/{what}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rounds_of(answer: dict[str, Any]) -> list[Groups]:
    rounds = [answer["rooms"], *(later["rooms"] for later in answer["later"])]
    return [[set(room["people"]) for room in rooms if room["people"]] for rooms in rounds]


def meeting_twice(rounds: list[Groups]) -> int:
    pairs = [pair for groups in rounds for group in groups for pair in combinations(sorted(group), 2)]
    return len(pairs) - len(set(pairs))


async def test_three_rounds_are_composed_at_once_and_nobody_meets_twice(day: Scene) -> None:
    await day.come("mona", *GUESTS)
    async with await day.run.browser("mona") as browser:
        answer = await ask(browser, "compose", plan=PLAN)
    rounds = rounds_of(answer)
    assert [len(groups) for groups in rounds] == [4, 4, 4] and meeting_twice(rounds) == 0
    assert all(set().union(*groups) == set(GUESTS) for groups in rounds)
    assert [report["not_met"] for report in (answer["report"], *answer["reports"])] == [[], [], []]
    assert [report["overall"] for report in answer["reports"]] == [1, 1]


async def test_what_hands_changed_stays_and_is_said_to_meet_twice_while_the_rest_is_composed(day: Scene) -> None:
    await day.come("mona", *GUESTS)
    async with await day.run.browser("mona") as browser:
        made = await ask(browser, "compose", plan=PLAN)
        by_hand = {"rooms": made["rooms"], "by_hand": True}  # the second round as the first
        judged = await ask(browser, "judge", plan=PLAN, rooms=made["rooms"], later=[by_hand, made["later"][1]])
        assert judged["report"]["not_met"] == [] == judged["reports"][1]["not_met"]
        assert len(judged["reports"][0]["not_met"]) > 0
        assert any("Gäst g1" in sentence for sentence in judged["reports"][0]["not_met"])
        # the first round again: the second, which was changed by hand, is left alone; the third follows
        answer = await ask(
            browser, "compose", plan={**PLAN, "seed": 7}, rooms=made["rooms"], later=[by_hand, made["later"][1]]
        )
        rounds = rounds_of(answer)
        assert rounds[1] == rounds_of(made)[0] and answer["later"][0]["by_hand"] and meeting_twice(rounds) == 0
        # asked for itself it is composed again, and the first is left alone
        again = await ask(browser, "compose", plan=PLAN, rooms=made["rooms"], later=[by_hand, made["later"][1]], at=1)
        rounds = rounds_of(again)
        assert rounds[0] == rounds_of(made)[0] and not again["later"][0]["by_hand"] and meeting_twice(rounds) == 0


def test_which_rounds_are_composed_hangs_on_what_is_there() -> None:
    def what(at: int, *by_hand: bool, rounds: int = 3, way: m.BreakoutWay = "composed") -> tuple[int, set[int]]:
        plan = m.BreakoutPlan(way, rounds=rounds, left_out=("a",))
        later = tuple(m.DraftRound(by_hand=each) for each in by_hand)
        _, found, wanted = to_compose(Asked(plan, (), later, at).draft, at)
        return len(found), wanted

    assert what(0) == (3, {0, 1, 2})
    assert what(0, True, False) == (3, {0, 2})
    assert what(1, True, False) == (3, {1, 2})
    assert what(2, False, True) == (3, {2})
    assert what(0, True, True, rounds=1) == (1, {0})
    assert what(2, rounds=2) == (2, {1})
    assert what(1, True, way="drawn") == (1, {0})
    added = to_compose(m.BreakoutsDraft(m.BreakoutPlan(rounds=2, left_out=("a",))), 0)[1]
    assert added[1].left_out == ("a",)
    assert alike([m.DraftRound(), m.DraftRound(left_out=("a",)), m.DraftRound()], {0, 1, 2}) == [[0, 2], [1]]


async def test_who_is_left_out_of_one_round_is_in_the_others(day: Scene) -> None:
    await day.come("mona", *GUESTS[:7])
    async with await day.run.browser("mona") as browser:
        plan = {**PLAN, "rounds": 2, "left_out": ["g1"]}
        answer = await ask(browser, "compose", plan=plan, later=[{"left_out": ["g2"]}])
    first, second = (set().union(*groups) for groups in rounds_of(answer))
    assert (first, second) == (set(GUESTS[:7]) - {"g1"}, set(GUESTS[:7]) - {"g2"})
    assert answer["reports"][0]["not_met"] == [] and answer["later"][0]["left_out"] == ["g2"]


async def test_rounds_are_opened_in_their_turn_with_who_is_there_also_after_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as day:
        clients = await day.come("mona", *GUESTS[:6])
        async with await day.run.browser("mona") as browser:
            made = await ask(browser, "compose", plan={**PLAN, "per_room": 3})
            answer = await browser.post(
                f"{API}/plan", json={"plan": PLAN, "rooms": made["rooms"], "later": made["later"]}, timeout=60
            )
            assert answer.status_code == 204
        await clients[0].do(B1, {"type": "breakouts.open"})
        await until(lambda: day.state.phase == "running")
        planned = day.state.draft
        assert planned is not None and len(planned.later) == 1
        await day.do(m.BreakoutsClose(at_once=True))
    async with scene(tmp_path) as day:
        assert day.state.draft == planned and day.state.number == 1
        clients = await day.come("mona", *GUESTS[1:7])  # the first has gone, the seventh came late
        await clients[0].do(B1, {"type": "breakouts.open"})
        await until(lambda: day.state.number == 2)
        assert set().union(*day.seats()) == set(GUESTS[1:7]) and min(map(len, day.seats())) > 1
        assert day.state.draft is not None and day.state.draft.later == ()


async def test_a_late_arrival_is_put_with_those_whom_they_are_not_to_meet_later(day: Scene) -> None:
    await day.come("mona", *GUESTS[:4])
    rule = m.BreakoutWish("never_met", "must")
    rooms = tuple(m.DraftRoom(people=people) for people in (("g1", "g2"), ("g3", "g4")))
    later = m.DraftRound((m.DraftRoom(people=("g5", "g3")), m.DraftRoom(people=("g2", "g4"))))
    plan = m.BreakoutPlan("composed", 10, per_room=3, wishes=(rule,))
    await day.do(m.BreakoutsPlan(plan, rooms, (later,)))
    await day.do(m.BreakoutsOpen())
    await day.come("g5")
    await until(lambda: day.seat("g5") != "")
    assert {"g1", "g2", "g5"} in day.seats()

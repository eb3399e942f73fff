"""The conference that groups are composed for in the benchmark, and what is counted there."""

from __future__ import annotations

import json
import sys

import pytest
from msgspec.structs import replace

from bench.grouping import __main__ as bench
from bench.grouping import instances, reference
from rooms.grouping import Composition, compose, judge
from rooms.grouping.model import RULES


def test_every_rule_is_asked_for_and_everything_is_known_of_everybody() -> None:
    request = instances.conference(300, 6, 3, seed=1)
    assert {wish.rule for one in request.rounds for wish in one.wishes} == set(RULES)
    assert len(request.people) == 300 and all(one.county and one.topics and one.field for one in request.people)
    assert request == instances.conference(300, 6, 3, seed=1) != instances.conference(300, 6, 3, seed=2)
    assert request.together and request.apart and len(request.met) == 50


def test_repetitions_are_counted_over_days_but_not_for_those_who_are_to_be_together() -> None:
    request = instances.conference(60, 6, 2, seed=1)
    alone = [person.id for person in request.people if not person.team and person.id not in sum(request.together, ())]
    one, two, three, four = alone[:4]
    yesterday = replace(request, met=((one, two),))
    assert instances.repeats(yesterday, [[(one, two)], [(one, three), (two, four)]]) == 1
    assert instances.repeats(yesterday, [[(one, two)], [(one, two, three)]]) == 2
    team = tuple(person.id for person in request.people if person.team)[:2]
    assert instances.repeats(yesterday, [[team, request.together[0]], [team, request.together[0]]]) == 0


def test_a_short_run_prints_its_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.grouping", "--people", "60", "--rounds", "2", "--seconds", "0"])
    bench.main()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"seconds", "repeats", "violated", "score_vs_cpsat"} <= told.keys()
    assert (told["repeats"], told["violated"], told["score_vs_cpsat"]) == (0, 0, None)


def test_cpsat_keeps_the_musts_and_pays_the_composers_costs() -> None:
    if not (reference.PLACE / "installed").exists():
        pytest.skip("OR-tools is installed by `make bench-grouping` only")
    request = instances.conference(30, 5, 1, seed=1)
    start = compose(bench.musts_only(request))
    found, (answer,) = reference.solve(request, start, 8, 1, reference.install())
    assert isinstance(found, Composition) and judge(request, found).notices == ()
    assert answer.bound <= answer.cost
    assert answer.cost == pytest.approx(reference.cost(request, found, 0))

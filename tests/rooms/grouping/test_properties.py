"""What holds of every composition, whatever is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rooms.grouping import Request, Round, compose, explain, judge, settle
from rooms.grouping.layout import inseparable, lay_out
from rooms.grouping.model import NoticeCode
from tests.rooms.grouping.requests import musts, participants, people, requests, sets, wishes

slowly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slowly
@given(requests())
def test_everybody_is_in_exactly_one_group_a_round(request: Request) -> None:
    composition = compose(request, effort=0.1)
    assert len(composition.rounds) == len(request.rounds)
    for groups in composition.rounds:
        assert sorted(p for group in groups for p in group.people) == sorted(p.id for p in request.people)
        assert all(not group.facilitator or group.facilitator in group.people for group in groups)


@slowly
@given(requests())
def test_locks_are_kept_or_said_to_be_impossible(request: Request) -> None:
    composition = compose(request, effort=0.1)
    notices = judge(request, composition).notices
    for lock in request.locks:
        excused = {
            p
            for n in notices
            if n.round == lock.round and n.code in ("lock_impossible", "not_taking_part")
            for p in n.people
        }
        kept = set(lock.people) - excused
        groups = composition.rounds[lock.round]
        there = set(groups[lock.group].people) if lock.group < len(groups) else set()
        assert kept <= there
        if lock.closed and kept and not excused & set(lock.people):
            assert kept == there


@slowly
@given(requests())
def test_what_is_not_kept_is_listed(request: Request) -> None:
    composition = compose(request, effort=0.1)
    notices = judge(request, composition).notices

    def listed(number: int, codes: set[NoticeCode], *named: str) -> bool:
        return any(n.round == number and n.code in codes and set(named) <= set(n.people) for n in notices)

    history = {frozenset(pair) for people in request.met for pair in combinations(people, 2)}
    for number, groups in enumerate(composition.rounds):
        where = {person: at for at, group in enumerate(groups) for person in group.people}
        for apart in request.apart:
            for one, other in combinations(set(apart) & where.keys(), 2):
                assert where[one] != where[other] or listed(number, {"not_apart"}, one, other)
        for together in request.together:
            for one, other in combinations(set(together) & where.keys(), 2):
                assert where[one] == where[other] or listed(number, {"not_together", "together_too_many"}, one, other)
        known = {frozenset(p) for unit in inseparable(request, number, where) for p in combinations(unit, 2)}
        again = [p for group in groups for p in map(frozenset, combinations(group.people, 2)) if p in history - known]
        if "never_met" in {wish.rule for wish in request.rounds[number].wishes if wish.strength == "must"}:
            assert all(listed(number, {"met_again"}, *pair) for pair in again)
        history |= {frozenset(pair) for group in groups for pair in combinations(group.people, 2)}


@slowly
@given(requests())
def test_sizes_differ_by_one_at_most_where_nothing_forces_more(request: Request) -> None:
    free = replace(request, together=(), apart=(), locks=(), people=tuple(replace(p, team="") for p in request.people))
    for groups in compose(free, effort=0.1).rounds:
        sizes = [len(group.people) for group in groups if group.people]
        assert not sizes or max(sizes) - min(sizes) <= 1


@slowly
@given(requests())
def test_uneven_sizes_are_listed(request: Request) -> None:
    composition = compose(request, effort=0.1)
    listed = {n.round for n in judge(request, composition).notices if n.code == "uneven"}
    for number, groups in enumerate(composition.rounds):
        closed = lay_out(request, number).closed
        sizes = [len(group.people) for at, group in enumerate(groups) if group.people and at not in closed]
        assert not sizes or max(sizes) - min(sizes) <= 1 or number in listed


@slowly
@given(requests())
def test_nobody_is_alone_unless_locked_or_the_only_one(request: Request) -> None:
    composition = compose(request, effort=0.1)
    listed = {(n.round, n.group) for n in judge(request, composition).notices if n.code == "alone"}
    for number, groups in enumerate(composition.rounds):
        layout = lay_out(request, number)
        for at, group in enumerate(groups):
            if len(group.people) == 1:
                assert (number, at) in listed
                assert at in layout.closed or layout.placed or len(layout.free) == 1


@slowly
@given(requests(), st.randoms(use_true_random=False))
def test_the_order_in_which_people_and_wishes_are_given_changes_nothing(request: Request, random: object) -> None:
    def shuffled(things: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample(things, len(things)))  # type: ignore[attr-defined]

    other = replace(
        request,
        people=shuffled(request.people),
        together=tuple(shuffled(one) for one in shuffled(request.together)),  # type: ignore[arg-type]
        apart=tuple(shuffled(one) for one in shuffled(request.apart)),  # type: ignore[arg-type]
        met=shuffled(request.met),
        rounds=tuple(replace(r, wishes=shuffled(r.wishes)) for r in request.rounds),
    )
    assert compose(other, effort=0.1) == compose(request, effort=0.1)


def test_the_same_in_a_process_with_other_hashes() -> None:
    """Sets of strings come out in another order in every process."""
    script = (
        "from tests.rooms.grouping.test_properties import busy_day; from rooms.grouping import compose, judge;"
        "request = busy_day(); found = compose(request); print(found, judge(request, found))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def busy_day() -> Request:
    everybody = tuple(
        replace(
            person,
            size_band=number % 4,
            county="ABCDE"[number % 5],
            experience=("new", "experienced", "experienced")[number % 3],
            topics=(("budget", "schools", "care")[number % 3],),
            team="t" if number in (3, 4) else "",
            facilitates=number % 4 == 1,
        )
        for number, person in enumerate(people(24))
    )
    sitting = Round(
        per_room=4,
        wishes=(*wishes("size_neighbouring", "experience", "county", "topic"), *musts("never_met", "facilitator")),
    )
    return Request(everybody, (sitting, sitting), together=(("p1", "p2"),), apart=(("p5", "p6"),), seed=7)


def test_another_seed_gives_other_groups() -> None:
    assert compose(replace(busy_day(), seed=8)) != compose(busy_day())


@slowly
@given(requests())
def test_scores_are_shares_and_every_person_has_a_sentence(request: Request) -> None:
    composition = compose(request, effort=0.1)
    report = judge(request, composition)
    for scores in report.rounds:
        assert all(0 <= score <= 1 for score in (*scores.rules.values(), scores.overall))
        assert all(0 <= score <= 1 for group in scores.groups for score in group.values())
    for number in range(len(request.rounds)):
        assert all(explain(request, composition, number, person.id) for person in request.people)


@slowly
@given(requests(), participants(most=4), st.data())
def test_settling_moves_nobody_who_is_not_alone(request: Request, late: tuple[object, ...], data: st.DataObject) -> None:
    composition = compose(request, effort=0.1)
    latecomers = tuple(replace(person, id=f"late-{person.id}") for person in late)  # type: ignore[attr-defined,type-var]
    everybody = replace(request, people=(*request.people, *latecomers))
    absent = (
        set(data.draw(st.lists(st.sampled_from([p.id for p in request.people]), unique=True))) if request.people else set()
    )
    present = {person.id for person in everybody.people} - absent
    settled = settle(everybody, composition, 0, present)
    assert sorted(p for group in settled.rounds[0] for p in group.people) == sorted(present)
    assert settled.rounds[1:] == composition.rounds[1:]
    for before, after in zip(composition.rounds[0], settled.rounds[0], strict=False):
        stayed = set(before.people) & present
        assert len(stayed) < 2 or stayed <= set(after.people)
    if len(present) > 1 and not request.locks:
        assert all(len(group) > 1 for group in sets(settled))

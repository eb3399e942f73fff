"""Several rounds planned at once: each is opened in its turn, and nobody but the moderators knows of the next ones."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms import breakouts
from rooms import messages as m
from rooms.access import hears
from rooms.errors import Refused
from rooms.grouping import Participant, Request, Round, Wish, compose
from tests.rooms import day
from tests.rooms.breakouts.scene import Rooms

EVENTS: msgspec.json.Decoder[m.Event] = msgspec.json.Decoder(m.Event)
ANNA = m.Actor("a", "A", frozenset({"attendee"}))
MONA = m.Actor("mona", "Mona", frozenset({"moderator"}))
NEVER_MET = Wish("never_met", "must")


def drafted(*groups: str) -> tuple[m.DraftRoom, ...]:
    return tuple(m.DraftRoom(people=tuple(group)) for group in groups)


def three_rounds() -> m.BreakoutsPlan:
    later = (m.DraftRound(drafted("ac", "bd"), ("e",), by_hand=True), m.DraftRound(drafted("ad", "bc")))
    return m.BreakoutsPlan(m.BreakoutPlan(rounds=3, left_out=("f",)), drafted("ab", "cd"), later)


def test_rounds_are_opened_one_after_the_other() -> None:
    rooms = Rooms()
    rooms.do(three_rounds())
    for number, (groups, left_out, to_come) in enumerate(
        (({"ab", "cd"}, ("f",), 2), ({"ac", "bd"}, ("e",), 1), ({"ad", "bc"}, (), 0)), 1
    ):
        rooms.do(m.BreakoutsOpen())
        assert {"".join(room.people) for room in breakouts.open_rooms(rooms.state)} == groups
        assert rooms.state.plan is not None and rooms.state.plan.left_out == left_out and rooms.state.number == number
        draft = rooms.state.draft
        assert (draft.plan.rounds, 1 + len(draft.later)) == (to_come, to_come) if draft is not None else to_come == 0
        with pytest.raises(Refused, match="rooms_running"):
            rooms.do(m.BreakoutsOpen())
        rooms.do(m.BreakoutsClose(at_once=True))
    with pytest.raises(Refused, match="illegal_step"):
        rooms.do(m.BreakoutsOpen())


@pytest.mark.parametrize(("is_closed", "code"), [(False, "rooms_running"), (True, "illegal_step")])
def test_what_was_written_before_a_round_was_opened_does_not_plan_it_again(is_closed: bool, code: str) -> None:
    rooms = Rooms()
    rooms.do(three_rounds())
    rooms.do(m.BreakoutsOpen())
    if is_closed:
        rooms.do(m.BreakoutsClose(at_once=True))
    before = rooms.state
    with pytest.raises(Refused, match=code):
        rooms.do(msgspec.structs.replace(three_rounds(), after=0))
    assert rooms.state == before
    rooms.do(msgspec.structs.replace(three_rounds(), after=1))
    assert rooms.state.draft != before.draft


def test_all_planned_rounds_are_discarded_together_whichever_is_next() -> None:
    rooms = Rooms()
    rooms.do(three_rounds())
    rooms.do(m.BreakoutsOpen())
    rooms.do(m.BreakoutsDiscard())
    assert rooms.state.draft is None and rooms.phase == "running"


@pytest.mark.parametrize("later", [drafted("ab", "bc"), drafted("aa"), (m.DraftRoom(capacity=2, people=("a", "b", "c")),)])
def test_nobody_is_planned_into_two_rooms_of_a_later_round_and_none_is_too_full(later: tuple[m.DraftRoom, ...]) -> None:
    with pytest.raises(Refused, match="bad_rooms"):
        Rooms().do(m.BreakoutsPlan(m.BreakoutPlan(), drafted("ab"), (m.DraftRound(later),)))


def test_who_sits_in_a_room_of_a_later_round_is_not_left_out_of_it() -> None:
    rooms = Rooms()
    rooms.do(m.BreakoutsPlan(m.BreakoutPlan(), drafted("ab"), (m.DraftRound(drafted("ac"), ("a", "b", "b")),)))
    assert rooms.state.draft is not None and rooms.state.draft.later[0].left_out == ("b",)


def test_an_earlier_versions_plan_has_one_round() -> None:
    old = b'{"type":"breakouts.planned","draft":{"plan":{"way":"composed","minutes":20},"rooms":[{"people":["a","b"]}]}}'
    event = EVENTS.decode(old)
    assert isinstance(event, m.BreakoutsPlanned) and (event.draft.later, event.draft.plan.rounds) == ((), 1)
    assert breakouts.apply(m.BreakoutsState(), event).draft == event.draft


def test_participants_are_told_of_the_open_round_only() -> None:
    rooms = Rooms()
    rooms.do(three_rounds())
    seen, heard = breakouts.redact(rooms.state, ANNA), b""
    for command in (m.BreakoutsOpen(), m.BreakoutsClose(at_once=True)):
        for event in breakouts.decide(rooms.state, day.context(), MONA, command, rooms.now):
            rooms.state = breakouts.apply(rooms.state, event)
            if hears(ANNA, event.audience):
                heard += msgspec.json.encode(event)
                seen = breakouts.apply(seen, event)
    assert seen == breakouts.redact(rooms.state, ANNA) and seen.draft is None and rooms.state.draft is not None
    assert b'"a","b"' in heard and b'"a","c"' not in heard and b'"a","d"' not in heard
    assert {room.people for room in seen.rooms.values()} == {("a", "b")}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_nobody_meets_twice_in_rounds_that_were_composed_and_left_as_they_are(seed: int) -> None:
    random = Random(seed)
    people = [f"p{number}" for number in range(random.choice((15, 18)))]
    request = Request(
        tuple(map(Participant, people)), (Round(per_room=3, wishes=(NEVER_MET,)),) * random.choice((2, 3)), seed=seed
    )
    first, *later = (
        tuple(m.DraftRoom(people=group.people) for group in groups) for groups in compose(request, effort=0.1).rounds
    )
    rooms = Rooms()
    plan = m.BreakoutPlan(minutes=random.choice((1, 7)), rounds=len(later) + 1)
    rooms.do(m.BreakoutsPlan(plan, first, tuple(map(m.DraftRound, later))))
    met: set[tuple[str, str]] = set()
    while rooms.state.draft is not None:
        rooms.do(m.BreakoutsOpen())
        groups = [room.people for room in breakouts.open_rooms(rooms.state)]
        assert sorted(person for group in groups for person in group) == sorted(people)  # in one room each
        pairs = {pair for group in groups for pair in combinations(sorted(group), 2)}
        assert not pairs & met
        met |= pairs
        while rooms.phase == "running":
            rooms.wait(seconds=random.randint(1, 90))
            rooms.do(m.BreakoutsCloseDue(), "system")
            left = [end - rooms.now for room in breakouts.open_rooms(rooms.state) if (end := rooms.end(room.id))]
            assert all(each > timedelta(0) for each in left)

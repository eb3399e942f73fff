"""What the composer is asked, from the people there are."""

from __future__ import annotations

import msgspec
import pytest

from rooms import messages as m
from rooms.errors import Refused
from rooms.messages.breakouts import MOST_DRAFT_ROOMS
from server.breakouts.api import _read
from server.breakouts.requests import field_of, participant, request_of, who_takes_part
from server.person import Person


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("Kommundirektör", "Kommundirektör"),
        ("Biträdande kommundirektör", "Kommundirektör"),
        ("T.f. kommundirektör", "Kommundirektör"),
        ("tf. Kommunchef", "Kommunchef"),
        ("", ""),
    ],
)
def test_a_field_is_the_title_less_what_says_deputy(title: str, field: str) -> None:
    assert field_of(title) == field


def test_a_person_is_what_the_table_knows_of_them_and_what_they_said() -> None:
    person = Person("a", "Anna", "a@x.se", "0330", "Knivsta", "Uppsala län", "se", 19_818, "larger", "Kommunchef", 2024)
    state = m.BreakoutsState(topic_choices={"a": ("Skola",)}, willing=("a",))
    known = participant(person, state, 2026)
    assert (known.size_band, known.experience, known.field, known.team) == (2, "new", "Kommunchef", "se-0330")
    assert known.topics == ("Skola",) and known.facilitates
    unknown = participant(Person("b", "Bo", "b@x.se"), m.BreakoutsState(), 2026)
    assert (unknown.size_band, unknown.experience, unknown.field, unknown.team) == (None, "", "", "")
    assert participant(person, state, 2027).experience == "experienced"


def test_who_works_is_placed_by_hand_only_and_who_is_not_here_not_at_all() -> None:
    people = [
        Person("a", "Anna", "a@x.se"),
        Person("b", "Bo", "b@x.se", roles=("attendee", "board")),
        Person("m", "Mona", "m@x.se", roles=("attendee", "moderator")),
        Person("s", "Siri", "s@x.se", roles=("speaker",)),
    ]

    def placed(present: set[str], *rooms: m.DraftRoom) -> list[str]:
        return [person.id for person in who_takes_part(people, present, rooms)]

    assert placed({"a", "m", "s"}) == ["a"]
    assert placed({"m"}) == ["a", "b"]  # nobody is here yet: a draft for the day
    assert placed({"a"}, m.DraftRoom(people=("m",))) == ["a", "m"]


def test_wishes_that_exclude_each_other_are_refused() -> None:
    wishes = (m.BreakoutWish("size_same"), m.BreakoutWish("size_mixed"))
    with pytest.raises(Refused, match="bad_rooms"):
        request_of((), m.BreakoutPlan(wishes=wishes), ((),), ())


def test_more_rooms_than_a_draft_may_have_are_not_taken_where_the_journal_could_not_read_them_again() -> None:
    def read(count: int) -> m.BreakoutsDraft:
        return _read(b'{"plan":{},"rooms":[%s]}' % b",".join([b"{}"] * count)).draft

    taken = msgspec.json.encode(m.BreakoutsPlanned(read(MOST_DRAFT_ROOMS)))
    assert isinstance(msgspec.json.decode(taken, type=m.Event), m.BreakoutsPlanned)
    with pytest.raises(Refused, match="bad_rooms"):
        read(MOST_DRAFT_ROOMS + 1)

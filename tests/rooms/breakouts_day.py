"""Random breakout rooms for tests: the people, and commands that hit something often enough."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from rooms import messages as m
from tests.rooms import day

CARL: Final = m.Actor("carl", "Carl Ny", frozenset({"attendee"}))
DINA: Final = m.Actor("dina", "Dina Ö", frozenset({"attendee", "speaker"}))
PEOPLE: Final = (*day.EVERYONE, CARL, DINA)
IDS: Final = tuple(actor.person_id for actor in PEOPLE)
WAYS: Final[tuple[m.BreakoutWay, ...]] = ("composed", "chosen", "drawn", "tables", "pairs", "pairs")
TOPICS: Final = ("Skola", "Budget", "Vård")


def some_rooms(random: Random) -> tuple[m.DraftRoom, ...]:
    """Two to four rooms with everybody but some in them."""
    people = [person for person in IDS if random.random() < 0.85]
    random.shuffle(people)
    count = random.randint(2, 4)
    return tuple(
        m.DraftRoom(
            random.choice(("", f"Rum {at}")),
            random.choice(("", "Skola")),
            random.choice((3, 4, 12)) if len(people[at::count]) <= 3 else 12,
            tuple(people[at::count]),
            random.choice(("", *people[at::count])),
        )
        for at in range(count)
    )


def some_plan(random: Random) -> m.BreakoutsPlan:
    plan = m.BreakoutPlan(random.choice(WAYS), random.choice((0, 1, 5, 20)), per_room=3, pairs=random.random() < 0.5)
    later = tuple(
        m.DraftRound(some_rooms(random), tuple(random.sample(IDS, random.randint(0, 2))), random.random() < 0.5)
        for _ in range(random.choice((0, 0, 1, 2)))
    )
    return m.BreakoutsPlan(plan, some_rooms(random), later)


def some_command(random: Random) -> tuple[m.Actor, Any]:
    """Who commands what: opening and moving more often than the rest."""
    person, other, room = random.choice(IDS), random.choice(IDS), f"b{random.randint(1, 6)}"
    here = tuple(one for one in IDS if random.random() < 0.8)
    of_moderators = (
        some_plan(random),
        some_plan(random),
        m.BreakoutsOpen(),
        m.BreakoutsOpen(),
        m.BreakoutsOpen(),
        m.BreakoutsDiscard(),
        m.BreakoutsAskTopics(random.choice((TOPICS, TOPICS[:1], ()))),
        m.BreakoutsClose(random.random() < 0.5),
        m.BreakoutsExtend(random.choice((-30, -1, 5)), random.choice(("", room))),
        m.BreakoutMove(person, room),
        m.BreakoutMove(person, room),
        m.BreakoutMove(person, ""),
        m.BreakoutExchange(person, other),
        m.BreakoutExchange(person, other),
        m.BreakoutsTell("Fem minuter kvar"),
        m.BreakoutsSpeak(random.random() < 0.5),
        m.BreakoutBar(person),
        m.BreakoutUnbar(person),
        m.BreakoutUnbar(person),
        m.BreakoutVisit(random.choice(("", room))),
        m.BreakoutAnswerHelp(room),
        m.BreakoutAppoint(room, random.choice(("", person))),
        m.BreakoutSetPoints(("Ja",), room),
        m.BreakoutShowNotes(random.random() < 0.5, room),
    )
    of_all = (
        m.BreakoutsWish(tuple(random.sample(TOPICS, random.randint(0, 3)))),
        m.BreakoutsOffer(random.random() < 0.6),
        m.BreakoutChoose(room),
        m.BreakoutChoose(room),
        m.BreakoutLeave(),
        m.BreakoutsPair(random.random() < 0.8),
        *(m.BreakoutsPair(True),) * 4,
        m.BreakoutAskHelp(),
        m.BreakoutWithdrawHelp(),
        m.BreakoutTouch(random.random() < 0.8, random.choice(("", room))),
        m.BreakoutMute(person),
        m.BreakoutSetPoints(random.choice((("Ett", "Två"), ()))),
        m.BreakoutShowNotes(random.random() < 0.5),
    )
    of_server = (
        m.BreakoutsCloseDue(),
        m.BreakoutSeat(person, room),
        m.BreakoutsGather(here),
        *(m.BreakoutsMatch(tuple((one, two) for one in IDS for two in IDS)),) * 3,
    )
    match random.randint(0, 5):
        case 0 | 1 | 2:
            return day.MONA, random.choice(of_moderators)
        case 3:
            return m.SYSTEM, random.choice(of_server)
        case _:
            return random.choice(PEOPLE), random.choice((*of_all, *of_all, random.choice(of_moderators)))

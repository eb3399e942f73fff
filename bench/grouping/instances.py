"""Conferences to compose groups for: real municipalities, drawn people."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Final

from msgspec.structs import replace

from rooms.grouping import Participant, Request, Round, Rule, Wish
from server.municipalities import SIZE_BANDS, Municipality, read_tables

TOPICS: Final = ("budget", "schools", "care", "climate", "security", "recruiting")
POPULAR: Final = (8, 6, 5, 4, 3, 2)  # how often each is chosen, relative to the others
FIELDS: Final = ("chief executive", "finance", "staff", "planning")
USUAL: Final = (12, 3, 3, 2)
WISHES: Final[tuple[Rule, ...]] = ("experience", "county", "topic", "field", "turnout")
SIZES: Final[tuple[Rule, ...]] = ("size_same", "size_neighbouring", "size_mixed")
TEAM: Final = 5


def conference(people: int, per_room: int, rounds: int, seed: int) -> Request:
    """Everybody with everything known: teams of five from every fiftieth municipality, and yesterday's groups. All rules are
    asked for in every round, of those that exclude each other one after the other."""
    random = Random(seed)
    everybody = _everybody(people, random)
    ids = [person.id for person in everybody]
    singles = [person.id for person in everybody if not person.team]
    drawn = random.sample(singles, people // 10)
    together = tuple(zip(drawn[::4], drawn[1::4], strict=False))
    apart = tuple(zip(drawn[2::4], drawn[3::4], strict=False))
    rooms = people // per_room
    sittings = tuple(_sitting(number, rooms) for number in range(rounds))
    shuffled = random.sample(ids, people)
    yesterday = tuple(tuple(shuffled[at::rooms]) for at in range(rooms))
    return Request(everybody, sittings, together=together, apart=apart, met=yesterday, seed=seed)


def repeats(request: Request, rounds: list[list[tuple[str, ...]]]) -> int:
    """How often two sit together a second time, yesterday counted, without those who are to be together."""
    team = {person.id: person.team for person in request.people}
    wanted = {frozenset(pair) for people in request.together for pair in combinations(people, 2)}
    seen: set[frozenset[str]] = set()
    again = 0
    for groups in ([*request.met], *rounds):
        now = {frozenset(pair) for people in groups for pair in combinations(people, 2)}
        now = {pair for pair in now - wanted if len({team[person] or person for person in pair}) == 2}
        again += len(now & seen)
        seen |= now
    return again


def _sitting(number: int, rooms: int) -> Round:
    teams: Rule = "teams_apart" if number else "teams_together"
    wishes = [Wish(SIZES[number % 3]), *(Wish(rule) for rule in WISHES)]
    return Round(rooms=rooms, wishes=(*wishes, Wish("never_met", "must"), Wish("facilitator", "must"), Wish(teams, "must")))


def _everybody(count: int, random: Random) -> tuple[Participant, ...]:
    known = [one for one in read_tables().all() if one.country == "se"]
    found: list[Participant] = []
    for number, municipality in enumerate(random.sample(known, len(known))):
        members = TEAM if number % 50 == 0 else 1
        for _ in range(members):
            team = municipality.code if members > 1 else ""
            found.append(replace(_participant(len(found), municipality, random), team=team))
    extra = [_participant(len(found) + at, random.choice(known), random) for at in range(count - len(found))]
    return tuple([*found, *extra][:count])


def _participant(number: int, municipality: Municipality, random: Random) -> Participant:
    first, second = random.choices(TOPICS, POPULAR, k=2)
    return Participant(
        f"p{number:03}",
        municipality=municipality.code,
        population=municipality.population,
        size_band=SIZE_BANDS.index(municipality.size_band),
        county=municipality.county,
        experience="new" if random.random() < 0.3 else "experienced",
        field=random.choices(FIELDS, USUAL)[0],
        topics=tuple(dict.fromkeys((first, second))),
        facilitates=random.random() < 0.3,
        turnout=0.5 if random.random() < 0.1 else 1.0,
    )

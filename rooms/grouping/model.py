"""What the composer is asked and what it answers: people, wishes, groups, scores, and what could not be met.

Everybody is named by id; names, words and languages are the edge's. Rounds and groups are counted from 0. Nothing here is
about how a composition is found (`compose`) or how good it is (`judge`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

Rule = Literal[
    "size_same",  # all in one size band
    "size_neighbouring",  # in bands that are neighbours
    "size_mixed",  # from as many bands as there are
    "experience",  # new with experienced
    "county",  # from different counties
    "topic",  # a room for each topic, with those who chose it
    "field",  # within the same professional field
    "turnout",  # those who may not come are spread
    "never_met",  # nobody sits with somebody a second time
    "teams_together",  # an executive team stays together
    "teams_apart",  # ... or goes to different rooms
    "facilitator",  # in every room somebody who is willing
]
Strength = Literal["wish", "must"]
Experience = Literal["new", "experienced", ""]

RULES: Final[tuple[Rule, ...]] = get_args(Rule)
ONE_OF: Final[tuple[frozenset[Rule], ...]] = (
    frozenset({"size_same", "size_neighbouring", "size_mixed"}),
    frozenset({"teams_together", "teams_apart"}),
)
ONLY_WISHES: Final[frozenset[Rule]] = frozenset({"size_mixed", "turnout"})  # of these there is no clear breach
ALWAYS_MUSTS: Final[frozenset[Rule]] = frozenset({"teams_together", "facilitator"})
MOST_IN_A_ROOM: Final = 12
MOST_WEIGHT: Final = 10

NoticeCode = Literal[
    "too_many_people",  # count people, most seats in all rooms: rooms are fuller than they should be
    "fewer_rooms",  # count rooms instead of most, so that nobody sits alone
    "more_rooms",  # count rooms instead of most: the others are closed, and some people are in none of them
    "alone",  # people
    "uneven",  # rooms of count to most people
    "together_too_many",  # people, more than most
    "not_together",  # people
    "not_apart",  # people
    "team_too_large",  # people of the team `label`, more than most
    "team_split",  # people of the team `label`
    "team_not_apart",  # people of the team `label`
    "met_again",  # people, in count pairs
    "too_few_facilitators",  # count willing for most rooms
    "no_facilitator",
    "size_not_same",  # people
    "size_not_neighbouring",  # people
    "county_twice",  # people
    "field_not_same",  # people
    "not_their_topic",  # people, topic `label`
    "no_new",
    "no_experienced",
    "lock_impossible",  # people
    "not_taking_part",  # people
]
FactCode = Literal[
    "alone",
    "drawn",  # nothing else is to be said
    "topic_chosen",  # label
    "topic",  # label
    "team",  # count colleagues of one's team
    "field",  # label, all of it
    "fields",  # count people of one's field
    "size_under",  # count municipalities under most inhabitants
    "size_over",  # count municipalities over least
    "size_between",  # count municipalities from least to most
    "counties",  # count
    "experience",  # count new people, most experienced ones
    "facilitates",
    "facilitator",  # person
    "nobody_met",  # on an earlier day or in an earlier round
    "met",  # count
]


class Participant(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to be placed. What is empty or None is not known, and no rule holds it against anybody."""

    id: str
    municipality: str = ""  # its code
    population: int | None = None
    size_band: int | None = None  # 0 are the smallest; relative to the country
    county: str = ""
    experience: Experience = ""
    field: str = ""  # professional field
    topics: tuple[str, ...] = ()  # chosen, the dearest first
    team: str = ""
    facilitates: bool = False  # willing to
    turnout: float = 1.0  # how likely they are to come; under 1 they are spread over the rooms


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of a round. A must is kept before all wishes, and where it is broken the notices say so."""

    rule: Rule
    strength: Strength = "wish"
    weight: int = 1  # 1 to MOST_WEIGHT, among wishes


class Round(Struct, frozen=True, forbid_unknown_fields=True):
    """One sitting. Either `rooms` or `per_room` is given; `most` is what a room holds."""

    rooms: int | None = None
    per_room: int | None = None
    most: int = MOST_IN_A_ROOM
    wishes: tuple[Wish, ...] = ()


class Lock(Struct, frozen=True, forbid_unknown_fields=True):
    """People who are to sit in a group of a round. `closed`: they and nobody else. `topic` and `facilitator` are the
    group's, if they are settled."""

    round: int
    group: int
    people: tuple[str, ...]
    closed: bool = False
    topic: str = ""
    facilitator: str = ""


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """People and wishes. `met` are groups that have sat together before, earlier today or on another day.

    Raises ValueError for what no organiser can mean: a round without a size, two rules that exclude each other, two
    people with one id."""

    people: tuple[Participant, ...]
    rounds: tuple[Round, ...]
    together: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    met: tuple[tuple[str, ...], ...] = ()
    locks: tuple[Lock, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if len({person.id for person in self.people}) != len(self.people):
            raise ValueError("two participants have the same id")
        for wanted in self.rounds:
            _check_round(wanted)


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """Who sits in a room in a round, by id. Empty: the room is not opened."""

    people: tuple[str, ...] = ()
    topic: str = ""
    facilitator: str = ""


class Composition(Struct, frozen=True, forbid_unknown_fields=True):
    """For each round its groups. Everybody is in exactly one group a round."""

    rounds: tuple[tuple[Group, ...], ...]


class Notice(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that could not be met. The words are the edge's; what each code fills in stands beside it."""

    code: NoticeCode
    round: int | None = None
    group: int | None = None
    people: tuple[str, ...] = ()
    label: str = ""
    count: int = 0
    most: int = 0


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """Part of the sentence that tells somebody why they are where they are."""

    code: FactCode
    count: int = 0
    least: int = 0
    most: int = 0
    label: str = ""
    person: str = ""


class Scores(Struct, frozen=True, forbid_unknown_fields=True):
    """How well each rule of a round is kept, 0..1: in each group, and in all. A rule that says nothing about a group (say,
    nobody's county is known) is not in it. `overall` is the mean by the wishes' weights."""

    groups: tuple[dict[Rule, float], ...]
    rules: dict[Rule, float]
    overall: float


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What the moderator sees before opening: scores a round, and everything that is not met."""

    rounds: tuple[Scores, ...]
    overall: float
    notices: tuple[Notice, ...]


def wishes_of(wanted: Round) -> Mapping[Rule, Wish]:
    """The round's wishes by rule, in the order of `RULES`."""
    by_rule = {wish.rule: wish for wish in wanted.wishes}
    return {rule: by_rule[rule] for rule in RULES if rule in by_rule}


def _check_round(wanted: Round) -> None:
    def demand(holds: bool, message: str) -> None:
        if not holds:
            raise ValueError(message)

    given = [size for size in (wanted.rooms, wanted.per_room) if size is not None]
    demand(len(given) == 1 and given[0] >= 1, "a round has either a number of rooms or of people per room, 1 or more")
    demand(wanted.most >= 2, "a room holds at least two")
    rules = [wish.rule for wish in wanted.wishes]
    demand(len(set(rules)) == len(rules), "a rule is given once a round")
    demand(all(len(one & set(rules)) <= 1 for one in ONE_OF), "these rules exclude each other")
    demand(all(1 <= wish.weight <= MOST_WEIGHT for wish in wanted.wishes), f"a weight is 1 to {MOST_WEIGHT}")
    musts = {wish.rule for wish in wanted.wishes if wish.strength == "must"}
    demand(not musts & ONLY_WISHES, f"these can only be wished: {', '.join(sorted(ONLY_WISHES))}")

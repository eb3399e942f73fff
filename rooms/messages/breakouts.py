"""The messages of breakout rooms: what their values are, and the state of the stream `breakouts/SESSION`.

Nobody but its people and the moderators sees what is in a room. Neighbours: `breakout_commands`, `breakout_events`;
`rooms/breakouts`, the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from rooms.grouping.model import MOST_IN_A_ROOM, MOST_WEIGHT, Rule, Strength
from rooms.messages.base import Audience, Id, IdOrNone, Line, Value

__all__ = [
    "MOST_IN_A_ROOM",
    "MOST_ROUNDS",
    "BreakoutNews",
    "BreakoutPhase",
    "BreakoutPlan",
    "BreakoutRoom",
    "BreakoutShowing",
    "BreakoutWay",
    "BreakoutWish",
    "BreakoutsDraft",
    "BreakoutsState",
    "DraftRoom",
    "DraftRooms",
    "DraftRound",
    "LaterRounds",
    "RoundNumber",
]

BreakoutPhase = Literal["none", "running", "over"]
BreakoutWay = Literal["composed", "chosen", "drawn", "again", "list", "topics", "tables", "pairs"]

MOST_DRAFT_ROOMS: Final = 1000
MOST_TOPICS: Final = 20
MOST_ROUNDS: Final = 3  # planned at once

Sets = Annotated[tuple[Annotated[tuple[Id, ...], Meta(max_length=200)], ...], Meta(max_length=500)]
Topics = Annotated[tuple[Line, ...], Meta(max_length=MOST_TOPICS)]
Capacity = Annotated[int, Meta(ge=2, le=MOST_IN_A_ROOM)]
LeftOut = Annotated[tuple[Id, ...], Meta(max_length=2000)]
Minutes = Annotated[int, Meta(ge=0, le=600)]
RoundNumber = Annotated[int, Meta(ge=0)]  # 0: of none


class BreakoutWish(Value, frozen=True):
    """A rule of the composer's (`rooms/grouping`)."""

    rule: Rule
    strength: Strength = "wish"
    weight: Annotated[int, Meta(ge=1, le=MOST_WEIGHT)] = 1


class BreakoutPlan(Value, frozen=True):
    """What a round shall be. `minutes` 0: no end, as of tables that stay open. Either `count` (rooms) or `per_room`; both 0
    where rooms are made by hand. `rounds`: so many are composed at once, so that nobody meets twice. `places_late`: late
    arrivals are placed where they fit; `left_out`: those whom the moderators left out on purpose are not. `pairs`: who
    wishes is brought together with somebody for five minutes. `sound`: warnings may be heard."""

    way: BreakoutWay = "composed"
    minutes: Minutes = 20
    count: Annotated[int, Meta(ge=0, le=MOST_DRAFT_ROOMS)] = 0
    per_room: Annotated[int, Meta(ge=0, le=MOST_IN_A_ROOM)] = 0
    capacity: Capacity = MOST_IN_A_ROOM
    rounds: Annotated[int, Meta(ge=1, le=MOST_ROUNDS)] = 1
    wishes: Annotated[tuple[BreakoutWish, ...], Meta(max_length=20)] = ()
    topics: Topics = ()
    together: Sets = ()
    apart: Sets = ()
    left_out: LeftOut = ()
    seed: int = 0
    places_late: bool = True
    pairs: bool = False
    sound: bool = False


class DraftRoom(Value, frozen=True):
    """A room before it is opened. `locked`: its people stay and nobody comes to them; `fixed`: these stay, whoever else is
    moved when the rest is composed again."""

    title: Line = ""
    topic: Line = ""
    capacity: Capacity = MOST_IN_A_ROOM
    people: Annotated[tuple[Id, ...], Meta(max_length=MOST_IN_A_ROOM)] = ()
    facilitator: IdOrNone = ""
    locked: bool = False
    fixed: Annotated[tuple[Id, ...], Meta(max_length=MOST_IN_A_ROOM)] = ()


DraftRooms = Annotated[tuple[DraftRoom, ...], Meta(max_length=MOST_DRAFT_ROOMS)]


class DraftRound(Value, frozen=True):
    """A round after the next, with those who are left out of it. `by_hand`: moderators have changed it since it was
    composed, so it is composed again only if they ask for it."""

    rooms: DraftRooms = ()
    left_out: LeftOut = ()
    by_hand: bool = False


LaterRounds = Annotated[tuple[DraftRound, ...], Meta(max_length=MOST_ROUNDS - 1)]


class BreakoutsDraft(Value, frozen=True):
    """The next round, and those after it, which take its place one by one as they are opened."""

    plan: BreakoutPlan
    rooms: DraftRooms = ()
    later: LaterRounds = ()


class BreakoutRoom(Value, frozen=True):
    """A room that was opened, the `number`th of its round. Its `id` is never given again in the session. `title` may be
    empty. `people` sit in it, and stay its people after it was closed; everything after `round` is for them and the
    moderators only, and empty for others. `is_open`: anybody may come and go. `ends_at`: its own end, where it is not the
    round's. `in_touch`: who agreed to stay in touch."""

    id: str
    number: int
    title: str
    topic: str = ""
    capacity: int = MOST_IN_A_ROOM
    is_open: bool = False
    is_pair: bool = False
    round: int = 1
    people: tuple[str, ...] = ()
    facilitator: str = ""
    ends_at: datetime | None = None
    help_since: datetime | None = None
    visitors: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    in_touch: tuple[str, ...] = ()
    closed_at: datetime | None = None

    @property
    def audience(self) -> Audience:
        return people_and_moderators(self.people)


class BreakoutNews(Value, frozen=True):
    """What a moderator wrote to all rooms."""

    author_id: str
    text: str
    at: datetime


class BreakoutShowing(Value, frozen=True):
    """The room whose notes are on the stage; `number` is its number in its round (0: shown by an earlier version)."""

    room_id: str
    title: str
    number: int = 0


class BreakoutsState(Struct, frozen=True, forbid_unknown_fields=True, tag="breakouts"):
    """Breakout rooms of a session. `reader`: for whom it is redacted; "": it is whole, as the moderators see it.
    `rooms`: those of the round that runs or ran last, and of earlier rounds; of what is over, others than the moderators see
    only the rooms they were in. `ends_at` None while it runs: no end. `outside`: who is in the plenary instead of a room,
    and which room they left by themselves ("": they were sent out). `plan`: of the round. `willing`: to facilitate.
    `met`: who talked as a pair of which nothing else is kept (moderators only)."""

    reader: str = ""
    phase: BreakoutPhase = "none"
    number: int = 0
    way: BreakoutWay = "composed"
    started_at: datetime | None = None
    ends_at: datetime | None = None
    places_late: bool = True
    pairs: bool = False
    sound: bool = False
    rooms: dict[str, BreakoutRoom] = {}
    plan: BreakoutPlan | None = None
    draft: BreakoutsDraft | None = None
    topics: tuple[str, ...] = ()
    topic_choices: dict[str, tuple[str, ...]] = {}
    willing: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    outside: dict[str, str] = {}
    barred: tuple[str, ...] = ()
    met: tuple[tuple[str, ...], ...] = ()
    news: BreakoutNews | None = None
    speaking: str = ""
    showing: BreakoutShowing | None = None


def people_and_moderators(people: Iterable[str]) -> Audience:
    """The audience of what concerns a room's people."""
    return f"people:{','.join(people)}+moderators"

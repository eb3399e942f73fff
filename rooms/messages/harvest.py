"""The messages of the harvest: points that breakout rooms take back to the plenary, gathered, grouped and voted on, on the
session's own stream. Nobody's name is in them. Neighbour: `rooms/harvest`, the rules.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rooms.messages.base import Audience, CommandBase, EventBase, Id, Line, Value

__all__ = [
    "Harvest",
    "HarvestArrange",
    "HarvestArranged",
    "HarvestCommand",
    "HarvestEvent",
    "HarvestGather",
    "HarvestGathered",
    "HarvestGroup",
    "HarvestPoint",
    "HarvestSheaf",
    "HarvestShow",
    "HarvestShown",
    "HarvestVote",
]


class HarvestPoint(Value, frozen=True):
    """What a room said; `id` is the room's and the point's number in it."""

    id: Id
    room_id: str
    text: Line


class HarvestSheaf(Value, frozen=True):
    """Points (by their ids) that mean the same, and what to call that. `id` "": a new one."""

    id: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
    title: Line
    points: Annotated[tuple[Id, ...], Meta(max_length=400)]


class HarvestGroup(Value, frozen=True):
    """A sheaf as it is kept. `question_id`: the question by which it is voted on; "": it is not yet."""

    id: str
    title: str
    points: tuple[str, ...]
    question_id: str = ""


class Harvest(Value, frozen=True):
    """`points` by id. Those in no group are left out. `shown`: the hall sees it."""

    points: dict[str, HarvestPoint]
    groups: tuple[HarvestGroup, ...] = ()
    shown: bool = False


class HarvestGather(CommandBase, tag="harvest.gather", frozen=True):
    """Takes in points of rooms, each as a group of its own; those that are there get the new text."""

    points: Annotated[tuple[HarvestPoint, ...], Meta(max_length=60)]


class HarvestArrange(CommandBase, tag="harvest.arrange", frozen=True):
    """How the points are grouped, all of them, again and again."""

    groups: Annotated[tuple[HarvestSheaf, ...], Meta(max_length=400)]


class HarvestShow(CommandBase, tag="harvest.show", frozen=True):
    """Shows the harvest to everybody, from now on."""


class HarvestVote(CommandBase, tag="harvest.vote", frozen=True):
    """Makes a published question of every group that is none yet: everybody can vote for it."""


HarvestCommand = HarvestGather | HarvestArrange | HarvestShow | HarvestVote


class _OfStaffUntilShown(EventBase, frozen=True):
    shown: bool

    @property
    def audience(self) -> Audience:
        return "everyone" if self.shown else "staff"


class HarvestGathered(_OfStaffUntilShown, tag="harvest.gathered", frozen=True):
    """Points that are new, or have another text, and the groups of the new ones."""

    points: tuple[HarvestPoint, ...]
    groups: tuple[HarvestGroup, ...]


class HarvestArranged(_OfStaffUntilShown, tag="harvest.arranged", frozen=True):
    groups: tuple[HarvestGroup, ...]


class HarvestShown(EventBase, tag="harvest.shown", frozen=True):
    """Carries all of it: the hall has not seen it before."""

    harvest: Harvest


HarvestEvent = HarvestGathered | HarvestArranged | HarvestShown

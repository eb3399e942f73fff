"""What all messages are made of. Neighbours: the messages themselves, in this package."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Role = Literal["attendee", "speaker", "moderator", "board", "organiser"]
# "everyone" | "moderators" | "staff" (moderators and board) | "person:ID+moderators" | "people:ID,ID,...+moderators"
Audience = str

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
IdOrNone = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]  # "": none
Line = Annotated[str, Meta(max_length=300)]
Prose = Annotated[str, Meta(max_length=2000)]


class Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """Who acts: a participant with roles, or the server itself (`SYSTEM`)."""

    person_id: str
    name: str = ""
    roles: frozenset[Role] = frozenset()
    is_system: bool = False


SYSTEM: Final = Actor(person_id="system", is_system=True)


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a message."""


class CommandBase(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What somebody asks for."""


class EventBase(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What happened. `audience` says who may hear of it; it is a function of the event alone."""

    @property
    def audience(self) -> Audience:
        return "everyone"

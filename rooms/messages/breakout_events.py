"""What happens in breakout rooms. An event that concerns a room carries it whole, as it is after that: whoever hears the
event may see all of it. Neighbours: `breakouts`, what is in these messages; `rooms/breakouts/view`, what they make of the
state.
"""

from __future__ import annotations

from datetime import datetime

from rooms.messages.base import Audience, EventBase
from rooms.messages.breakouts import (
    BreakoutNews,
    BreakoutRoom,
    BreakoutsDraft,
    BreakoutShowing,
    BreakoutWay,
    people_and_moderators,
)

__all__ = [
    "BreakoutAppointed",
    "BreakoutBarred",
    "BreakoutEndSet",
    "BreakoutEnded",
    "BreakoutEntered",
    "BreakoutForgotten",
    "BreakoutHelpAnswered",
    "BreakoutHelpAsked",
    "BreakoutLeft",
    "BreakoutMuted",
    "BreakoutPaired",
    "BreakoutPointsSet",
    "BreakoutSeated",
    "BreakoutTouched",
    "BreakoutUnbarred",
    "BreakoutVisited",
    "BreakoutsClosed",
    "BreakoutsDiscarded",
    "BreakoutsEndSet",
    "BreakoutsEvent",
    "BreakoutsNotesShown",
    "BreakoutsOffered",
    "BreakoutsOpened",
    "BreakoutsPlanned",
    "BreakoutsSpeaking",
    "BreakoutsTold",
    "BreakoutsTopicsAsked",
    "BreakoutsWaiting",
    "BreakoutsWished",
]


class _OfModerators(EventBase, frozen=True):
    @property
    def audience(self) -> Audience:
        return "moderators"


class _OfPerson(EventBase, frozen=True):
    """About one person; they and the moderators hear it."""

    person_id: str

    @property
    def audience(self) -> Audience:
        return f"person:{self.person_id}+moderators"


class _OfRoom(EventBase, frozen=True):
    """Carries a room as it is after it; its people and the moderators hear it."""

    room: BreakoutRoom

    @property
    def audience(self) -> Audience:
        return self.room.audience


class BreakoutsTopicsAsked(EventBase, tag="breakouts.topics_asked", frozen=True):
    topics: tuple[str, ...]


class BreakoutsWished(_OfPerson, tag="breakouts.wished", frozen=True):
    topics: tuple[str, ...]


class BreakoutsOffered(_OfPerson, tag="breakouts.offered", frozen=True):
    """Somebody is willing to facilitate, or no longer."""

    willing: bool


class BreakoutsPlanned(_OfModerators, tag="breakouts.planned", frozen=True):
    draft: BreakoutsDraft


class BreakoutsDiscarded(_OfModerators, tag="breakouts.discarded", frozen=True):
    pass


class BreakoutsOpened(EventBase, tag="breakouts.opened", frozen=True):
    """A round begins. `rooms` have no people here; who sits where follows room by room."""

    number: int
    way: BreakoutWay
    at: datetime
    ends_at: datetime | None
    places_late: bool
    pairs: bool
    sound: bool
    rooms: tuple[BreakoutRoom, ...]


class BreakoutSeated(_OfRoom, tag="breakout.seated", frozen=True):
    """Who sits in a room when the round begins."""


class BreakoutEntered(_OfRoom, tag="breakout.entered", frozen=True):
    """Somebody came in while it runs."""

    person_id: str


class BreakoutLeft(_OfRoom, tag="breakout.left", frozen=True):
    """Somebody went out: to another room (`is_moved`, and they have entered it in the next moment), or to the plenary;
    then `way_back` is the room into which they may go again, "" where they may not. They hear it, too."""

    person_id: str
    is_moved: bool
    way_back: str = ""

    @property
    def audience(self) -> Audience:
        return people_and_moderators((*self.room.people, self.person_id))


class BreakoutPaired(_OfRoom, tag="breakout.paired", frozen=True):
    """A room for two who waited."""


class BreakoutsEndSet(EventBase, tag="breakouts.end_set", frozen=True):
    """When the round ends. Rooms with an end of their own keep it."""

    ends_at: datetime


class BreakoutEndSet(_OfRoom, tag="breakout.end_set", frozen=True):
    """A room ends at another time than the others."""


class BreakoutsClosed(EventBase, tag="breakouts.closed", frozen=True):
    """These rooms are closed, and their people in the plenary. `is_over`: the round is."""

    room_ids: tuple[str, ...]
    at: datetime
    is_over: bool


class BreakoutEnded(_OfRoom, tag="breakout.ended", frozen=True):
    """A pair's time is over."""


class BreakoutForgotten(_OfRoom, tag="breakout.forgotten", frozen=True):
    """There were so many pairs that the oldest are no longer kept, but for who met whom."""


class BreakoutsTold(EventBase, tag="breakouts.told", frozen=True):
    news: BreakoutNews


class BreakoutsSpeaking(EventBase, tag="breakouts.speaking", frozen=True):
    """Who speaks to all rooms from the stage; "": nobody any more."""

    person_id: str


class BreakoutBarred(_OfPerson, tag="breakout.barred", frozen=True):
    pass


class BreakoutUnbarred(_OfPerson, tag="breakout.unbarred", frozen=True):
    pass


class BreakoutsWaiting(_OfPerson, tag="breakouts.waiting", frozen=True):
    """Somebody waits to be brought together with somebody, or no longer does."""

    waits: bool


class BreakoutVisited(_OfRoom, tag="breakout.visited", frozen=True):
    """A moderator visits, or left again: `room.visitors`."""

    person_id: str


class BreakoutHelpAsked(_OfRoom, tag="breakout.help_asked", frozen=True):
    person_id: str


class BreakoutHelpAnswered(_OfRoom, tag="breakout.help_answered", frozen=True):
    """Somebody takes care of it, or the room withdrew its call."""

    person_id: str


class BreakoutAppointed(_OfRoom, tag="breakout.appointed", frozen=True):
    """`room.facilitator` is another now."""


class BreakoutMuted(_OfRoom, tag="breakout.muted", frozen=True):
    """Somebody's page switches the microphone off."""

    person_id: str
    by: str


class BreakoutPointsSet(_OfRoom, tag="breakout.points_set", frozen=True):
    pass


class BreakoutTouched(_OfRoom, tag="breakout.touched", frozen=True):
    person_id: str


class BreakoutsNotesShown(EventBase, tag="breakouts.notes_shown", frozen=True):
    """Whose notes are on the stage now."""

    showing: BreakoutShowing | None


BreakoutsEvent = (
    BreakoutsTopicsAsked
    | BreakoutsWished
    | BreakoutsOffered
    | BreakoutsPlanned
    | BreakoutsDiscarded
    | BreakoutsOpened
    | BreakoutSeated
    | BreakoutEntered
    | BreakoutLeft
    | BreakoutPaired
    | BreakoutsEndSet
    | BreakoutEndSet
    | BreakoutsClosed
    | BreakoutEnded
    | BreakoutForgotten
    | BreakoutsTold
    | BreakoutsSpeaking
    | BreakoutBarred
    | BreakoutUnbarred
    | BreakoutsWaiting
    | BreakoutVisited
    | BreakoutHelpAsked
    | BreakoutHelpAnswered
    | BreakoutAppointed
    | BreakoutMuted
    | BreakoutPointsSet
    | BreakoutTouched
    | BreakoutsNotesShown
)

"""The messages of breakout rooms: the stream `breakouts/SESSION`, its state, commands and events.

Nobody but its people and the moderators sees what is in a room. An event that concerns a room carries it whole, as it is
after that: whoever hears the event may see all of it. Neighbours: `rooms/breakouts`, the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from rooms.grouping.model import MOST_IN_A_ROOM, MOST_WEIGHT, Rule, Strength
from rooms.messages.base import Audience, CommandBase, EventBase, Id, IdOrNone, Line, Prose, Value

__all__ = [
    "MOST_IN_A_ROOM",
    "BreakoutAnswerHelp",
    "BreakoutAppoint",
    "BreakoutAppointed",
    "BreakoutAskHelp",
    "BreakoutBar",
    "BreakoutBarred",
    "BreakoutChoose",
    "BreakoutEndSet",
    "BreakoutEnded",
    "BreakoutEntered",
    "BreakoutExchange",
    "BreakoutHelpAnswered",
    "BreakoutHelpAsked",
    "BreakoutLeave",
    "BreakoutLeft",
    "BreakoutMove",
    "BreakoutMute",
    "BreakoutMuted",
    "BreakoutNews",
    "BreakoutPaired",
    "BreakoutPhase",
    "BreakoutPlan",
    "BreakoutPointsSet",
    "BreakoutRoom",
    "BreakoutSeat",
    "BreakoutSeated",
    "BreakoutSetPoints",
    "BreakoutShowNotes",
    "BreakoutShowing",
    "BreakoutTouch",
    "BreakoutTouched",
    "BreakoutUnbar",
    "BreakoutUnbarred",
    "BreakoutVisit",
    "BreakoutVisited",
    "BreakoutWay",
    "BreakoutWish",
    "BreakoutWithdrawHelp",
    "BreakoutsAskTopics",
    "BreakoutsClose",
    "BreakoutsCloseDue",
    "BreakoutsClosed",
    "BreakoutsCommand",
    "BreakoutsDiscard",
    "BreakoutsDiscarded",
    "BreakoutsDraft",
    "BreakoutsEndSet",
    "BreakoutsEvent",
    "BreakoutsExtend",
    "BreakoutsGather",
    "BreakoutsMatch",
    "BreakoutsNotesShown",
    "BreakoutsOffer",
    "BreakoutsOffered",
    "BreakoutsOpen",
    "BreakoutsOpened",
    "BreakoutsPair",
    "BreakoutsPlan",
    "BreakoutsPlanned",
    "BreakoutsSpeak",
    "BreakoutsSpeaking",
    "BreakoutsState",
    "BreakoutsTell",
    "BreakoutsTold",
    "BreakoutsTopicsAsked",
    "BreakoutsWaiting",
    "BreakoutsWish",
    "BreakoutsWished",
    "DraftRoom",
]

BreakoutPhase = Literal["none", "running", "over"]
BreakoutWay = Literal["composed", "chosen", "drawn", "again", "list", "topics", "tables", "pairs"]

MOST_DRAFT_ROOMS: Final = 1000
MOST_TOPICS: Final = 20

Ids = Annotated[tuple[Id, ...], Meta(max_length=2000)]
Sets = Annotated[tuple[Annotated[tuple[Id, ...], Meta(max_length=200)], ...], Meta(max_length=500)]
Topics = Annotated[tuple[Line, ...], Meta(max_length=MOST_TOPICS)]
Capacity = Annotated[int, Meta(ge=2, le=MOST_IN_A_ROOM)]
Minutes = Annotated[int, Meta(ge=0, le=600)]

# --- values ---------------------------------------------------------------------------------------------------------


class BreakoutWish(Value, frozen=True):
    """A rule of the composer's (`rooms/grouping`)."""

    rule: Rule
    strength: Strength = "wish"
    weight: Annotated[int, Meta(ge=1, le=MOST_WEIGHT)] = 1


class BreakoutPlan(Value, frozen=True):
    """What a round shall be. `minutes` 0: no end, as of tables that stay open. Either `count` (rooms) or `per_room`; both 0
    where rooms are made by hand. `places_late`: late arrivals are placed where they fit. `pairs`: who wishes is brought
    together with somebody for five minutes. `sound`: warnings may be heard."""

    way: BreakoutWay = "composed"
    minutes: Minutes = 20
    count: Annotated[int, Meta(ge=0, le=MOST_DRAFT_ROOMS)] = 0
    per_room: Annotated[int, Meta(ge=0, le=MOST_IN_A_ROOM)] = 0
    capacity: Capacity = MOST_IN_A_ROOM
    wishes: Annotated[tuple[BreakoutWish, ...], Meta(max_length=20)] = ()
    topics: Topics = ()
    together: Sets = ()
    apart: Sets = ()
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


class BreakoutsDraft(Value, frozen=True):
    plan: BreakoutPlan
    rooms: Annotated[tuple[DraftRoom, ...], Meta(max_length=MOST_DRAFT_ROOMS)] = ()


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
    """The room whose notes are on the stage."""

    room_id: str
    title: str


class BreakoutsState(Struct, frozen=True, forbid_unknown_fields=True, tag="breakouts"):
    """Breakout rooms of a session. `reader`: for whom it is redacted; "": it is whole, as the moderators see it.
    `rooms`: those of the round that runs or ran last, and of earlier rounds; of what is over, others than the moderators see
    only the rooms they were in. `ends_at` None while it runs: no end. `outside`: who is in the plenary instead of a room,
    and which room they left by themselves ("": they were sent out). `plan`: of the round. `willing`: to facilitate."""

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
    news: BreakoutNews | None = None
    speaking: str = ""
    showing: BreakoutShowing | None = None


def people_and_moderators(people: Iterable[str]) -> Audience:
    """The audience of what concerns a room's people."""
    return f"people:{','.join(people)}+moderators"


# --- commands: of the moderators -------------------------------------------------------------------------------------


class BreakoutsAskTopics(CommandBase, tag="breakouts.ask_topics", frozen=True):
    """Asks everybody which topics they want to talk about; none: no longer."""

    topics: Topics


class BreakoutsPlan(CommandBase, tag="breakouts.plan", frozen=True):
    """The whole draft of the next round, again and again."""

    plan: BreakoutPlan
    rooms: Annotated[tuple[DraftRoom, ...], Meta(max_length=MOST_DRAFT_ROOMS)] = ()


class BreakoutsDiscard(CommandBase, tag="breakouts.discard", frozen=True):
    """Forgets the draft."""


class BreakoutsOpen(CommandBase, tag="breakouts.open", frozen=True):
    """Opens what was planned. The server fills in `rooms`: those of the draft, less who is not here, with who came since."""

    rooms: Annotated[tuple[DraftRoom, ...], Meta(max_length=MOST_DRAFT_ROOMS)] | None = None


class BreakoutsClose(CommandBase, tag="breakouts.close", frozen=True):
    """Ends the round, after a countdown of a minute or at once."""

    at_once: bool = False


class BreakoutsExtend(CommandBase, tag="breakouts.extend", frozen=True):
    """Extends, or shortens by a negative number of minutes, one room or ("") all. A minute is left in any case."""

    minutes: Annotated[int, Meta(ge=-600, le=600)]
    room_id: IdOrNone = ""


class BreakoutMove(CommandBase, tag="breakout.move", frozen=True):
    """Brings somebody into a room, or ("") back to the plenary."""

    person_id: Id
    room_id: IdOrNone = ""


class BreakoutExchange(CommandBase, tag="breakout.exchange", frozen=True):
    """Two people of different rooms take each other's place."""

    person_id: Id
    other_id: Id


class BreakoutsTell(CommandBase, tag="breakouts.tell", frozen=True):
    """Tells all rooms something in writing."""

    text: Prose


class BreakoutsSpeak(CommandBase, tag="breakouts.speak", frozen=True):
    """Whoever gives it speaks to all rooms from the stage now, or (false) no longer."""

    on: bool


class BreakoutBar(CommandBase, tag="breakout.bar", frozen=True):
    """Sends somebody out, and lets them into no room again."""

    person_id: Id


class BreakoutUnbar(CommandBase, tag="breakout.unbar", frozen=True):
    person_id: Id


class BreakoutVisit(CommandBase, tag="breakout.visit", frozen=True):
    """A moderator looks and listens in without taking part, or ("") no longer does. The room's people see it."""

    room_id: IdOrNone = ""


class BreakoutAnswerHelp(CommandBase, tag="breakout.answer_help", frozen=True):
    """Somebody takes care of a room's call for help."""

    room_id: Id


class BreakoutAppoint(CommandBase, tag="breakout.appoint", frozen=True):
    """Makes one of a room's people its facilitator; "": nobody is."""

    room_id: Id
    person_id: IdOrNone


# --- commands: of everybody, about the room they are in ----------------------------------------------------------------


class BreakoutsWish(CommandBase, tag="breakouts.wish", frozen=True):
    """Which of the topics one wants to talk about, the dearest first."""

    topics: Annotated[tuple[Line, ...], Meta(max_length=3)]


class BreakoutsOffer(CommandBase, tag="breakouts.offer", frozen=True):
    """Is willing to facilitate a room, or (false) no longer."""

    on: bool


class BreakoutChoose(CommandBase, tag="breakout.choose", frozen=True):
    """Goes into a room that is open to anybody, or back into the one that one left by oneself."""

    room_id: Id


class BreakoutLeave(CommandBase, tag="breakout.leave", frozen=True):
    """Goes back to the plenary."""


class BreakoutsPair(CommandBase, tag="breakouts.pair", frozen=True):
    """Wishes to be brought together with somebody, or (false) no longer does."""

    on: bool


class BreakoutAskHelp(CommandBase, tag="breakout.ask_help", frozen=True):
    pass


class BreakoutWithdrawHelp(CommandBase, tag="breakout.withdraw_help", frozen=True):
    pass


class BreakoutTouch(CommandBase, tag="breakout.touch", frozen=True):
    """Whether one agrees to stay in touch with those of a room who agree too. `room_id` "": the one that one is in."""

    agrees: bool
    room_id: IdOrNone = ""


# --- commands: of a room's facilitator, and the moderators; of any of its people while nobody facilitates ------------------


class BreakoutMute(CommandBase, tag="breakout.mute", frozen=True):
    """Switches somebody's microphone off; they can switch it on again."""

    person_id: Id


class BreakoutSetPoints(CommandBase, tag="breakout.set_points", frozen=True):
    """What a room takes back to the plenary, without names. `room_id` "": the one that one is in."""

    points: Annotated[tuple[Line, ...], Meta(max_length=3)]
    room_id: IdOrNone = ""


class BreakoutShowNotes(CommandBase, tag="breakout.show_notes", frozen=True):
    """Shows a room's notes on the stage, or (false) no longer. `room_id` "": the one that one is in."""

    on: bool
    room_id: IdOrNone = ""


# --- commands: of the server -------------------------------------------------------------------------------------------


class BreakoutsCloseDue(CommandBase, tag="breakouts.close_due", frozen=True):
    """Closes the rooms whose time is over."""


class BreakoutSeat(CommandBase, tag="breakout.seat", frozen=True):
    """Places somebody who came late, if they still sit nowhere and the room has a seat."""

    person_id: Id
    room_id: Id


class BreakoutsGather(CommandBase, tag="breakouts.gather", frozen=True):
    """Whoever is alone in a room goes to others. `present`: who is here."""

    present: tuple[Id, ...]


class BreakoutsMatch(CommandBase, tag="breakouts.match", frozen=True):
    """Brings pairs together of those who wait for it."""

    pairs: tuple[tuple[Id, Id], ...]


BreakoutsCommand = (
    BreakoutsAskTopics
    | BreakoutsPlan
    | BreakoutsDiscard
    | BreakoutsOpen
    | BreakoutsClose
    | BreakoutsExtend
    | BreakoutMove
    | BreakoutExchange
    | BreakoutsTell
    | BreakoutsSpeak
    | BreakoutBar
    | BreakoutUnbar
    | BreakoutVisit
    | BreakoutAnswerHelp
    | BreakoutAppoint
    | BreakoutsWish
    | BreakoutsOffer
    | BreakoutChoose
    | BreakoutLeave
    | BreakoutsPair
    | BreakoutAskHelp
    | BreakoutWithdrawHelp
    | BreakoutTouch
    | BreakoutMute
    | BreakoutSetPoints
    | BreakoutShowNotes
    | BreakoutsCloseDue
    | BreakoutSeat
    | BreakoutsGather
    | BreakoutsMatch
)

# --- events -----------------------------------------------------------------------------------------------------------


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

"""What may be asked for in breakout rooms, and by whom. Neighbours: `breakouts`, what is in these messages; `rooms/access`,
who may give them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rooms.messages.base import CommandBase, Id, IdOrNone, Line, Prose
from rooms.messages.breakouts import BreakoutPlan, DraftRooms, LaterRounds, RoundNumber, Topics

__all__ = [
    "BreakoutAnswerHelp",
    "BreakoutAppoint",
    "BreakoutAskHelp",
    "BreakoutBar",
    "BreakoutChoose",
    "BreakoutExchange",
    "BreakoutLeave",
    "BreakoutMove",
    "BreakoutMute",
    "BreakoutSeat",
    "BreakoutSetPoints",
    "BreakoutShowNotes",
    "BreakoutTouch",
    "BreakoutUnbar",
    "BreakoutVisit",
    "BreakoutWithdrawHelp",
    "BreakoutsAskTopics",
    "BreakoutsClose",
    "BreakoutsCloseDue",
    "BreakoutsCommand",
    "BreakoutsDiscard",
    "BreakoutsExtend",
    "BreakoutsGather",
    "BreakoutsMatch",
    "BreakoutsOffer",
    "BreakoutsOpen",
    "BreakoutsPair",
    "BreakoutsPlan",
    "BreakoutsSpeak",
    "BreakoutsTell",
    "BreakoutsWish",
]

# --- of the moderators -------------------------------------------------------------------------------------


class BreakoutsAskTopics(CommandBase, tag="breakouts.ask_topics", frozen=True):
    """Asks everybody which topics they want to talk about; none: no longer."""

    topics: Topics


class BreakoutsPlan(CommandBase, tag="breakouts.plan", frozen=True):
    """The whole draft of the next round and those after it, again and again. `after`: number of the round opened last, as
    far as its writer knows: what was written before another moderator opened one is not planned once more."""

    plan: BreakoutPlan
    rooms: DraftRooms = ()
    later: LaterRounds = ()
    after: RoundNumber | None = None


class BreakoutsDiscard(CommandBase, tag="breakouts.discard", frozen=True):
    """Forgets the draft."""


class BreakoutsOpen(CommandBase, tag="breakouts.open", frozen=True):
    """Opens the next round that was planned. The server fills in `rooms`: those of the draft, less who is not here, with who
    came since."""

    rooms: DraftRooms | None = None


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


# --- of everybody, about the room they are in ----------------------------------------------------------------


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


# --- of a room's facilitator, and the moderators; of any of its people while nobody facilitates ------------------


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


# --- of the server -------------------------------------------------------------------------------------------


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

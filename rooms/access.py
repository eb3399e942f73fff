"""Who may do, see and hear what. The one gate: every command, page, stream, event and file is asked for here.

Each `check_` function returns what was asked for, or raises `Refused`. Nothing else in Plenum compares roles.
"""

from __future__ import annotations

from typing import Final, Literal

from rooms import messages as m
from rooms.errors import Refused

Roles = frozenset[m.Role]
Page = Literal["lobby", "session", "desk", "board", "library", "survey", "me"]

EVERYBODY: Final[Roles] = frozenset({"attendee", "speaker", "moderator", "board", "organiser"})
MODERATORS: Final[Roles] = frozenset({"moderator", "organiser"})
STAFF: Final[Roles] = MODERATORS | {"board"}
ON_STAGE: Final[Roles] = MODERATORS | {"speaker"}
PARTICIPANTS: Final[Roles] = frozenset({"attendee", "board"})
NOBODY: Final[Roles] = frozenset()  # the server alone

COMMANDS: Final[dict[type[m.Command], Roles]] = {
    m.ProgrammePublish: NOBODY,
    m.SessionPrepare: MODERATORS,
    m.SessionGoLive: MODERATORS,
    m.SessionEnd: MODERATORS,
    m.SurveyOpen: STAFF,
    m.SurveyClose: STAFF,
    m.StageEnter: ON_STAGE,
    m.StageSetMedia: ON_STAGE,
    m.StageLeave: ON_STAGE,
    m.StageRemove: MODERATORS,
    m.PollDraft: MODERATORS,
    m.PollDiscard: MODERATORS,
    m.PollOpen: MODERATORS,
    m.PollClose: MODERATORS,
    m.PollCount: NOBODY,
    m.PollShow: MODERATORS,
    m.PollAnswer: EVERYBODY,
    m.QuestionAsk: EVERYBODY,
    m.QuestionPublish: MODERATORS,
    m.QuestionDismiss: MODERATORS,
    m.QuestionMarkAnswered: MODERATORS,
    m.QuestionVote: EVERYBODY,
    m.HarvestGather: MODERATORS,
    m.HarvestArrange: MODERATORS,
    m.HarvestShow: MODERATORS,
    m.HarvestVote: MODERATORS,
    m.RecordingStart: MODERATORS,
    m.RecordingStop: MODERATORS,
    m.RecordingFinish: NOBODY,
    m.RecordingFail: NOBODY,
    m.RecordingErase: NOBODY,
    m.BreakoutsAskTopics: MODERATORS,
    m.BreakoutsPlan: MODERATORS,
    m.BreakoutsDiscard: MODERATORS,
    m.BreakoutsOpen: MODERATORS,
    m.BreakoutsClose: MODERATORS,
    m.BreakoutsExtend: MODERATORS,
    m.BreakoutMove: MODERATORS,
    m.BreakoutExchange: MODERATORS,
    m.BreakoutsTell: MODERATORS,
    m.BreakoutsSpeak: MODERATORS,
    m.BreakoutBar: MODERATORS,
    m.BreakoutUnbar: MODERATORS,
    m.BreakoutVisit: MODERATORS,
    m.BreakoutAnswerHelp: MODERATORS,
    m.BreakoutAppoint: MODERATORS,
    m.BreakoutsWish: EVERYBODY,
    m.BreakoutsOffer: EVERYBODY,
    m.BreakoutChoose: EVERYBODY,
    m.BreakoutLeave: EVERYBODY,
    m.BreakoutsPair: EVERYBODY,
    m.BreakoutAskHelp: EVERYBODY,
    m.BreakoutWithdrawHelp: EVERYBODY,
    m.BreakoutTouch: EVERYBODY,
    m.BreakoutMute: EVERYBODY,  # these three: whoever facilitates a room, which its rules ask (`check_leading`)
    m.BreakoutSetPoints: EVERYBODY,
    m.BreakoutShowNotes: EVERYBODY,
    m.BreakoutsCloseDue: NOBODY,
    m.BreakoutSeat: NOBODY,
    m.BreakoutsGather: NOBODY,
    m.BreakoutsMatch: NOBODY,
}

PAGES: Final[dict[Page, Roles]] = {
    "lobby": EVERYBODY,
    "session": EVERYBODY,
    "desk": MODERATORS,
    "board": STAFF,
    "library": EVERYBODY,
    "survey": EVERYBODY,
    "me": EVERYBODY,
}


def _holds(actor: m.Actor, roles: Roles) -> bool:
    return bool(actor.roles & roles)


def check_command(actor: m.Actor, command: m.Command) -> m.Command:
    """Returns `command` if `actor` may give it at all; whether it is possible now is for `decide` to say."""
    if not actor.is_system and not _holds(actor, COMMANDS[type(command)]):
        raise Refused("forbidden")
    return command


def check_page(actor: m.Actor | None, page: Page) -> m.Actor:
    """Returns the actor if they are signed in and may open `page`."""
    if actor is None:
        raise Refused("not_signed_in")
    if not _holds(actor, PAGES[page]):
        raise Refused("forbidden")
    return actor


def may(actor: m.Actor, page: Page) -> bool:
    """True if `page` shall be offered to `actor` (menus)."""
    return _holds(actor, PAGES[page])


def hears(actor: m.Actor, audience: m.Audience) -> bool:
    """True if an event for `audience` is for `actor` too."""
    if audience == "everyone":
        return True
    if audience == "staff":
        return _holds(actor, STAFF)
    return actor.person_id in addressees(audience) or _holds(actor, MODERATORS)


def is_staff(actor: m.Actor) -> bool:
    """True if `actor` hears more than the hall: polls before they are opened, and their counts before they are shown."""
    return _holds(actor, STAFF)


def takes_part(roles: Roles) -> bool:
    """True if somebody with these roles is put into breakout rooms: who works or speaks that day goes there by hand only."""
    return bool(roles & PARTICIPANTS) and not roles & MODERATORS


def is_moderator(actor: m.Actor) -> bool:
    """True if `actor` hears all there is: also the questions of others before they are published."""
    return _holds(actor, MODERATORS)


def audience_of(actor: m.Actor, state: m.State) -> str:
    """A name for what `actor` sees of a stream whose state is `state`: the same for all who see the same."""
    if is_moderator(actor):
        return "moderators"
    has_own = isinstance(state, m.BreakoutsState) or (
        isinstance(state, m.RoomState)
        and any(q.published_at is None and q.author_id == actor.person_id for q in state.questions.values())
    )
    return ("staff" if is_staff(actor) else "hall") + (f":{actor.person_id}" if has_own else "")


def addressees(audience: m.Audience) -> frozenset[str]:
    """The ids of those whom an audience names; none if it names a group only."""
    kind, _, rest = audience.partition(":")
    if kind not in ("person", "people"):
        return frozenset()
    return frozenset(rest.removesuffix("+moderators").split(",")) - {""}


def check_session(conference: m.ConferenceState, session_id: str) -> tuple[m.SessionPlan, m.SessionRun]:
    """Returns the plan of a session and how far it has come."""
    for plan in conference.programme.sessions if conference.programme else ():
        if plan.id == session_id:
            return plan, conference.runs.get(session_id, m.SessionRun())
    raise Refused("not_found")


def check_watching(actor: m.Actor, run: m.SessionRun) -> None:
    """Raises unless `actor` may receive a session's sound and picture now. Backstage is for those who go on stage."""
    if run.phase == "live" or (run.phase == "backstage" and _holds(actor, ON_STAGE)):
        return
    raise Refused("session_ended" if run.phase == "ended" else "not_live")


def check_on_stage_role(actor: m.Actor) -> m.Actor:
    """Returns `actor` if they may ever send sound and picture into a session, from a page or from software of their own."""
    if not _holds(actor, ON_STAGE):
        raise Refused("forbidden")
    return actor


def check_publishing(actor: m.Actor, run: m.SessionRun) -> None:
    """Raises unless `actor` may send sound and picture into a session now."""
    check_on_stage_role(actor)
    if run.phase not in ("backstage", "live"):
        raise Refused("session_ended" if run.phase == "ended" else "session_not_open")


def check_in_breakout(actor: m.Actor, state: m.BreakoutsState, room_id: str) -> m.BreakoutRoom:
    """Returns a breakout room if `actor` sits in it now. Whether it exists is nobody else's business."""
    room = state.rooms.get(room_id)
    is_on = room is not None and room.closed_at is None and state.phase == "running"
    if room is None or not is_on or actor.person_id not in room.people:
        raise Refused("not_in_room")
    return room


def check_breakout_listening(actor: m.Actor, state: m.BreakoutsState, room_id: str) -> m.BreakoutRoom:
    """The same, or if `actor` is a moderator who visits it: they may see and hear, and send nothing."""
    room = state.rooms.get(room_id)
    is_on = room is not None and room.closed_at is None and state.phase == "running"
    if room is not None and is_on and is_moderator(actor) and actor.person_id in room.visitors:
        return room
    return check_in_breakout(actor, state, room_id)


def check_breakout_reading(actor: m.Actor, state: m.BreakoutsState, room_id: str) -> m.BreakoutRoom:
    """Returns a breakout room, also one that is closed, if `actor` is one of its people or a moderator: for its notes."""
    room = state.rooms.get(room_id)
    if room is None or not (actor.person_id in room.people or is_moderator(actor)):
        raise Refused("not_in_room")
    return room


def check_leading(actor: m.Actor, room: m.BreakoutRoom) -> None:
    """Raises unless `actor` may lead a room's conversation: its facilitator, any of its people while there is none, and the
    moderators."""
    leads = actor.person_id == room.facilitator or (not room.facilitator and actor.person_id in room.people)
    if not (leads or is_moderator(actor) or actor.is_system):
        raise Refused("forbidden")


def check_recording(actor: m.Actor | None, recording: m.Recording) -> m.Recording:
    """Returns the recording if `actor` may see it. While it is being written, nobody does."""
    check_page(actor, "library")
    if recording.status != "available":
        raise Refused("not_found")
    return recording

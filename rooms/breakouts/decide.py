"""What a command makes happen in a session's breakout rooms: to each its rule."""

from __future__ import annotations

from datetime import datetime

from rooms import messages as m
from rooms.access import check_command
from rooms.breakouts import moving, planning, running, talking
from rooms.breakouts.sketch import Sketch
from rooms.errors import Refused
from rooms.room import SessionContext


def decide(
    state: m.BreakoutsState, session: SessionContext, actor: m.Actor, command: m.BreakoutsCommand, now: datetime
) -> list[m.BreakoutsEvent]:
    """What `command` makes happen. Raises `Refused`. Doing twice what can be done once is harmless."""
    check_command(actor, command)
    sketch = Sketch(state, now)
    match command:
        case (
            m.BreakoutsAskTopics()
            | m.BreakoutsPlan()
            | m.BreakoutsDiscard()
            | m.BreakoutsOpen()
            | m.BreakoutsWish()
            | m.BreakoutsOffer()
        ):
            _check_session(session, command)
            _plan(sketch, actor, command)
        case m.BreakoutsClose() if state.phase != "running" and actor.is_system:
            pass  # the session ended, and somebody was faster
        case (
            m.BreakoutsClose()
            | m.BreakoutsCloseDue()
            | m.BreakoutsExtend()
            | m.BreakoutsTell()
            | m.BreakoutsSpeak()
            | m.BreakoutBar()
            | m.BreakoutUnbar()
        ):
            _run(sketch, actor, command)
        case (
            m.BreakoutMove()
            | m.BreakoutExchange()
            | m.BreakoutChoose()
            | m.BreakoutLeave()
            | m.BreakoutSeat()
            | m.BreakoutsGather()
            | m.BreakoutsPair()
            | m.BreakoutsMatch()
        ):
            _move(sketch, actor, command)
        case _:
            _talk(sketch, actor, command)
    return sketch.events


def _check_session(session: SessionContext, command: m.BreakoutsCommand) -> None:
    """Rooms are planned before a session or in it, and opened in one that is live; never in a break."""
    if session.run.phase == "ended":
        raise Refused("session_ended")
    if session.plan.kind == "break":
        raise Refused("illegal_step")
    if isinstance(command, m.BreakoutsOpen) and session.run.phase != "live":
        raise Refused("not_live")


def _plan(
    sketch: Sketch,
    actor: m.Actor,
    command: m.BreakoutsAskTopics
    | m.BreakoutsPlan
    | m.BreakoutsDiscard
    | m.BreakoutsOpen
    | m.BreakoutsWish
    | m.BreakoutsOffer,
) -> None:
    match command:
        case m.BreakoutsAskTopics(topics):
            planning.ask_topics(sketch, topics)
        case m.BreakoutsPlan():
            planning.plan(sketch, command)
        case m.BreakoutsDiscard():
            planning.discard(sketch)
        case m.BreakoutsOpen(rooms):
            planning.open_round(sketch, rooms)
        case m.BreakoutsWish(topics):
            planning.wish(sketch, actor.person_id, topics)
        case m.BreakoutsOffer(on):
            planning.offer(sketch, actor.person_id, on=on)


def _run(
    sketch: Sketch,
    actor: m.Actor,
    command: m.BreakoutsClose
    | m.BreakoutsCloseDue
    | m.BreakoutsExtend
    | m.BreakoutsTell
    | m.BreakoutsSpeak
    | m.BreakoutBar
    | m.BreakoutUnbar,
) -> None:
    match command:
        case m.BreakoutsClose(at_once):
            running.close(sketch, at_once=at_once)
        case m.BreakoutsCloseDue():
            running.close_due(sketch)
        case m.BreakoutsExtend(minutes, room_id):
            running.extend(sketch, minutes, room_id)
        case m.BreakoutsTell(text):
            running.tell(sketch, actor.person_id, text)
        case m.BreakoutsSpeak(on):
            running.speak(sketch, actor.person_id, on=on)
        case m.BreakoutBar(person_id):
            running.bar(sketch, person_id)
        case m.BreakoutUnbar(person_id):
            running.unbar(sketch, person_id)


def _move(
    sketch: Sketch,
    actor: m.Actor,
    command: m.BreakoutMove
    | m.BreakoutExchange
    | m.BreakoutChoose
    | m.BreakoutLeave
    | m.BreakoutSeat
    | m.BreakoutsGather
    | m.BreakoutsPair
    | m.BreakoutsMatch,
) -> None:
    match command:
        case m.BreakoutMove(person_id, room_id):
            moving.move(sketch, person_id, room_id)
        case m.BreakoutExchange(person_id, other_id):
            moving.exchange(sketch, person_id, other_id)
        case m.BreakoutChoose(room_id):
            moving.choose(sketch, actor.person_id, room_id)
        case m.BreakoutLeave():
            moving.leave(sketch, actor.person_id)
        case m.BreakoutSeat(person_id, room_id):
            moving.seat(sketch, person_id, room_id)
        case m.BreakoutsGather(present):
            moving.gather(sketch, frozenset(present))
        case m.BreakoutsPair(on):
            moving.pair(sketch, actor.person_id, on=on)
        case m.BreakoutsMatch(pairs):
            moving.match(sketch, pairs)


def _talk(
    sketch: Sketch,
    actor: m.Actor,
    command: m.BreakoutVisit
    | m.BreakoutAnswerHelp
    | m.BreakoutAppoint
    | m.BreakoutAskHelp
    | m.BreakoutWithdrawHelp
    | m.BreakoutTouch
    | m.BreakoutMute
    | m.BreakoutSetPoints
    | m.BreakoutShowNotes,
) -> None:
    match command:
        case m.BreakoutVisit(room_id):
            talking.visit(sketch, actor.person_id, room_id)
        case m.BreakoutAnswerHelp(room_id):
            talking.answer_help(sketch, actor.person_id, room_id)
        case m.BreakoutAppoint(room_id, person_id):
            talking.appoint(sketch, room_id, person_id)
        case m.BreakoutAskHelp():
            talking.ask_help(sketch, actor.person_id)
        case m.BreakoutWithdrawHelp():
            talking.withdraw_help(sketch, actor.person_id)
        case m.BreakoutTouch(agrees, room_id):
            talking.touch(sketch, actor, room_id, agrees=agrees)
        case m.BreakoutMute(person_id):
            talking.mute(sketch, actor, person_id)
        case m.BreakoutSetPoints(points, room_id):
            talking.set_points(sketch, actor, points, room_id)
        case m.BreakoutShowNotes(on, room_id):
            talking.show_notes(sketch, actor, room_id, on=on)

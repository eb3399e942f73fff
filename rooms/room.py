"""One session's room: its stage, polls, questions, recordings and what breakout rooms brought home, as one state machine.

The room reads how far its session has come (`SessionContext`, from the conference's stream) and never writes it, so the
two streams need no common transaction. Neighbours: `stage`, `polls`, `questions`, `recording`, `harvest`, which hold the
rules.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from rooms import harvest, polls, questions, recording, stage
from rooms import messages as m
from rooms.access import check_command, is_moderator, is_staff


class SessionContext(Struct, frozen=True):
    """The session that happens in the room, as the conference's stream tells it."""

    plan: m.SessionPlan
    run: m.SessionRun


def decide(
    room: m.RoomState, session: SessionContext, actor: m.Actor, command: m.RoomCommand, now: datetime
) -> list[m.RoomEvent]:
    """What `command` makes happen in the session's room. Raises `Refused`."""
    check_command(actor, command)
    phase = session.run.phase
    match command:
        case m.StageEnter() | m.StageSetMedia() | m.StageLeave() | m.StageRemove():
            return [*stage.decide(room.stage, phase, actor, command, now)]
        case m.PollDraft() | m.PollDiscard() | m.PollOpen() | m.PollClose() | m.PollCount() | m.PollShow():
            return [*polls.decide(room.polls, session.plan.id, phase, command, now)]
        case m.QuestionAsk() | m.QuestionPublish() | m.QuestionDismiss() | m.QuestionMarkAnswered():
            return [*questions.decide(room.questions, session.plan.id, phase, actor, command, now)]
        case m.RecordingStart() | m.RecordingStop() | m.RecordingFinish() | m.RecordingFail() | m.RecordingErase():
            return [*recording.decide(room.recordings, session.plan, phase, actor, command, now)]
        case m.HarvestGather() | m.HarvestArrange() | m.HarvestShow() | m.HarvestVote():
            return [*harvest.decide(room.harvest, room.questions, session.plan.id, phase, command, now)]


def check_row(room: m.RoomState, session: SessionContext, actor: m.Actor, command: m.RowCommand) -> m.Poll | m.Question:
    """Returns the poll or question that an answer or vote is for. Raises `Refused` if it is not taken now."""
    check_command(actor, command)
    match command:
        case m.PollAnswer(poll_id, option):
            return polls.check_answer(room.polls, poll_id, option)
        case m.QuestionVote(question_id):
            return questions.check_vote(room.questions, session.run.phase, question_id)


def apply(room: m.RoomState, event: m.RoomEvent) -> m.RoomState:
    """The room after `event`."""
    match event:
        case m.StageEntered() | m.StageMediaSet() | m.StageLeft():
            return replace(room, stage=stage.apply(room.stage, event))
        case m.PollDrafted() | m.PollDiscarded() | m.PollOpened() | m.PollClosed() | m.PollCounted() | m.PollShown():
            return replace(room, polls=polls.apply(room.polls, event))
        case m.QuestionAsked() | m.QuestionPublished() | m.QuestionDismissed() | m.QuestionAnswered():
            return replace(room, questions=questions.apply(room.questions, event))
        case (
            m.RecordingStarted() | m.RecordingStopped() | m.RecordingAvailable() | m.RecordingFailed() | m.RecordingErased()
        ):
            return replace(room, recordings=recording.apply(room.recordings, event))
        case m.HarvestGathered() | m.HarvestArranged() | m.HarvestShown():
            return replace(room, harvest=harvest.apply(room.harvest, event))


def redact(room: m.RoomState, actor: m.Actor) -> m.RoomState:
    """What `actor` may see. For every event e the actor hears, redact(apply(room, e)) = apply(redact(room), e);
    for every other, redact(apply(room, e)) = redact(room)."""
    return replace(
        room,
        polls=room.polls if is_staff(actor) else polls.redact(room.polls),
        harvest=room.harvest if is_staff(actor) else harvest.redact(room.harvest),
        questions=room.questions if is_moderator(actor) else questions.redact(room.questions, actor.person_id),
    )

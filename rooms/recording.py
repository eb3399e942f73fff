"""Recordings of a session: started and stopped by a moderator only; the server tells when the file plays."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused
from rooms.numbering import next_id

Recordings = dict[str, m.Recording]
Command = m.RecordingStart | m.RecordingStop | m.RecordingFinish | m.RecordingFail | m.RecordingErase
Event = m.RecordingStarted | m.RecordingStopped | m.RecordingAvailable | m.RecordingFailed | m.RecordingErased


def decide(
    recordings: Recordings, plan: m.SessionPlan, phase: m.Phase, actor: m.Actor, command: Command, now: datetime
) -> list[Event]:
    """Breakouts are never recorded: what is said among colleagues stays there."""
    match command:
        case m.RecordingStart():
            return [_start(recordings, plan, phase, actor, now)]
        case m.RecordingStop(reason):
            if (running := running_recording(recordings)) is None:
                raise Refused("not_recording")
            return [m.RecordingStopped(running.id, now, reason)]
        case m.RecordingFinish(recording_id, duration):
            known = recordings.get(recording_id)
            return [m.RecordingAvailable(recording_id, duration)] if known and known.status == "stopped" else []
        case m.RecordingFail(recording_id, reason):
            known = recordings.get(recording_id)
            unfinished = known is not None and known.status in ("running", "stopped")
            return [m.RecordingFailed(recording_id, reason, now)] if unfinished else []
        case m.RecordingErase(recording_id):
            known = recordings.get(recording_id)
            return [m.RecordingErased(recording_id)] if known and known.status in ("available", "failed") else []


def apply(recordings: Recordings, event: Event) -> Recordings:
    """The recordings after `event`."""
    match event:
        case m.RecordingStarted(recording_id, by, at):
            return {**recordings, recording_id: m.Recording(recording_id, "running", at, by)}
        case m.RecordingStopped(recording_id, at, reason):
            return _with(recordings, recording_id, status="stopped", stopped_at=at, reason=reason)
        case m.RecordingAvailable(recording_id, duration):
            return _with(recordings, recording_id, status="available", duration=duration)
        case m.RecordingFailed(recording_id, reason, at):
            stopped_at = recordings[recording_id].stopped_at or at
            return _with(recordings, recording_id, status="failed", reason=reason, stopped_at=stopped_at)
        case m.RecordingErased(recording_id):
            return _with(recordings, recording_id, status="erased")


def running_recording(recordings: Recordings) -> m.Recording | None:
    """The recording that is being made, if any."""
    return next((r for r in recordings.values() if r.status == "running"), None)


def _start(recordings: Recordings, plan: m.SessionPlan, phase: m.Phase, actor: m.Actor, now: datetime) -> m.RecordingStarted:
    if plan.kind not in ("plenary", "assembly"):
        raise Refused("not_recordable")
    if phase != "live":
        raise Refused("not_live")
    if running_recording(recordings) is not None:
        raise Refused("already_recording")
    return m.RecordingStarted(next_id(plan.id, "r", recordings), actor.person_id, now)


def _with(recordings: Recordings, recording_id: str, **changes: object) -> Recordings:
    return {**recordings, recording_id: replace(recordings[recording_id], **changes)}

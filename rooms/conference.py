"""The conference: its programme, how far each session has come, and the closing survey. Neighbour: `room`, one session."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from rooms import messages as m
from rooms.access import check_command, check_session
from rooms.errors import Refused


def decide(state: m.ConferenceState, actor: m.Actor, command: m.ConferenceCommand, now: datetime) -> list[m.ConferenceEvent]:
    """What `command` makes happen. Raises `Refused`."""
    check_command(actor, command)
    match command:
        case m.ProgrammePublish(programme):
            return [] if programme == state.programme else [m.ProgrammePublished(programme)]
        case m.SessionPrepare(session_id):
            return [_prepare(state, session_id, now)]
        case m.SessionGoLive(session_id):
            return [_go_live(state, session_id, now)]
        case m.SessionEnd(session_id):
            return [_end(state, session_id, now)]
        case m.SurveyOpen():
            return [_open_survey(state, now)]
        case m.SurveyClose():
            return [_close_survey(state, now)]


def apply(state: m.ConferenceState, event: m.ConferenceEvent) -> m.ConferenceState:
    """The state after `event`."""
    match event:
        case m.ProgrammePublished(programme):
            return replace(state, programme=programme)
        case m.SessionPrepared(session_id, at):
            return _with_run(state, session_id, phase="backstage", backstage_at=at)
        case m.SessionWentLive(session_id, at):
            return _with_run(state, session_id, phase="live", live_at=at)
        case m.SessionEnded(session_id, at):
            return _with_run(state, session_id, phase="ended", ended_at=at)
        case m.SurveyOpened(at):
            return replace(state, survey=m.Survey("open", opened_at=at))
        case m.SurveyClosed(at):
            return replace(state, survey=replace(state.survey, phase="closed", closed_at=at))


def redact(state: m.ConferenceState, actor: m.Actor) -> m.ConferenceState:
    """What `actor` may see: everything, as every event of the conference is for everyone."""
    return state


def current_session(state: m.ConferenceState, now: datetime) -> m.SessionPlan | None:
    """The session to lead people to: one that is live, else one in backstage, else the one the clock says."""
    if state.programme is None:
        return None
    sessions = state.programme.sessions
    for phase in ("live", "backstage"):
        for plan in sessions:
            if state.runs.get(plan.id, m.SessionRun()).phase == phase and plan.kind != "break":
                return plan
    return next((plan for plan in sessions if plan.starts_at <= now < plan.ends_at), None)


def next_session(state: m.ConferenceState, now: datetime) -> m.SessionPlan | None:
    """The first session that is still planned and has not been passed by the clock."""
    sessions = state.programme.sessions if state.programme else ()
    return next((p for p in sessions if p.ends_at > now and state.runs.get(p.id, m.SessionRun()).phase == "planned"), None)


def check_survey(state: m.ConferenceState) -> None:
    """Raises `Refused` unless the closing survey takes answers now."""
    if state.survey.phase != "open":
        raise Refused("survey_closed" if state.survey.phase == "closed" else "survey_not_open")


def _with_run(state: m.ConferenceState, session_id: str, **changes: object) -> m.ConferenceState:
    run = state.runs.get(session_id, m.SessionRun())
    return replace(state, runs={**state.runs, session_id: replace(run, **changes)})


def _prepare(state: m.ConferenceState, session_id: str, now: datetime) -> m.SessionPrepared:
    _, run = check_session(state, session_id)
    _check_step(run, "planned")
    return m.SessionPrepared(session_id, now)


def _go_live(state: m.ConferenceState, session_id: str, now: datetime) -> m.SessionWentLive:
    plan, run = check_session(state, session_id)
    _check_step(run, "backstage")
    for other in state.programme.sessions if state.programme else ():
        if other.room == plan.room and state.runs.get(other.id, m.SessionRun()).phase == "live":
            raise Refused("room_busy", session=other.title)
    return m.SessionWentLive(session_id, now)


def _end(state: m.ConferenceState, session_id: str, now: datetime) -> m.SessionEnded:
    _, run = check_session(state, session_id)
    _check_step(run, "backstage", "live")
    return m.SessionEnded(session_id, now)


def _check_step(run: m.SessionRun, *allowed: m.Phase) -> None:
    if run.phase not in allowed:
        raise Refused("illegal_step", phase=run.phase)


def _open_survey(state: m.ConferenceState, now: datetime) -> m.SurveyOpened:
    if state.survey.phase != "planned":
        raise Refused("illegal_step", phase=state.survey.phase)
    return m.SurveyOpened(now)


def _close_survey(state: m.ConferenceState, now: datetime) -> m.SurveyClosed:
    if state.survey.phase != "open":
        raise Refused("illegal_step", phase=state.survey.phase)
    return m.SurveyClosed(now)

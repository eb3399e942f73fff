"""What the simulated moderator does next: pure functions of what it sees and of the clock, so that it goes on wherever it,
or somebody at another desk, left off. Neighbours: `moderator`, which does it; `sayings`.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from rooms import messages as m
from server.demo.sayings import ASIDES, POLLS, PollText

PREPARE_BEFORE: Final = timedelta(minutes=1)
EARLY_PREPARE_AFTER: Final = timedelta(seconds=45)  # somebody ended a session before its time: the next one comes soon
EARLY_LIVE_AFTER: Final = timedelta(seconds=60)

FIRST_POLL_AFTER: Final = timedelta(seconds=8)
POLL_OPEN: Final = timedelta(seconds=70)
POLL_PAUSE: Final = timedelta(seconds=60)  # in which the last result is there to be read

PUBLISH_AFTER: Final = range(3, 13)  # seconds in the queue; the desk shall not be empty
ANSWER_AFTER: Final = timedelta(seconds=50)
ANSWER_EVERY: Final = timedelta(seconds=40)
SURVEY_AFTER: Final = timedelta(minutes=3)
SURVEY_OPEN: Final = timedelta(minutes=5)

_TITLES: Final = {poll.title for poll in POLLS}
_ROUND: Final = 3  # polls by which each session's list begins later


def next_step(state: m.ConferenceState, now: datetime) -> m.ConferenceCommand | None:
    """Takes sessions through their phases by the clock, and opens and closes the evaluation, whatever is on meanwhile."""
    return _session_step(state, now) or _survey_step(state, now)


def _session_step(state: m.ConferenceState, now: datetime) -> m.ConferenceCommand | None:
    plans = [plan for plan in (state.programme.sessions if state.programme else ()) if plan.kind != "break"]
    runs = {plan.id: state.runs.get(plan.id, m.SessionRun()) for plan in plans}
    for plan in plans:
        run = runs[plan.id]
        if run.phase == "live":
            return m.SessionEnd(plan.id) if now >= plan.ends_at else None
    early = _ended_early(plans, runs)
    for plan in plans:
        run = runs[plan.id]
        if run.phase == "backstage":
            is_early = early is not None and run.backstage_at is not None and now >= run.backstage_at + EARLY_LIVE_AFTER
            return m.SessionGoLive(plan.id) if now >= plan.starts_at or is_early else None
        if run.phase == "planned" and plan.ends_at > now:
            is_early = early is not None and now >= early + EARLY_PREPARE_AFTER
            return m.SessionPrepare(plan.id) if now >= plan.starts_at - PREPARE_BEFORE or is_early else None
    return None


def next_poll_step(room: m.RoomState, run: m.SessionRun, session_number: int, now: datetime) -> m.RoomCommand | None:
    """Drafts, opens, closes and shows polls of our own; somebody else's are theirs."""
    ours = [poll for poll in room.polls.values() if poll.title in _TITLES]
    for poll in room.polls.values():
        if poll.phase == "open":
            due = poll.opened_at is not None and now >= poll.opened_at + POLL_OPEN
            return m.PollClose(poll.id) if poll in ours and due else None
    for poll in ours:
        if poll.phase == "closed" and poll.counts is not None:
            return m.PollShow(poll.id)
    drafts = [poll for poll in ours if poll.phase == "draft"]
    used = {poll.title for poll in ours}
    fresh = [poll for poll in _turned(session_number) if poll.title not in used]
    if not drafts:
        return m.PollDraft(fresh[0].title, fresh[0].options, fresh[0].anonymous) if fresh else None
    rested = [poll.closed_at + POLL_PAUSE for poll in room.polls.values() if poll.closed_at is not None]
    due_at = max(rested, default=(run.live_at or now) + FIRST_POLL_AFTER)
    return m.PollOpen(drafts[0].id) if now >= due_at else None


def next_question_step(
    room: m.RoomState, votes: Mapping[str, int], answered_at: datetime | None, now: datetime
) -> m.RoomCommand | None:
    """Publishes what waits, takes off what belongs elsewhere, and lets the question with most votes be answered.
    `answered_at`: when the last one was."""
    for question in room.questions.values():
        if question.status == "pending" and now >= question.asked_at + _waits(question):
            is_aside = question.text in ASIDES
            return m.QuestionDismiss(question.id) if is_aside else m.QuestionPublish(question.id)
    if answered_at is not None and now < answered_at + ANSWER_EVERY:
        return None
    ripe = [q.id for q in room.questions.values() if _is_ripe(q, now)]
    if not ripe:
        return None
    return m.QuestionMarkAnswered(max(ripe, key=lambda key: votes.get(key, 0)))


def _survey_step(state: m.ConferenceState, now: datetime) -> m.SurveyOpen | m.SurveyClose | None:
    """A conference would do this at its end; here the board's page shall have something to show, which is when it closed."""
    survey = state.survey
    began = min((run.live_at for run in state.runs.values() if run.live_at is not None), default=None)
    if survey.phase == "planned" and began is not None and now >= began + SURVEY_AFTER:
        return m.SurveyOpen()
    if survey.phase == "open" and survey.opened_at is not None and now >= survey.opened_at + SURVEY_OPEN:
        return m.SurveyClose()
    return None


def _ended_early(plans: Collection[m.SessionPlan], runs: Mapping[str, m.SessionRun]) -> datetime | None:
    """When the last session to end did, if that was before its time."""
    ended = [(at, at < plan.ends_at) for plan in plans if (at := runs[plan.id].ended_at) is not None]
    if not ended:
        return None
    at, was_early = max(ended)
    return at if was_early else None


def _turned(number: int) -> tuple[PollText, ...]:
    start = number * _ROUND % len(POLLS)
    return POLLS[start:] + POLLS[:start]


def _waits(question: m.Question) -> timedelta:
    """How long a question is in the queue: some longer, always the same for the same question."""
    return timedelta(seconds=PUBLISH_AFTER[zlib.crc32(question.id.encode()) % len(PUBLISH_AFTER)])


def _is_ripe(question: m.Question, now: datetime) -> bool:
    if question.status != "published" or question.published_at is None:
        return False
    return now >= question.published_at + ANSWER_AFTER

"""The shapes of the board's figures. `report` fills them in, `board` shows them, `charts` draws them."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from rooms import messages as m
from rooms.attendance import CurvePoint
from rooms.evaluation import Cell, Verdict


class Day(Struct, frozen=True):
    date: date  # in the conference's time zone
    people: int


class Participants(Struct, frozen=True):
    """Unique people, never joins. `working` are those present who were only there to speak or to run it."""

    people: int
    goal: int
    met: bool
    registered: int
    working: int
    days: tuple[Day, ...]


class SessionFigures(Struct, frozen=True):
    """One session's attendance. Planned times and real ones; figures are zero until it has been live."""

    id: str
    title: str
    kind: m.Kind
    phase: m.Phase
    starts_at: datetime
    ends_at: datetime
    live_at: datetime | None
    ended_at: datetime | None
    people: int
    median_minutes: float
    background_share: float  # of all presence, 0..1
    peak: int
    curve: tuple[CurvePoint, ...]  # minute by minute since `live_at`


class PollFigures(Struct, frozen=True):
    """`counts` is None while the poll is open: a tally that is watched as it grows tells who answered what. Where too few
    have answered an anonymous poll (`rooms.polls.LEAST_ANSWERS`), `answered` is None, and `counts` empty."""

    id: str
    session_id: str
    title: str
    anonymous: bool
    phase: m.PollPhase
    options: tuple[str, ...]
    answered: int | None
    counts: tuple[int, ...] | None


class QuestionFigures(Struct, frozen=True):
    """A question that the hall has seen. Without its author: the board needs what was asked, not by whom."""

    id: str
    session_id: str
    text: str
    votes: int
    status: m.QuestionStatus


class Questions(Struct, frozen=True):
    asked: int
    answered: int
    unpublished: int  # waiting or dismissed; their texts are for the moderators only
    shown: tuple[QuestionFigures, ...]  # in order of the sessions, most votes first


class SurveyFigures(Struct, frozen=True):
    """The closing survey. `attended` is everybody who was present, working or not: all of them may answer. Verdicts and
    comments are None until it is closed (whoever compares the page before and after an answer knows that answer), verdicts
    also while fewer than five have an opinion, comments while fewer than five have answered; comments stand in the
    order of the alphabet, which says nothing of who wrote them or when."""

    phase: m.SurveyPhase
    answered: int
    attended: int
    response_rate: float | None
    conference: Verdict | None
    association: Verdict | None
    comments: tuple[str, ...] | None


class HarvestFigures(Struct, frozen=True):
    """Points of breakout rooms that mean the same, without names. `votes` None: they were not voted on."""

    session_id: str
    title: str
    points: tuple[str, ...]
    votes: int | None


class Report(Struct, frozen=True):
    """Everything on the board's page. Breakdowns are None if too few people were there to show any group."""

    name: str
    organiser: str
    time_zone: str
    made_at: datetime
    participants: Participants
    sessions: tuple[SessionFigures, ...]
    size_bands: tuple[Cell[str], ...] | None
    counties: tuple[Cell[str], ...] | None
    polls: tuple[PollFigures, ...]
    questions: Questions
    harvest: tuple[HarvestFigures, ...]
    survey: SurveyFigures


class KeptAttendance(Struct, frozen=True):
    """What the clock leaves of attendance (`server/privacy/retention.py`): the figures as they were last, groups of fewer
    than five put together in them."""

    participants: Participants
    sessions: tuple[SessionFigures, ...]
    size_bands: tuple[Cell[str], ...] | None
    counties: tuple[Cell[str], ...] | None
    attended: int

"""A small conference for tests: actors of every role, a programme, and random commands in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from rooms import messages as m
from rooms.room import SessionContext

NOON: Final = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)

ANNA: Final = m.Actor("anna", "Anna Ek", frozenset({"attendee"}))
BO: Final = m.Actor("bo", "Bo Lind", frozenset({"attendee"}))
SIRI: Final = m.Actor("siri", "Siri Berg", frozenset({"speaker"}))
MONA: Final = m.Actor("mona", "Mona Dahl", frozenset({"moderator"}))
BRITT: Final = m.Actor("britt", "Britt Holm", frozenset({"board"}))
EVERYONE: Final = (ANNA, BO, SIRI, MONA, BRITT)


def session(session_id: str = "s1", kind: m.Kind = "plenary", room: str = "plenum", hours: int = 0) -> m.SessionPlan:
    return m.SessionPlan(
        session_id,
        f"Session {session_id}",
        kind,
        NOON + timedelta(hours=hours),
        NOON + timedelta(hours=hours + 1),
        room,
    )


PROGRAMME: Final = m.Programme(
    name="Vårkonferensen",
    organiser="Föreningen",
    time_zone="Europe/Stockholm",
    languages=("sv", "en"),
    goals=m.Goals(),
    rooms=(m.RoomPlan("plenum", "Plenum"), m.RoomPlan("grupp", "Grupprum")),
    sessions=(session("s1"), session("s2", hours=1), session("s3", "breakouts", "grupp", 1)),
)


def context(phase: m.Phase = "live", kind: m.Kind = "plenary") -> SessionContext:
    return SessionContext(session(kind=kind), m.SessionRun(phase))


def ids(letter: str) -> st.SearchStrategy[str]:
    return st.integers(1, 4).map(lambda n: f"s1-{letter}{n}")


texts = st.text(alphabet="abcåäö ?!\n\u202e", max_size=12)

points = st.builds(m.HarvestPoint, st.sampled_from(["b1-0", "b1-1", "b2-0"]), st.just("b1"), texts)
sheaves = st.builds(
    m.HarvestSheaf,
    st.just("") | ids("g"),
    texts,
    st.lists(st.sampled_from(["b1-0", "b1-1", "b2-0"]), max_size=3).map(tuple),
)

room_commands: st.SearchStrategy[m.RoomCommand] = st.one_of(
    st.just(m.StageEnter()),
    st.builds(m.StageSetMedia, st.booleans(), st.booleans(), st.booleans()),
    st.just(m.StageLeave()),
    st.builds(m.StageRemove, st.sampled_from([actor.person_id for actor in EVERYONE])),
    st.builds(m.PollDraft, texts, st.lists(texts, max_size=4).map(tuple), st.booleans()),
    st.builds(m.PollDraft, st.just("Klar?"), st.just(("Ja", "Nej")), st.booleans()),
    st.builds(m.PollDiscard, ids("p")),
    st.builds(m.PollOpen, ids("p")),
    st.builds(m.PollClose, ids("p")),
    st.builds(m.PollCount, ids("p"), st.sampled_from([(2, 1), (1, 1), (0, 0)])),
    st.builds(m.PollShow, ids("p")),
    st.builds(m.QuestionAsk, texts),
    st.builds(m.QuestionPublish, ids("q")),
    st.builds(m.QuestionDismiss, ids("q")),
    st.builds(m.QuestionMarkAnswered, ids("q")),
    st.just(m.RecordingStart()),
    st.just(m.RecordingStop()),
    st.builds(m.RecordingFinish, ids("r"), st.just(60.0)),
    st.builds(m.RecordingFail, ids("r"), st.just("full")),
    st.builds(m.RecordingErase, ids("r")),
    st.builds(m.HarvestGather, st.lists(points, max_size=3).map(tuple)),
    st.builds(m.HarvestArrange, st.lists(sheaves, max_size=3).map(tuple)),
    st.just(m.HarvestShow()),
    st.just(m.HarvestVote()),
)

conference_commands: st.SearchStrategy[m.ConferenceCommand] = st.one_of(
    st.builds(m.SessionPrepare, st.sampled_from(["s1", "s2", "s3", "nowhere"])),
    st.builds(m.SessionGoLive, st.sampled_from(["s1", "s2", "s3", "nowhere"])),
    st.builds(m.SessionEnd, st.sampled_from(["s1", "s2", "s3", "nowhere"])),
    st.just(m.SurveyOpen()),
    st.just(m.SurveyClose()),
)

actors = st.sampled_from([*EVERYONE, m.SYSTEM])
phases: st.SearchStrategy[m.Phase] = st.sampled_from(["planned", "backstage", "live", "live", "live", "ended"])

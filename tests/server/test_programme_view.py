"""The programme as pages show it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from rooms import messages as m
from server.programme_view import Focus, days, films, focus

MORNING = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)  # 09:00 in Stockholm


def plan(number: int, kind: m.Kind = "plenary", *, hours: float | None = None, room: str = "plenum") -> m.SessionPlan:
    """The number-th hour of the morning, or `hours` after its beginning."""
    starts_at = MORNING + timedelta(hours=number if hours is None else hours)
    return m.SessionPlan(f"s{number}", f"Session {number}", kind, starts_at, starts_at + timedelta(hours=1), room)


def state(*plans: m.SessionPlan, **phases: m.Phase) -> m.ConferenceState:
    rooms = tuple(m.RoomPlan(key, key.title()) for key in sorted({p.room for p in plans}))
    programme = m.Programme("Vår", "Föreningen", "Europe/Stockholm", ("sv",), m.Goals(), rooms, plans)
    return m.ConferenceState(programme, {key: m.SessionRun(phase) for key, phase in phases.items()})


def test_days_are_those_of_the_conferences_zone() -> None:
    late = plan(2, hours=14.5)  # 23:30 in Stockholm
    night = plan(3, hours=15.5)  # 00:30 the next day there, still the same in UTC
    found = days(state(plan(1), late, night), MORNING)
    assert [(day.date, day.is_today, [entry.plan.id for entry in day.entries]) for day in found] == [
        (date(2026, 3, 25), True, ["s1", "s2"]),
        (date(2026, 3, 26), False, ["s3"]),
    ]


def test_rooms_are_named_only_where_there_are_several() -> None:
    assert days(state(plan(1)), MORNING)[0].entries[0].room == ""
    entries = days(state(plan(1), plan(2, room="grupp")), MORNING)[0].entries
    assert [entry.room for entry in entries] == ["Plenum", "Grupp"]


def test_before_there_is_a_programme_there_is_nothing() -> None:
    assert days(m.ConferenceState(), MORNING) == []
    assert focus(m.ConferenceState(), MORNING) == Focus("empty")
    assert focus(state(), MORNING) == Focus("empty")


def test_what_is_live_comes_before_what_the_clock_says() -> None:
    first, second, third = plan(1), plan(2), plan(3)
    found = focus(state(first, second, third, s1="live"), second.starts_at)
    assert found == Focus("live", first, then=second)


def test_what_is_being_prepared_comes_before_what_is_planned() -> None:
    first, second = plan(1), plan(2)
    assert focus(state(first, second, s2="backstage"), MORNING) == Focus("backstage", second)


def test_in_a_break_the_next_session_is_waited_for() -> None:
    first, coffee, second, third = plan(1), plan(2, "break"), plan(3), plan(4)
    found = focus(state(first, coffee, second, third, s1="ended"), coffee.starts_at + timedelta(minutes=5))
    assert found == Focus("waiting", second, during=coffee, then=third)


def test_a_session_that_has_not_begun_on_time_is_still_waited_for() -> None:
    first = plan(1)
    assert focus(state(first), first.starts_at + timedelta(minutes=10)).plan == first
    assert focus(state(first), first.ends_at).step == "over"


def test_when_all_has_ended_the_day_is_over() -> None:
    assert focus(state(plan(1), s1="ended"), MORNING) == Focus("over")


def test_films_are_the_recordings_that_can_be_watched_in_order_of_the_programme() -> None:
    def recording(key: str, status: m.RecordingStatus) -> m.Recording:
        return m.Recording(key, status, MORNING, "mona")

    first, second = plan(1), plan(2)
    rooms = {
        "s1": m.RoomState(recordings={"s1-r1": recording("s1-r1", "failed"), "s1-r2": recording("s1-r2", "available")}),
        "s2": m.RoomState(recordings={key: recording(key, "available") for key in ("s2-r1", "s2-r2")}),
    }
    found = [(film.recording.id, film.plan.id, film.part, film.parts) for film in films(state(first, second), rooms)]
    assert found == [("s1-r2", "s1", 1, 1), ("s2-r1", "s2", 1, 2), ("s2-r2", "s2", 2, 2)]

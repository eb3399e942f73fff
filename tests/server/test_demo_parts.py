"""The demonstration's parts that need no process: its programme, its people, its moderator's decisions, its picture."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from rooms import conference as conference_rules
from rooms import messages as m
from rooms import room as room_rules
from rooms.text import check_text
from server import programme_file
from server.cli.failure import Failure
from server.demo import direction, sayings
from server.demo.attendee import Hall
from server.demo.people import CAST, Cast, attendees, table
from server.demo.picture import CELL, CLOCK_AT, Picture, clock_cells
from server.demo.preparation import write_conference
from server.demo.programme import FIRST_SESSION, MARK, TIME_ZONE, conference
from server.demo.tracks import LOUDNESS, SAMPLES, chords
from server.municipalities import read_tables
from server.people_file import parse_people
from server.person import Person

ZONE = ZoneInfo(TIME_ZONE)
MORNING = datetime(2026, 3, 25, 8, 2, 30, tzinfo=UTC)
MODERATOR = m.Actor("mona", "Mona", frozenset({"moderator"}))


def people(count: int) -> tuple[Person, ...]:
    municipalities = read_tables()
    rows = table([*CAST, *attendees(count, municipalities, 2026)])
    return parse_people(rows, municipalities, file="people.csv", country="se", year=2026).people


def programme(now: datetime = MORNING) -> m.Programme:
    reading = programme_file.parse(conference(now).encode())
    assert reading.programme is not None, reading.problems
    return reading.programme


# --- the programme ---


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)))
def test_whenever_it_is_the_programme_is_good_and_begins_about_now(now: datetime) -> None:
    reading = programme_file.parse(conference(now).encode())
    assert reading.errors == [] and reading.programme is not None
    first = next(plan for plan in reading.programme.sessions if plan.id == FIRST_SESSION)
    # in the hour that clocks show twice the file cannot say which of the two is meant
    latest = timedelta(hours=2) if now.astimezone(ZONE).month == 10 else timedelta(0)
    assert now - timedelta(minutes=5) < first.starts_at <= now + latest
    days = {plan.starts_at.astimezone(ZONE).date() for plan in reading.programme.sessions}
    assert len(days) == 2 and max(days) - min(days) == timedelta(days=1)


@pytest.mark.parametrize("hour", [0, 9, 13, 21, 23])
def test_the_day_is_a_whole_conference(hour: int) -> None:
    found = programme(datetime(2026, 3, 25, hour, 17, tzinfo=ZONE))
    kinds = Counter(plan.kind for plan in found.sessions)
    assert kinds["plenary"] >= 4 and kinds["breakouts"] == 2 and kinds["assembly"] == 1 and kinds["break"] >= 4
    assert [plan.host for plan in found.sessions if plan.host] == ["SKR"]
    ends = [plan.ends_at for plan in found.sessions]
    assert all(before <= after.starts_at for before, after in zip(ends, found.sessions[1:], strict=False))


def test_late_at_night_the_rest_is_held_tomorrow() -> None:
    found = programme(datetime(2026, 3, 25, 21, 30, tzinfo=ZONE))
    today = [plan.id for plan in found.sessions if plan.starts_at.astimezone(ZONE).day == 25]
    assert today == ["incheckning", FIRST_SESSION]


def test_speakers_are_among_the_people_and_may_go_on_stage() -> None:
    reading = programme_file.parse(conference(MORNING).encode())
    assert reading.speakers and programme_file.unknown_speakers(reading, people(0)) == []


# --- the people ---


def test_people_are_spread_over_real_municipalities_of_every_size() -> None:
    crowd = [person for person in people(120) if person.municipality]
    assert len({person.municipality_code for person in crowd}) > 110
    assert len({person.county for person in crowd}) >= 18
    assert set(Counter(person.size_band for person in crowd)) == {"smallest", "smaller", "larger", "largest"}


def test_people_are_the_same_every_time_and_nobody_twice() -> None:
    assert people(300) == people(300)
    everybody = people(2000)
    assert len({person.name for person in everybody}) == len({person.email for person in everybody}) == 2000 + len(CAST)


def test_the_parts_are_there_however_few_attend() -> None:
    roles = Counter(role for person in people(0) for role in person.roles)
    assert (roles["moderator"], roles["speaker"], roles["board"]) == (2, 2, 1)


def test_more_attendees_bring_a_board() -> None:
    assert sum("board" in person.roles for person in people(120)) == 7


def test_an_attendee_leads_a_municipality_alone() -> None:
    first_lap = attendees(290, read_tables(), 2026)
    assert not any(one.title.startswith("Biträdande") for one in first_lap)
    assert len({one.municipality for one in first_lap}) == 290


def test_addresses_lead_nowhere() -> None:
    crowd: list[Cast] = [*CAST, *attendees(500, read_tables(), 2026)]
    assert all(one.email.endswith(".example") for one in crowd)  # RFC 2606: never registered


# --- the directory ---


def test_another_conference_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "conference.toml").write_text('name = "Ours"')
    with pytest.raises(Failure, match="another conference"):
        write_conference(tmp_path, MORNING, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["conference.toml"]


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(Failure, match="not empty"):
        write_conference(tmp_path, MORNING, 5)


def test_a_demonstration_goes_on_where_it_stopped_but_not_the_day_after(tmp_path: Path) -> None:
    write_conference(tmp_path, MORNING, 5)
    before = (tmp_path / "conference.toml").read_text()
    assert before.startswith(MARK)
    write_conference(tmp_path, MORNING + timedelta(minutes=20), 5)
    assert (tmp_path / "conference.toml").read_text() == before
    with pytest.raises(Failure, match="is over"):
        write_conference(tmp_path, MORNING + timedelta(days=2), 5)


# --- the moderator's decisions, carried out by the real rules ---


class Day:
    """A conference of which only the simulated moderator decides, second by second."""

    def __init__(self) -> None:
        self.now = MORNING
        self.conference = m.ConferenceState(programme())
        self.rooms = {plan.id: m.RoomState() for plan in programme().sessions}
        self.answered_at: datetime | None = None
        self.told: list[str] = []

    def plan(self, session_id: str) -> m.SessionPlan:
        return next(plan for plan in programme().sessions if plan.id == session_id)

    def live(self) -> str | None:
        return next((key for key, run in self.conference.runs.items() if run.phase == "live"), None)

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            self._conduct()
            if (session_id := self.live()) is not None:
                self._lead(session_id)

    def do(self, command: m.ConferenceCommand) -> None:
        for event in conference_rules.decide(self.conference, MODERATOR, command, self.now):
            self.conference = conference_rules.apply(self.conference, event)
        self.told.append(type(command).__name__)

    def do_in(self, session_id: str, command: m.RoomCommand, actor: m.Actor = MODERATOR) -> None:
        context = room_rules.SessionContext(self.plan(session_id), self.conference.runs[session_id])
        for event in room_rules.decide(self.rooms[session_id], context, actor, command, self.now):
            self.rooms[session_id] = room_rules.apply(self.rooms[session_id], event)
        self.told.append(type(command).__name__)

    def _conduct(self) -> None:
        if (step := direction.next_step(self.conference, self.now)) is not None:
            self.do(step)

    def _lead(self, session_id: str) -> None:
        room, run = self.rooms[session_id], self.conference.runs[session_id]
        if (step := direction.next_poll_step(room, run, 0, self.now)) is not None:
            self.do_in(session_id, step)
            if isinstance(step, m.PollClose):  # the server counts
                options = self.rooms[session_id].polls[step.poll_id].options
                self.do_in(session_id, m.PollCount(step.poll_id, (1,) * len(options)), m.SYSTEM)
        room = self.rooms[session_id]
        answer = direction.next_question_step(room, {}, self.answered_at, self.now)
        if answer is not None:
            self.do_in(session_id, answer)
            if isinstance(answer, m.QuestionMarkAnswered):
                self.answered_at = self.now


def test_within_a_minute_a_session_is_live_and_a_poll_is_open() -> None:
    day = Day()
    day.pass_time(30)
    assert day.live() == FIRST_SESSION
    assert [poll.phase for poll in day.rooms[FIRST_SESSION].polls.values()] == ["open"]


def test_polls_come_one_after_another_and_their_results_are_shown() -> None:
    day = Day()
    day.pass_time(300)
    phases = [poll.phase for poll in day.rooms[FIRST_SESSION].polls.values()]
    assert phases.count("shown") == 2 and phases.count("open") <= 1
    assert len({poll.anonymous for poll in day.rooms[FIRST_SESSION].polls.values()}) == 2


def test_somebody_elses_poll_is_left_to_them_and_waited_for() -> None:
    day = Day()
    day.pass_time(2)
    day.do_in(FIRST_SESSION, m.PollDraft("Vår egen fråga", ("Ja", "Nej"), True))
    theirs = next(key for key, poll in day.rooms[FIRST_SESSION].polls.items() if poll.title == "Vår egen fråga")
    day.do_in(FIRST_SESSION, m.PollOpen(theirs))
    day.pass_time(300)
    assert [p.id for p in day.rooms[FIRST_SESSION].polls.values() if p.phase == "open"] == [theirs]


def test_questions_are_published_asides_dismissed_and_some_answered() -> None:
    day = Day()
    day.pass_time(2)
    anna = m.Actor("anna", "Anna", frozenset({"attendee"}))
    for text in (sayings.QUESTIONS[0], sayings.ASIDES[0], sayings.QUESTIONS[1]):
        day.do_in(FIRST_SESSION, m.QuestionAsk(text), anna)
    day.pass_time(20)
    assert [q.status for q in day.rooms[FIRST_SESSION].questions.values()] == ["published", "dismissed", "published"]
    day.pass_time(60)
    assert [q.status for q in day.rooms[FIRST_SESSION].questions.values()].count("answered") == 1


def test_the_question_with_most_votes_is_answered_first() -> None:
    old = MORNING - timedelta(minutes=5)
    questions = {key: m.Question(key, "anna", "Varför?", old, "published", old) for key in ("q1", "q2", "q3")}
    step = direction.next_question_step(m.RoomState(questions=questions), {"q1": 2, "q2": 9}, None, MORNING)
    assert step == m.QuestionMarkAnswered("q2")


def test_sessions_follow_the_clock() -> None:
    day = Day()
    day.pass_time(60)
    day.now = day.plan("kompetens").starts_at - timedelta(seconds=90)
    day.pass_time(5)
    assert day.live() is None and day.conference.runs[FIRST_SESSION].phase == "ended"
    day.pass_time(95)
    assert day.live() == "kompetens"


def test_after_a_session_that_somebody_ended_early_the_next_comes_soon() -> None:
    day = Day()
    day.pass_time(60)
    day.do(m.SessionEnd(FIRST_SESSION))
    day.pass_time(60)
    assert day.conference.runs["kompetens"].phase == "backstage"
    day.pass_time(60)
    assert day.live() == "kompetens"


def test_the_survey_opens_while_people_are_there_and_closes_so_that_the_board_can_read_it() -> None:
    day = Day()
    phases: list[m.SurveyPhase] = []
    for seconds in (170, 30, 240, 60, 600):
        day.pass_time(seconds)
        phases.append(day.conference.survey.phase)
    assert phases == ["planned", "open", "open", "closed", "closed"]
    assert [day.told.count(name) for name in ("SurveyOpen", "SurveyClose")] == [1, 1]


def test_the_survey_goes_on_when_somebody_has_ended_the_session() -> None:
    day = Day()
    day.pass_time(200)  # it is open
    day.do(m.SessionEnd(FIRST_SESSION))
    over = {plan.id: m.SessionRun("ended", ended_at=day.now) for plan in programme().sessions}  # and no other will be live
    day.conference = replace(day.conference, runs=over | day.conference.runs)
    day.pass_time(300)
    assert day.live() is None
    assert day.conference.survey.phase == "closed"


# --- what is said, seen and heard ---


def test_everything_that_is_said_can_be_said() -> None:
    for text in (*sayings.QUESTIONS, *sayings.ASIDES, *sayings.COMMENTS):
        assert check_text(text, most=500) == text
    for poll in sayings.POLLS:
        room = m.RoomState()
        plan = replace(programme().sessions[1], id="s1")
        context = room_rules.SessionContext(plan, m.SessionRun("live"))
        assert room_rules.decide(room, context, MODERATOR, m.PollDraft(poll.title, poll.options, poll.anonymous), MORNING)


def test_the_hall_asks_quickly_at_first_and_calmly_later() -> None:
    clock = 0.0
    hall = Hall(random.Random(1), lambda: clock)
    asked = []
    for _ in range(1800):
        clock += 1
        if hall.question() is not None:
            asked.append(clock)
    assert sum(at <= 60 for at in asked) >= 7
    assert sum(at > 1200 for at in asked) <= 15


def test_the_picture_shows_the_wall_clock() -> None:
    picture = Picture("Helena Övralid")
    for now in (datetime(2026, 3, 25, 9, 41, 7, 86_000), datetime(2026, 3, 25, 23, 50, 26, 341_000)):
        assert read_clock(np.asarray(picture.draw(now).convert("L"))) == f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"


def test_the_picture_moves() -> None:
    picture = Picture("Helena Övralid")
    one, other = (np.asarray(picture.draw(MORNING + timedelta(seconds=s)))[80:] for s in (0, 2))
    assert 0.002 < np.mean(one != other) < 0.3


def test_the_sound_is_quiet_without_silence_and_without_a_seam() -> None:
    sound = chords().astype(np.float64) / 32_768
    assert len(sound) % SAMPLES == 0
    loudness = np.sqrt(np.mean(sound.reshape(-1, SAMPLES * 5) ** 2, axis=1))
    assert loudness.min() > LOUDNESS / 8 and loudness.max() < LOUDNESS * 3
    steps = np.abs(np.diff(sound))
    assert abs(sound[0] - sound[-1]) <= steps.max()


def read_clock(grey: NDArray[Any]) -> str:
    """The clock in a picture (height by width), read by comparing each cell with every digit."""
    glyphs = {one: np.asarray(glyph.getchannel("A"), dtype=float) / 255 for one, glyph in Picture("").glyphs.items()}
    text = ""
    for index, x in enumerate(clock_cells()):
        if index in (2, 5, 8):
            text += ":" if index < 8 else "."
            continue
        cell = grey[CLOCK_AT[1] : CLOCK_AT[1] + CELL[1], x : x + CELL[0]].astype(float)
        cell = (cell - cell.min()) / max(1.0, cell.max() - cell.min())
        text += min("0123456789", key=lambda digit: float(np.sum((glyphs[digit] - cell) ** 2)))
    return text
